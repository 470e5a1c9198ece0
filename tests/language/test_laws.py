"""What holds for any text at all."""

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.language import detect_language, is_speakable, speech_text
from backend.language.words import _Dictionary, is_word
from backend.synthesizers.base import PAUSE

PRINT = st.text(
    st.sampled_from(
        "あいんっーッゃぁぃ漢一字々アファ゛゜ﾞ\u3099ｗwW…‥・。、.!?！？～〜―—- 　\n'’*@#$%&()「」♥IAUSTNOohatzr,;:°/+=×"
        "○〇〱ゝ〳〵１130①½ßİŌπΩςⅣ$€¥÷一二"
    ),
    max_size=40,
)
ANY = st.one_of(PRINT, st.text(max_size=60), st.text(st.characters(codec=None), max_size=20))
NAMES = ["Kenji", "D. O'Neil", "", "\\", "(("]
SPEAKABLE = {
    "ja": re.compile(rf"[\u3041-\u3096\u30a1-\u30faー\u3400-\u4dbf\u4e00-\u9fff々〆〇A-Za-z0-9、。！？・{PAUSE} .,:/'-]+"),
    "en": re.compile(rf"[A-Za-zÀ-ÿ0-9.,!?;:'{PAUSE} %$£€&+/#@=-]+"),
}


@pytest.mark.parametrize("lang", ["ja", "en"])
@given(text=ANY)
def test_any_text_becomes_speakable_text_or_nothing(lang: str, text: str) -> None:
    said = speech_text(text, lang, NAMES)
    if said is None:
        return
    assert SPEAKABLE[lang].fullmatch(said)
    assert re.search(r"[^\W_]", said)
    assert said == said.strip()
    assert PAUSE not in (said[0], said[-1])
    assert PAUSE * 2 not in said


@pytest.mark.parametrize("lang", ["ja", "en"])
@given(text=ANY)
def test_cleaning_clean_text_changes_nothing(lang: str, text: str) -> None:
    said = speech_text(text, lang, NAMES)
    if said is not None:
        assert speech_text(said, lang, NAMES) == said
        assert is_speakable(said, lang)


@given(text=ANY, hint=st.none() | st.text(max_size=8))
def test_every_text_has_one_of_two_languages(text: str, hint: str | None) -> None:
    assert detect_language(text, hint) in ("ja", "en")


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(
    "piece",
    ["a", "あ", "っ", "-", "…", ".", "!", "?", "*", "@!", " ", "ー", "I-", "W…", "ha", "ガタ", "(", "ア―", "f*", "1:", " …"],
)
def test_a_bubble_of_ten_thousand_equal_signs_takes_no_time(lang: str, piece: str) -> None:
    is_word("warm")
    started = time.perf_counter()
    speech_text(piece * (10_000 // len(piece)), lang)
    assert time.perf_counter() - started < 2.0


def test_the_dictionary_is_read_once_however_many_threads_ask_first(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def read() -> frozenset[str]:
        reads.append(1)
        time.sleep(0.02)
        return frozenset({"word"})

    dictionary = _Dictionary()
    monkeypatch.setattr(dictionary, "_read", read)
    threads = [threading.Thread(target=dictionary.words) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [1]
    assert dictionary.words() == frozenset({"word"})
