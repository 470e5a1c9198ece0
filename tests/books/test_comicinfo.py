"""ComicInfo.xml is read leniently where people differ, and strictly where it could do harm."""

from __future__ import annotations

import pytest

from backend.books.comicinfo import ComicInfo, parse_comic_info
from backend.readers.base import Direction


def test_all_fields() -> None:
    data = (
        '<?xml version="1.0" encoding="utf-8"?><ComicInfo xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<Title> 雨の\n 日 </Title><Series>雲</Series><Number>12</Number><LanguageISO>ja-JP</LanguageISO>"
        "<Manga>YesAndRightToLeft</Manga><Pages><Page Image='0'/></Pages></ComicInfo>"
    )
    assert parse_comic_info(data.encode()) == ComicInfo(Direction.RTL, "ja", "雲 12: 雨の 日", "雲")


@pytest.mark.parametrize("data", ["<ComicInfo/>", "<ComicInfo><Manga/><LanguageISO/><Title/></ComicInfo>"])
def test_absent_and_empty_fields_are_none(data: str) -> None:
    assert parse_comic_info(data.encode()) == ComicInfo()


@pytest.mark.parametrize(("lang", "expected"), [("en", "en"), ("EN-us", "en"), ("jpn", "jpn"), ("Japanese", None), ("?", None)])
def test_only_language_tags_are_languages(lang: str, expected: str | None) -> None:
    assert parse_comic_info(f"<ComicInfo><LanguageISO>{lang}</LanguageISO></ComicInfo>".encode()).lang == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<ComicInfo>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><ComicInfo/>',
        b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ComicInfo><Title>&b;</Title></ComicInfo>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ComicInfo><Title>&x;</Title></ComicInfo>',
    ],
)
def test_what_is_broken_or_hostile_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not well-formed XML"):
        parse_comic_info(data)
