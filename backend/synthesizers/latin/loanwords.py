"""English words as Japanese says them: phonemes and spelling to katakana, by the customs of loanwords.

The phonemes are hibari's (Kokoro's alphabet). They become phonemes of Japanese, which `kana.japanese_kana` writes. In short:

- A consonant that no vowel follows gets u: マスク; t and d get o: ベスト; ʧ and ʤ get i: マッチ. n is ン, m before p and b too.
- A short vowel before a last p t k d ɡ ʧ ʤ ʃ (or ts, ks, ps, dz) doubles it: ベッド, ボックス, キャッツ; inside a word
  spelling tells: ハッピー.
- r before no vowel lengthens: カー, ソード; after e and i it is ア: ベア, イア. er and or are アー: ドクター.
- ə is said as it is written: アメリカ, ドラゴン; so are o-like vowels: ホット; a after w is o: ウォッチ.
- k and ɡ before æ are キャ and ギャ; new, tube, duke have ニュ, チュ, デュ although Americans drop the j.

What custom decides against these rules is listed in _BY_CUSTOM and _NAMES. The rules: loan_consonants.py and loan_vowels.py.
"""

from __future__ import annotations

import re
from typing import Final

from backend.language.kana import japanese_kana
from backend.synthesizers.latin.loan_consonants import consonant
from backend.synthesizers.latin.loan_vowels import doubles, vowel
from backend.synthesizers.latin.spelling import VOWELS, SpelledWord

_BY_CUSTOM: Final = {
    "ah": "アー", "anna": "アンナ", "batman": "バットマン", "cake": "ケーキ", "camera": "カメラ", "canada": "カナダ",
    "chicken": "チキン", "coffee": "コーヒー", "cosplay": "コスプレ", "date": "デート", "demon": "デーモン",
    "energy": "エネルギー", "europe": "ヨーロッパ", "forever": "フォーエバー", "front": "フロント", "gate": "ゲート",
    "hello": "ハロー", "hero": "ヒーロー", "heroes": "ヒーローズ", "hmm": "フーム", "kitchen": "キッチン", "lady": "レディ",
    "lesson": "レッスン", "level": "レベル", "login": "ログイン", "london": "ロンドン", "mary": "メアリー",
    "message": "メッセージ", "monkey": "モンキー", "news": "ニュース", "oh": "オー", "orange": "オレンジ", "photo": "フォト",
    "pizza": "ピザ", "police": "ポリス", "potato": "ポテト", "potter": "ポッター", "robot": "ロボット", "romeo": "ロミオ",
    "sarah": "サラ", "shirt": "シャツ", "smartphone": "スマートフォン", "snake": "スネーク", "soccer": "サッカー",
    "state": "ステート", "steak": "ステーキ", "thomas": "トーマス", "tomato": "トマト", "tree": "ツリー",
    "vampire": "バンパイア", "village": "ビレッジ", "virus": "ウイルス", "vitamin": "ビタミン", "watson": "ワトソン",
    "wizard": "ウィザード", "zombie": "ゾンビ",
}  # fmt: skip
_NAMES: Final = {
    "ares": "アレス", "athena": "アテナ", "carlos": "カルロス", "ethan": "イーサン", "eva": "エバ",
    "excalibur": "エクスカリバー", "hans": "ハンス", "hercules": "ヘラクレス", "jose": "ホセ", "juan": "フアン", "lisa": "リサ",
    "loki": "ロキ", "luigi": "ルイージ", "nathan": "ネイサン", "sophia": "ソフィア", "sophie": "ソフィー", "thor": "トール",
    "zeus": "ゼウス", "zoe": "ゾーイ",
}  # fmt: skip
"""Names that Japanese took from other languages than English, or from the spelling."""
_LONG_AFTER_SAME: Final = re.compile(r"([aiueo])\1ː")


def katakana(word: str, phonemes: str) -> str:
    """Katakana of an English word whose phonemes are given, with or without marks of stress.

    Raises:
        ValueError: phonemes without a vowel.
    """
    if custom := _BY_CUSTOM.get(word.lower()) or _NAMES.get(word.lower()):
        return custom
    spelled = SpelledWord(word, phonemes)
    out = ""
    at = 0
    while at < len(spelled.said):
        if spelled.said[at] in VOWELS:
            sound, taken = vowel(spelled, at)
            out += sound + ("ʔ" if taken == 1 and doubles(spelled, at) else "")
            at += taken
        else:
            out += consonant(spelled, at)
            at += 1
    return japanese_kana(_LONG_AFTER_SAME.sub(r"\1ː", out))
