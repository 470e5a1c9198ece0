"""Japanese phonemes as kana, and that the front end says of those kana what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.language import japanese_kana
from backend.synthesizers.embedded.phonemes import Phonemizer


@pytest.mark.parametrize(
    ("phonemes", "kana"),
    [
        ("ɕinonome", "シノノメ"),
        ("/takanaɕi/", "タカナシ"),
        ("tɕotːo", "チョット"),
        ("t͡ɕotto", "チョット"),
        ("mattɕa", "マッチャ"),
        ("toːkʲoː", "トーキョー"),
        ("toːkjoː", "トーキョー"),
        ("dʑɯːni", "ジューニ"),
        ("hoɴja", "ホンヤ"),
        ("hon.ja", "ホンヤ"),
        ("oɲa", "オニャ"),
        ("sempai", "センパイ"),
        ("vaioɾiɴ", "ヴァイオリン"),
        ("ɸaito", "ファイト"),
        ("paːtiː", "パーティー"),
    ],
)
def test_phonemes_have_one_spelling_in_kana(phonemes: str, kana: str) -> None:
    assert japanese_kana(phonemes) == kana


@pytest.mark.parametrize(
    "written", ["", "//", "k", "ʔ", "kaˈede", "kyoto", "東雲", "しののめ", "ka)[x", "kaꜜki", "ɕt", "matcha", "\ud800"]
)
def test_what_is_no_word_of_japanese_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"phonemes of Japanese|says nothing"):
        japanese_kana(written)


@given(st.text(alphabet="kstnhmjwaiueoɯɕʨʲːɴʔ. ", max_size=20))
def test_whatever_is_taken_becomes_kana_and_nothing_else(written: str) -> None:
    try:
        kana = japanese_kana(written)
    except ValueError:
        return
    assert set(kana) <= {chr(code) for code in range(0x30A1, 0x30F7)} | {"ー"}


MORAE = [
    "ka",
    "ɡi",
    "su",
    "te",
    "no",
    "ha",
    "bʲo",
    "mi",
    "ɾʲu",
    "ja",
    "ɕa",
    "ʨi",
    "ʦu",
    "ʑo",
    "na",
    "nʲa",
    "hʲo",
    "ɸu",
    "ti",
    "pe",
    "ɾa",
]


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    return Phonemizer()


@settings(max_examples=60, deadline=None)
@given(morae=st.lists(st.sampled_from(MORAE).flatmap(lambda m: st.sampled_from([m, f"{m}ɴ", f"{m}ʔpa"])), min_size=1, max_size=4))
def test_the_embedded_front_end_says_the_kana_as_they_were_written(phonemizer: Phonemizer, morae: list[str]) -> None:
    kana = japanese_kana("".join(["ma", *morae, "ma"]))
    assert japanese_kana(phonemizer(kana, "ja").replace(" ", "")) == kana
