"""The transcript says what every page says, in order, and reads back as it was written."""

from __future__ import annotations

import json
from pathlib import Path

from backend.books.members import Skipped
from backend.books.transcript import Transcript, TranscriptPage, write_transcript
from backend.narration.cues import cue
from backend.readers.base import Direction, Kind
from tests.support.lines import script_line


def a_transcript() -> Transcript:
    line = script_line(2, "待って！", spoken="待って！", speaker="ケン", kind=Kind.THOUGHT, box=(1, 2, 3, 4))
    return Transcript(
        title="雲 3",
        direction=Direction.RTL,
        pages=(
            TranscriptPage(
                index=0,
                name="001.png",
                width=100,
                height=200,
                start=0.0,
                duration=2.5,
                audio="page-000/index.m3u8",
                lines=(cue(line, start_s=0.15, end_s=1.2, page_size=(100, 200)),),
            ),
            TranscriptPage(index=1, name="002.png", error="The image is damaged or cut short."),
        ),
        skipped=(Skipped("credits.txt", "not an image"),),
    )


def test_a_transcript_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_transcript(tmp_path / "transcript.json", a_transcript())
    assert [file.name for file in tmp_path.iterdir()] == ["transcript.json"]
    text = (tmp_path / "transcript.json").read_text(encoding="utf-8")
    assert "待って！" in text
    assert Transcript.model_validate_json(text) == a_transcript()


def test_a_line_has_all_that_is_known_about_it(tmp_path: Path) -> None:
    write_transcript(tmp_path / "transcript.json", a_transcript())
    page, failed = json.loads((tmp_path / "transcript.json").read_text(encoding="utf-8"))["pages"]
    assert page["lines"] == [
        {
            "number": 2,
            "start": 0.15,
            "end": 1.2,
            "text": "待って！",
            "spoken": "待って！",
            "lang": "en",
            "speaker": "ケン",
            "voice": "sovits:mc-v1",
            "kind": "thought",
            "box": [1, 2, 3, 4],
            "box_percent": [1, 1, 3, 2],
        }
    ]
    assert failed["lines"] == []
    assert failed["error"]
