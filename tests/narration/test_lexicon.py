"""How words of a series are said."""

from __future__ import annotations

import difflib
import hashlib
import json
import re

import pytest
from pydantic import ValidationError

from backend.language import english_phonemes, respelled
from backend.narration.cache import utterance_key
from backend.narration.lexicon import spoken, with_readings
from backend.series.model import LexiconEntry
from backend.synthesizers.base import Utterance, Voice
from backend.synthesizers.embedded.phonemes import Phonemizer


def entries(*pairs: tuple[str, str], lang: str = "en") -> list[LexiconEntry]:
    return [LexiconEntry(surface=surface, reading=reading, lang=lang) for surface, reading in pairs]


def test_english_words_are_replaced_whole_and_whatever_their_case() -> None:
    lexicon = entries(("Kaede", "kah-eh-deh"))
    assert with_readings("KAEDE! kaedes, Kaede.", "en", lexicon) == "kah-eh-deh! kaedes, kah-eh-deh."


def test_the_longest_japanese_entry_wins_and_readings_are_not_read_again() -> None:
    lexicon = entries(("東", "ひがし"), ("東雲", "しののめ"), ("しののめ", "x"), lang="ja")
    assert with_readings("東雲の東", "ja", lexicon) == "しののめのひがし"


def test_entries_of_another_language_do_not_apply() -> None:
    assert with_readings("Kaede", "ja", entries(("Kaede", "x"))) == "Kaede"
    assert with_readings("Kaede", "en", []) == "Kaede"


def test_surfaces_with_signs_are_taken_as_they_are() -> None:
    assert with_readings("a.b (c) axb", "en", entries(("a.b", "one"), ("(c)", "two"))) == "one two axb"


KAEDE = LexiconEntry(surface="Kaede", phonemes="kɑˈɛdeɪ", reading="kah-eh-day", lang="en")


def test_a_word_with_phonemes_stays_in_the_text_and_its_phonemes_go_beside_it() -> None:
    text, said = spoken("KAEDE! Where's KAEDE'S sword?", "en", [KAEDE])
    assert text is not None
    assert text.lower().count("kaede") == 2
    assert [(one.word, one.phonemes, one.reading) for one in said] == [("Kaede", "kɑˈɛdA", "kah-eh-day")]
    assert spoken("Nobody is here.", "en", [KAEDE]) == ("Nobody is here.", ())
    assert spoken("...", "en", [KAEDE]) == (None, ())


def test_a_longer_word_with_phonemes_is_not_broken_by_the_reading_of_a_part_of_it() -> None:
    lexicon = [LexiconEntry(surface="New York", phonemes="nˈujˈɔɹk", lang="en"), *entries(("York", "yark"))]
    text, said = spoken("York or New York?", "en", lexicon)
    assert text == "yark or New York?"
    assert [one.word for one in said] == ["New York"]


def test_a_word_that_cleaning_would_change_is_said_by_its_reading() -> None:
    text, said = spoken("Call K*7 now", "en", [LexiconEntry(surface="K*7", phonemes="kˈA", reading="kay seven", lang="en")])
    assert (text, said) == ("Call kay seven now", ())


def test_engines_without_phonemes_get_letters_even_where_nobody_gave_a_reading() -> None:
    bare = KAEDE.model_copy(update={"reading": None})
    _, said = spoken("Kaede!", "en", [bare])
    assert [(one.phonemes, one.reading) for one in said] == [("kɑˈɛdA", "kaheday")]
    text, said = spoken("Call K*7 now", "en", [LexiconEntry(surface="K*7", phonemes="kˈAsˈɛvən", lang="en")])
    assert (text, said) == ("Call kaysevan now", ())


def test_letters_made_of_phonemes_are_read_nearly_as_they_were_meant() -> None:
    front_end, likeness = Phonemizer(), []
    for written in ("kɑˈɛdeɪ", "sˈɑkuɹə", "jˈukikoʊ", "midˈɔɹi", "θˈɔɹɪn", "hinˈɑtə", "ɹiˈoʊkoʊ", "mɑkˈoʊtoʊ"):
        meant = english_phonemes(written)
        one, other = (re.sub("[ˈˌ ]", "", said) for said in (meant, front_end(respelled(meant), "en")))
        likeness.append(difflib.SequenceMatcher(None, one, other).ratio())
    assert sum(likeness) / len(likeness) > 0.75, likeness


def test_a_japanese_word_with_phonemes_is_said_as_the_kana_that_write_them_by_every_engine() -> None:
    lexicon = [LexiconEntry(surface="東雲", phonemes="ɕinonome", reading="とううん", lang="ja")]
    assert spoken("東雲さん、東雲さん！", "ja", lexicon) == ("シノノメさん、シノノメさん！", ())
    assert lexicon[0].phonemes == "ɕinonome", "shown as it was given"


@pytest.mark.parametrize(
    "entry",
    [
        {"surface": "x", "lang": "en"},
        {"surface": "東雲", "phonemes": "kɑˈɛdeɪ", "lang": "ja"},
        {"surface": "東雲", "phonemes": "kst", "reading": "しののめ", "lang": "ja"},
        {"surface": "x", "phonemes": "kˈA/)[y](/k", "lang": "en"},
        {"surface": "x", "phonemes": "kst", "lang": "en"},
        {"surface": "x", "phonemes": "たか", "lang": "en"},
    ],
)
def test_entries_that_say_nothing_or_nothing_that_can_be_said_are_refused(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        LexiconEntry.model_validate(entry)


def test_lines_that_are_said_differently_have_different_places_in_the_cache() -> None:
    plain = Utterance(text="Kaede.", lang="en", voice=Voice(id="sovits:mc-v1"))
    _, said = spoken("Kaede.", "en", [KAEDE])
    _, other = spoken("Kaede.", "en", [KAEDE.model_copy(update={"phonemes": "kˈAdi"})])
    keys = {
        utterance_key("e", plain.model_copy(update={"pronunciations": pronunciations})) for pronunciations in ((), said, other)
    }
    assert len(keys) == 3
    before = ["sovits:mc-v1", "1", "Kaede.", "en", "1.000", "neutral"]
    assert utterance_key("e", plain).endswith(f"{hashlib.sha256(json.dumps(before).encode()).hexdigest()}.flac"), "old lines stay"
