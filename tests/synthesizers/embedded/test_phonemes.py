from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.language import speech_text
from backend.synthesizers.base import PAUSE, Pronunciation, Utterance, Voice
from backend.synthesizers.embedded.phonemes import Phonemizer, parts, sounds, split

KANA = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))]


@pytest.fixture(scope="module")
def phonemize() -> Phonemizer:
    return Phonemizer()


@given(text=st.text(st.sampled_from("abcde ,.!?;:—ˈ"), max_size=300), most=st.integers(1, 60))
def test_splitting_loses_nothing_and_keeps_to_the_limit(text: str, most: int) -> None:
    pieces = split(text, most)
    assert all(0 < len(piece) <= most for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_long_lines_are_cut_between_sentences_then_clauses_then_words() -> None:
    assert split("one two. three four.", 12) == ["one two.", "three four."]
    assert split("one two, three four", 12) == ["one two,", "three four"]
    assert split("one two three four", 9) == ["one two", "three", "four"]
    assert split("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert split("short", 400) == ["short"]
    assert split("", 400) == []


def test_only_phonemes_that_take_time_are_counted() -> None:
    assert sounds("həlˈO, wˈɜɹld!") == 9
    assert sounds("…?! ") == 0


def test_japanese_numbers_letters_and_signs_are_read_as_a_reader_reads_them(phonemize: Phonemizer) -> None:
    assert phonemize("12時", "ja").replace(" ", "").replace("ʲ", "") == "ʥɨːɲiʥi"
    assert phonemize("3年B組", "ja").split()[1:] == ["bʲiː", "ɡɯmʲi"]
    assert "kakeɾɯ" in phonemize("2かける3", "ja").replace(" ", "")
    assert phonemize("なに？", "ja").endswith("?")
    assert phonemize("行け！", "ja").endswith("!")


@pytest.mark.parametrize(("printed", "heard"), [("俺はJohnだ", "ʥoɴ"), ("NARUTOを読む", "naɾɯto"), ("Helloと言った", "haɾoː")])
def test_latin_words_in_a_japanese_line_are_heard_as_words(phonemize: Phonemizer, printed: str, heard: str) -> None:
    said = parts(Utterance(text=speech_text(printed, "ja") or "", lang="ja", voice=Voice(id="sovits:narrator-v1")))
    assert heard in " ".join(phonemize(part, "ja") for part in said).split()


@pytest.mark.parametrize("text", ["0", "007", "10点ゼロゴ", "090の1234", "0点5", "10.05"])
def test_a_zero_is_read_wherever_it_stands(phonemize: Phonemizer, text: str) -> None:
    assert "ʣeɾo" in phonemize(text, "ja").replace(" ", "")


@given(
    st.text(st.characters(max_codepoint=0x2DFF) | st.sampled_from(KANA), min_size=1, max_size=3), st.sampled_from(["ja", "en"])
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_counts_as_speakable_has_a_sound(phonemize: Phonemizer, printed: str, lang: str) -> None:
    said = speech_text(printed, lang)

    assert said is None or sum(sounds(phonemize(part, lang)) for part in said.split(PAUSE)) > 0


def test_every_kana_and_every_punctuation_mark_has_a_phoneme_or_a_pause(phonemize: Phonemizer) -> None:
    for kana in "あかさたなはまやらわがざだばぱんキャシュチョフェティヴ":
        assert phonemize(kana, "ja") or kana in "ャュョェィ", kana


def test_english_words_are_said_as_words(phonemize: Phonemizer) -> None:
    assert phonemize("It's him.", "en").replace("ˌ", "").replace("ˈ", "") == "ɪts hɪm."
    assert sounds(phonemize("Kenji", "en")) in range(3, 8)


def test_a_word_whose_phonemes_are_given_is_said_with_them(phonemize: Phonemizer) -> None:
    said = (Pronunciation(word="Kaede", phonemes="kɑˈɛdA"),)
    line = Utterance(text="Oh, Kaede!…Is KAEDE here?", lang="en", voice=Voice(id="x"), pronunciations=said)
    first, second = (phonemize(part, "en") for part in parts(line))
    assert first.endswith("kɑˈɛdA!")
    assert "kɑˈɛdA hˈɪɹ?" in second
    without = [phonemize(part, "en") for part in parts(line.model_copy(update={"pronunciations": ()}))]
    assert not any("kɑˈɛdA" in part for part in without)
