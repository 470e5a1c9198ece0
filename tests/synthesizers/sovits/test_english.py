"""English words reach the engine as they are said: over its real front end, with a lexicon of a few words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.english import pronouncer

HOT = {"we'll": "W IY1 L", "well": "W EH1 L", "known": "N OW1 N", "kenta": "K EH1 N T AA0"}


@pytest.fixture(scope="module")
def front_end(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    gsv.prepare_import()
    lexicon = Path(shutil.copytree(tiny / layout.LEXICON, tmp_path_factory.mktemp("english") / "lexicon"))
    with (lexicon / "engdict-hot.rep").open("a", encoding="utf-8") as file:
        file.writelines(f"{word.upper()} {phonemes}\n" for word, phonemes in HOT.items())
    with gsv.without_warnings():
        return pronouncer(tiny, lexicon)


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("We'll go, won't we?", "We'll go, won't we?"),
        ("It’s Kenta's.", "It's Kenta's."),
        ("Goin' to 'em!", "Goin to em!"),
        ("A well-known man.", "A well known man."),
        ("You & me!", "You and me!"),
        ("I'm 17. And you?", "I'm seventeen . And you?"),
        ("At 10:05, or 7:30, or 2:00.", "At ten oh five, or seven thirty, or two o'clock."),
        ("Gate B2, on the 3rd.", "Gate B two, on the third."),
        ("The 1990s.", "The nineteen nineties."),
        ("The 2000s.", "The two thousands."),
        ("Two MP3s.", "Two M P three's."),
        ("€9, £3, $1,000!", "nine euros, three pounds, one thousand dollars!"),
        ("On the 21st, 100%!", "On the twenty first, one hundred percent!"),
    ],
)
def test_no_word_is_lost_and_none_is_made_up_where_numbers_and_marks_are_written_out(
    front_end: Any, printed: str, said: str
) -> None:
    assert front_end.text_normalize(printed).strip() == said


def test_a_short_form_is_not_taken_for_the_word_it_looks_like_without_its_apostrophe(front_end: Any) -> None:
    def sounds(text: str) -> list[str]:
        phones, _ = front_end.g2p(front_end.text_normalize(text))
        return [phone for phone in phones if phone.isalnum()]

    assert sounds("We'll!") == HOT["we'll"].split()
    assert sounds("Well!") == HOT["well"].split()
    assert sounds("Well-known.") == [*HOT["well"].split(), *HOT["known"].split()]
    assert sounds("Kenta's.") == [*HOT["kenta"].split(), "Z"], "of a name that has no entry with it"
