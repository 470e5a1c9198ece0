"""Latin words inside Japanese lines: said as words where they are words, spelled only where people spell them."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.language import is_speakable, speech_text
from backend.narration.lexicon import spoken
from backend.series.model import LexiconEntry
from backend.synthesizers.base import PAUSE
from backend.synthesizers.latin import openjtalk, read_latin, reading

WORDS = [
    *(
        "John",
        "Hello",
        "hello",
        "NARUTO",
        "Kenji",
        "Sakura",
        "game",
        "GAME",
        "boss",
        "Harry",
        "Potter",
        "Goku",
        "don",
        "cat",
        "CAT",
        "ok",
    ),
    *(
        "OK",
        "TV",
        "DVD",
        "NASA",
        "NHK",
        "LED",
        "WHO",
        "USSR",
        "ABCDEFG",
        "X",
        "MEN",
        "me",
        "no",
        "I",
        "a",
        "x",
        "The",
        "Spider",
        "Man",
    ),
    *("Don't", "Let's", "I'm", "O'Neil", "iPhone", "McDonald", "Zorblax", "Shhh", "zzz"),
]
JAPANESE = ["俺は", "だ", "と", "言った", "！", "…", "、", "猫", "ネコ", "を", "3", " ", " ", "-", "."]
LINES = st.lists(st.sampled_from([*WORDS, *JAPANESE]), max_size=10).map("".join)


def said_of(printed: str) -> str:
    """A printed line as an engine says it; empty where there is nothing to say."""
    return read_latin(speech_text(printed, "ja") or "")


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("俺はJohnだ", "俺はジョンだ"),
        ("NARUTOを読む", "ナルトを読む"),
        ("Sakuraちゃん", "サクラちゃん"),
        ("samuraiの心", "サムライの心"),
        ("KENだ", "ケンだ"),
        ("gameをする", "ゲームをする"),
        ("HERO参上", "ヒーロー参上"),
        ("helloと言った", "ハローと言った"),
        ("tokyoへ行く", "トーキョーへ行く"),
        ("me", "ミー"),
        ("catとdog", "キャットとドッグ"),
        ("Batmanと行く", "バットマンと行く"),
        ("T-shirtだ", "Tシャツだ"),
        ("X-MENだ", "Xメンだ"),
        ("Thank you！", "サンキュー！"),
        ("俺は Kenji だ", "俺はケンジだ"),
        ("行くぞ Kenji", "行くぞ、ケンジ"),
        ("Harry Potterを読む", "ハリーポッターを読む"),
        ("I’m Kenjiだ", "アイムケンジだ"),
        ("O'Neilが来た", "オーニールが来た"),
        ("そうか…Kenjiか", "そうか…ケンジか"),
        ("Tōkyōと kyōtō", "Tokyoとキョート"),
    ],
)
def test_a_word_that_would_be_spelled_is_said_as_a_word(printed: str, said: str) -> None:
    assert said_of(printed) == said


@pytest.mark.parametrize(
    "printed",
    [
        "OKだ",
        "TVを見る",
        "DVDを3枚",
        "Tシャツ",
        "3年B組",
        "A型",
        "NASAの人",
        "NHKを見る",
        "LEDだ",
        "WHOが言う",
        "USAへ",
        "USSRだ",
        "XYZだ",
        "ABCDEFG",
        "HPが減る",
        "Helloと言った",
        "Let's goだ！",
        "iPhoneで",
        "I 東京",
    ],
)
def test_abbreviations_single_letters_and_known_words_stay_as_the_front_end_says_them(printed: str) -> None:
    assert said_of(printed) == printed


def test_an_apostrophe_of_print_belongs_to_the_word() -> None:
    assert said_of("Let’s goだ！") == "Let's goだ！"


def test_the_reading_of_a_series_comes_before_ours() -> None:
    own = LexiconEntry(surface="Luffy", reading="ルフィ", lang="ja")
    assert read_latin(spoken("Luffyだ", "ja", [own])[0]) == "ルフィだ"
    assert read_latin(spoken("Luffyだ", "ja", [])[0]) == "ラフィーだ"


@given(line=LINES)
@settings(deadline=None)
def test_no_word_is_spelled_but_those_that_are_to_be(line: str) -> None:
    said = said_of(line)
    for piece in (said or "").split(PAUSE):
        flags = iter(openjtalk.spelled_letters(piece))
        for word in re.findall(r"[A-Za-z]+(?:'[A-Za-z]+)*", piece):
            spelled = [next(flags) for char in word if char.isalpha()]
            assert not any(spelled) or reading._readings(word) is None, (said, word)


@given(line=LINES)
@settings(deadline=None)
def test_read_lines_are_settled_and_can_be_said(line: str) -> None:
    said = said_of(line)
    assert bool(said) == is_speakable(line, "ja")
    assert read_latin(said) == said


@given(text=st.text(st.characters(exclude_characters="'", min_codepoint=0x3000, max_codepoint=0x9FFF), max_size=30))
def test_lines_without_latin_letters_are_not_touched(text: str) -> None:
    assert read_latin(text) == text


@given(word=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=60))
@settings(deadline=None)
def test_any_row_of_letters_gets_kana_or_stays(word: str) -> None:
    assert re.fullmatch(r"[ァ-ヺー]+|[A-Za-z]+|サンキュー[A-Za-z]*", read_latin(word).replace(PAUSE, ""))


def test_a_line_whose_names_were_met_before_takes_no_time() -> None:
    line = "俺はJohn、NARUTOを読むgameだ"
    said_of(line)
    assert min(_seconds(line) for _ in range(20)) < 0.005  # 0.3 ms on an idle machine


def test_a_page_of_prose_without_a_pause_is_read_sentence_by_sentence() -> None:
    assert said_of("俺はKenjiだ！" * 100) == "俺はケンジだ！" * 100


def _seconds(line: str) -> float:
    started = time.perf_counter()
    said_of(line)
    return time.perf_counter() - started
