"""English words as a Japanese reader expects to hear them, where Open JTalk would spell them or not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.synthesizers.latin.english_g2p import english_g2p
from backend.synthesizers.latin.loanwords import katakana
from backend.synthesizers.latin.romaji import romaji_kana
from backend.synthesizers.latin.spelling import VOWELS, letters_of

PHONEMES = "".join(sorted(VOWELS)) + "bdfhjklmnpstvwzðŋɡɹɾTʔʃʒʤʧθˈˌ"


@pytest.mark.parametrize(
    ("word", "kana"),
    [
        ("John", "ジョン"),
        ("Michael", "マイケル"),
        ("David", "デイビッド"),
        ("William", "ウィリアム"),
        ("Daniel", "ダニエル"),
        ("Alice", "アリス"),
        ("Emily", "エミリー"),
        ("Harry", "ハリー"),
        ("Jack", "ジャック"),
        ("Bob", "ボブ"),
        ("Peter", "ピーター"),
        ("Charlie", "チャーリー"),
        ("Robert", "ロバート"),
        ("Arthur", "アーサー"),
        ("Edward", "エドワード"),
        ("George", "ジョージ"),
        ("Elizabeth", "エリザベス"),
        ("Jennifer", "ジェニファー"),
        ("Sherlock", "シャーロック"),
        ("Leo", "レオ"),
        ("Smith", "スミス"),
        ("Chris", "クリス"),
        ("Steve", "スティーブ"),
        ("McDonald", "マクドナルド"),
        ("hello", "ハロー"),
        ("boss", "ボス"),
        ("game", "ゲーム"),
        ("dog", "ドッグ"),
        ("cat", "キャット"),
        ("magic", "マジック"),
        ("knight", "ナイト"),
        ("monster", "モンスター"),
        ("power", "パワー"),
        ("battle", "バトル"),
        ("captain", "キャプテン"),
        ("dragon", "ドラゴン"),
        ("apple", "アップル"),
        ("happy", "ハッピー"),
        ("rocket", "ロケット"),
        ("lucky", "ラッキー"),
        ("mission", "ミッション"),
        ("image", "イメージ"),
        ("school", "スクール"),
        ("world", "ワールド"),
        ("girl", "ガール"),
        ("doctor", "ドクター"),
        ("story", "ストーリー"),
        ("king", "キング"),
        ("queen", "クイーン"),
        ("student", "スチューデント"),
        ("new", "ニュー"),
        ("three", "スリー"),
        ("box", "ボックス"),
        ("kids", "キッズ"),
        ("cats", "キャッツ"),
        ("angel", "エンジェル"),
        ("fish", "フィッシュ"),
        ("justice", "ジャスティス"),
        ("friend", "フレンド"),
        ("secret", "シークレット"),
        ("music", "ミュージック"),
        ("view", "ビュー"),
        ("beautiful", "ビューティフル"),
        ("rhythm", "リズム"),
        ("computer", "コンピューター"),
        ("figure", "フィギュア"),
        ("watch", "ウォッチ"),
        ("water", "ウォーター"),
        ("hero", "ヒーロー"),
        ("Loki", "ロキ"),
        ("Zeus", "ゼウス"),
    ],
)
def test_an_english_word_is_said_as_the_loanword_a_japanese_reader_knows(word: str, kana: str) -> None:
    assert katakana(word, english_g2p.word(word)[0]) == kana


@pytest.mark.parametrize(
    ("word", "accepted"),
    [
        ("nation", ("ネイション", "ネーション")),
        ("radio", ("ラジオ", "レイディオ")),
        ("fire", ("ファイアー", "ファイヤー", "ファイア")),
        ("father", ("ファーザー", "ファザー")),
        ("shadow", ("シャドー", "シャドウ")),
        ("idea", ("アイディア", "アイデア")),
        ("this", ("ジス", "ディス")),
        ("castle", ("キャッスル", "キャスル")),
        ("nature", ("ネイチャー", "ネーチャー")),
        ("sweet", ("スイート", "スウィート")),
        ("Luffy", ("ルフィー", "ラフィー", "ルフィ")),
    ],
)
def test_where_readers_differ_one_of_their_ways_is_taken(word: str, accepted: tuple[str, ...]) -> None:
    assert katakana(word, english_g2p.word(word)[0]) in accepted


@given(word=st.text("abcdefghijklmnopqrstuvwxyzXYZ'", min_size=1, max_size=12), phonemes=st.text(PHONEMES, max_size=12))
def test_whatever_the_phonemes_are_they_have_kana_or_say_nothing(word: str, phonemes: str) -> None:
    if set(phonemes) & VOWELS:
        assert re.fullmatch("[ァ-ヺー]+", katakana(word, phonemes))


@given(word=st.text("abcdefghijklmnopqrstuvwxyz", max_size=12), phonemes=st.text("əIbdklmnrsɹʃ", max_size=10))
def test_every_phoneme_has_its_letters_in_the_order_of_the_word(word: str, phonemes: str) -> None:
    written = letters_of(phonemes, word)
    assert len(written) == len(phonemes)
    assert re.fullmatch(".*".join(map(re.escape, ["", *written, ""])), word)


def test_the_letters_of_a_phoneme_are_those_a_reader_would_name() -> None:
    assert letters_of("mIkᵊl", "michael") == ["m", "i", "ch", "ae", "l"]
    assert letters_of("lɪtᵊl", "little") == ["l", "i", "tt", "", "l"]
    assert letters_of("nAʃən", "nation") == ["n", "a", "ti", "o", "n"]
    assert letters_of("nIt", "knight") == ["kn", "i", "ght"]


@pytest.mark.parametrize(
    ("word", "kana"),
    [
        ("Naruto", "ナルト"),
        ("kenji", "ケンジ"),
        ("SHINJI", "シンジ"),
        ("Sinzi", "シンジ"),
        ("Tsunade", "ツナデ"),
        ("Ryuuku", "リュウク"),
        ("Jun'ichi", "ジュンイチ"),
        ("Kyosuke", "キョスケ"),
        ("Hattori", "ハットリ"),
        ("Botchan", "ボッチャン"),
        ("Shimbashi", "シンバシ"),
        ("Satoh", "サトー"),
        ("Ohno", "オーノ"),
        ("Tyuta", "チュタ"),
    ],
)
def test_romaji_of_both_schools_is_written_in_kana(word: str, kana: str) -> None:
    assert romaji_kana(word) == kana


@pytest.mark.parametrize("word", ["", "John", "Luffy", "Alice", "wi", "ye", "Dragon'", "nn", "kk", "Max", "Tifa", "va"])
def test_what_is_no_romaji_has_no_kana(word: str) -> None:
    assert romaji_kana(word) is None


def test_spellings_that_english_has_too_can_be_refused() -> None:
    assert romaji_kana("Tina") == "チナ"
    assert romaji_kana("Tina", hepburn_only=True) is None
