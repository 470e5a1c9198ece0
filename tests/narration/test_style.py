"""A line's style is guessed from print, and neutral when in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.narration.style import Print, choose_style
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
        ("こっちだ", Print(dashed=True), Style.WHISPER),
        ("ごめんね…", None, Style.SAD),
        ("I'm so sorry...", None, Style.SAD),
        ("Sorry, I'm late!", None, Style.NEUTRAL),
        ("さようなら！！", None, Style.SHOUT),
        ("", None, Style.NEUTRAL),
    ],
)
def test_style_follows_marks_size_and_bubble(text: str, look: Print | None, style: Style) -> None:
    assert choose_style(text, look) is style


@given(st.text(max_size=200), st.floats(0.1, 10) | st.none(), st.booleans() | st.none(), st.booleans() | st.none())
def test_every_text_has_a_style(text: str, ratio: float | None, spiky: bool | None, dashed: bool | None) -> None:
    assert choose_style(text, Print(ratio, spiky, dashed)) in Style
