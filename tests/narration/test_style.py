"""A line's style is guessed from print, and neutral when in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.narration.style import Print, choose_style, prints_of
from backend.readers.base import Kind, TextBox
from backend.synthesizers.base import Style


@pytest.mark.parametrize(
    ("text", "look", "style"),
    [
        ("今日はいい天気ですね。", None, Style.NEUTRAL),
        ("行くぞ！", None, Style.NEUTRAL),
        ("やめろ！！", None, Style.SHOUT),
        ("なんだと！？", None, Style.SHOUT),
        ("うおおおおー！", Print(letter_ratio=1.5), Style.SHOUT),
        ("うるさい", Print(spiky=True), Style.SHOUT),
        ("待て", Print(letter_ratio=2.4), Style.SHOUT),
        ("待て", Print(letter_ratio=1.5), Style.NEUTRAL),
        ("GET BACK HERE!", None, Style.NEUTRAL),
        ("Get BACK HERE!", None, Style.SHOUT),
        ("Nooooo!", None, Style.SHOUT),
        ("（聞こえているかな）", None, Style.WHISPER),
        ("Psst, over here.", None, Style.WHISPER),
        ("誰かいるのか…", Print(letter_ratio=0.6), Style.WHISPER),
        ("誰かいるのか…", None, Style.NEUTRAL),
        ("ごめんね…", None, Style.SAD),
        ("I'm so sorry...", None, Style.SAD),
        ("Sorry, I'm late!", None, Style.NEUTRAL),
        ("さようなら！！", None, Style.SHOUT),
        ("今日は何を食べようか", Print(thought=True), Style.WHISPER),
        ("まさか！！", Print(thought=True), Style.SHOUT),
        ("", None, Style.NEUTRAL),
    ],
)
def test_style_follows_marks_size_and_bubble(text: str, look: Print | None, style: Style) -> None:
    assert choose_style(text, look) is style


@given(st.text(max_size=200), st.floats(0.1, 10) | st.none(), st.booleans() | st.none())
def test_every_text_has_a_style(text: str, ratio: float | None, spiky: bool | None) -> None:
    assert choose_style(text, Print(ratio, spiky)) in Style


def box(text: str, letter_px: float, kind: Kind = Kind.SPEECH, lang: str = "ja") -> TextBox:
    """One column of letters of that size."""
    return TextBox(box=(5.0, 7.0, 5.0 + letter_px, 7.0 + letter_px * len(text)), text=text, kind=kind, lang=lang, confidence=0.9)


USUAL = (box("今日は早いね", 20), box("昨日は遅かったから", 21), box("そうだったんだ", 19), box("じゃあまた明日", 20))


def test_the_size_of_letters_is_told_against_the_pages_usual_ones() -> None:
    looks = prints_of((*USUAL, box("行くぞ皆！", 32), box("誰かいるのか…", 13)))
    ratios = [look.letter_ratio for look in looks]
    assert ratios == [pytest.approx(size / 20, rel=0.03) for size in (20, 21, 19, 20, 32, 13)]
    assert choose_style("行くぞ皆！", looks[4]) is Style.SHOUT
    assert choose_style("誰かいるのか…", looks[5]) is Style.WHISPER


def test_drawn_sounds_and_another_language_do_not_make_letters_small() -> None:
    sounds = [box("ドカーン", 90, Kind.SFX), box("バリバリ", 95, Kind.SFX), box("ゴゴゴゴ", 99, Kind.SFX)]
    english = [box("WHAT NOW?", 11, lang="en"), box("RUN AWAY", 11, lang="en"), box("OVER THERE", 12, lang="en")]
    assert [look.letter_ratio for look in prints_of((*USUAL, *sounds, *english))][:4] == [
        look.letter_ratio for look in prints_of(USUAL)
    ]


def test_two_boxes_make_no_usual_size_and_two_letters_no_size() -> None:
    assert [look.letter_ratio for look in prints_of((box("今日は早いね", 20), box("行くぞ皆！", 60)))] == [None, None]
    assert prints_of((*USUAL, box("待て", 60)))[-1].letter_ratio is None


def test_a_bubble_that_bursts_outwards_is_shouted() -> None:
    burst = box("今日は早いね", 20).model_copy(update={"spiky": True})
    looks = prints_of((burst, *USUAL))
    assert [look.spiky for look in looks] == [True, None, None, None, None]
    assert [choose_style("今日は早いね", look) for look in looks[:2]] == [Style.SHOUT, Style.NEUTRAL]


def test_what_a_figure_thinks_is_marked_as_thought() -> None:
    assert [look.thought for look in prints_of((box("まさか彼が", 20, Kind.THOUGHT), box("やあ元気かい", 20)))] == [True, False]


@given(
    st.lists(
        st.builds(
            TextBox,
            box=st.tuples(*[st.floats(-50, 50)] * 4),
            text=st.text(max_size=8),
            kind=st.sampled_from(Kind),
            lang=st.sampled_from(["ja", "en"]),
            confidence=st.just(0.5),
        ),
        max_size=6,
    )
)
def test_every_box_has_a_look_however_wrong_its_corners(boxes: list[TextBox]) -> None:
    assert len(prints_of(boxes)) == len(boxes)
