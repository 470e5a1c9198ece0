"""What of a page is heard, in which order and words."""

from __future__ import annotations

from backend.jobs.state import NarrationOptions, SfxPolicy
from backend.narration.write import Part, write_script
from backend.readers.base import Kind, Reading, TextBox
from backend.synthesizers.base import Style, Voice

NARRATOR = Part(Voice(id="sovits:narrator-v1"), "Narrator")


def box(text: str, kind: Kind = Kind.SPEECH, lang: str = "ja", at: float = 0.0) -> TextBox:
    return TextBox(box=(at, 0.0, at + 10.0, 20.0), text=text, kind=kind, lang=lang, confidence=0.9)


def written(*boxes: TextBox, **options: object) -> list[tuple[int, str, str]]:
    reading = Reading(width=100, height=200, boxes=boxes)
    script = write_script(reading, cast=[NARRATOR] * len(boxes), options=NarrationOptions.model_validate(options))
    return [(line.number, line.utterance.text, line.utterance.lang) for line in script.lines]


def test_lines_keep_reading_order_numbers_boxes_and_printed_text() -> None:
    boxes = (box("おはよう"), box("42", Kind.OTHER), box("Good morning!", lang="en", at=30))
    script = write_script(
        Reading(width=100, height=200, boxes=boxes), cast=[NARRATOR, NARRATOR, NARRATOR], options=NarrationOptions(speed=1.2)
    )
    assert [line.number for line in script.lines] == [0, 2]
    assert [line.box for line in script.lines] == [boxes[0].box, boxes[2].box]
    assert [line.text for line in script.lines] == ["おはよう", "Good morning!"]
    assert {line.utterance.speed for line in script.lines} == {1.2}
    assert (script.width, script.height) == (100, 200)


def test_sound_effects_are_heard_only_on_request_and_page_numbers_never() -> None:
    boxes = (box("ドカン", Kind.SFX), box("12", Kind.OTHER), box("なに", Kind.THOUGHT))
    assert [number for number, _, _ in written(*boxes)] == [2]
    assert [number for number, _, _ in written(*boxes, sfx=SfxPolicy.SPEAK)] == [0, 2]


def test_a_box_with_nothing_speakable_is_left_out() -> None:
    assert [number for number, _, _ in written(box("……"), box("っ"), box("はい"))] == [2]


def test_each_line_is_in_its_own_language() -> None:
    assert [lang for _, _, lang in written(box("待って"), box("Wait for me", lang="en"))] == ["ja", "en"]


def test_the_books_language_decides_where_the_words_do_not() -> None:
    assert [lang for _, _, lang in written(box("12", lang="ja"), lang="en")] == ["en"]


def test_a_lines_style_follows_its_marks_its_letters_and_its_kind() -> None:
    def column(text: str, letter_px: float, kind: Kind = Kind.SPEECH) -> TextBox:
        return box(text, kind).model_copy(update={"box": (0.0, 0.0, letter_px, letter_px * len(text))})

    boxes = (
        column("今日は早いね。", 10),
        column("君こそ早いじゃないか。", 10),
        column("待っていたんだ！", 10),
        column("待っていたんだ！", 16),
        column("やめろ！！", 10),
        column("おかしいな、静かすぎる。", 10, Kind.THOUGHT),
    )
    script = write_script(Reading(width=100, height=200, boxes=boxes), cast=[NARRATOR] * 6, options=NarrationOptions())
    assert [line.utterance.style for line in script.lines] == [
        Style.NEUTRAL,
        Style.NEUTRAL,
        Style.NEUTRAL,
        Style.SHOUT,
        Style.SHOUT,
        Style.WHISPER,
    ]
