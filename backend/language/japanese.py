"""Japanese as it is printed in bubbles, made ready for a Japanese front end (Open JTalk reads digits, kanji and 記号 itself)."""

from __future__ import annotations

import re
import unicodedata

from backend.language.letters import arabic, named_greek, plain_latin
from backend.language.marks import normalize, settle_pauses
from backend.synthesizers.base import PAUSE

_KANA = r"\u3041-\u3096\u30a1-\u30fa"
_KATAKANA = r"\u30a1-\u30fa"
_KANJI = r"\u3400-\u4dbf\u4e00-\u9fff々〆〇"
_SMALL_VOWELS = dict(zip("ぁぃぅぇぉァィゥェォ", "AIUEOAIUEO", strict=True))
_UNSPEAKABLE = re.compile(rf"[^{_KANA}{_KANJI}ーA-Za-z0-9、。！？・{PAUSE} .,:/'-]+")
_SPEAKABLE = re.compile(rf"[{_KANA}{_KANJI}A-Za-z0-9]")
_BEFORE_NFKC = str.maketrans(
    {"℃": "度", "№": "ナンバー", "゛": "\u3099", "゜": "\u309a", "ﾞ": "\u3099", "ﾟ": "\u309a", "〽": None, "〻": "々"}
)
_FRACTION = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_NUMERALS = "〇一二三四五六七八九"
_NUMERAL_RUN = re.compile(rf"(?<![{_NUMERALS}十百千万])[{_NUMERALS}]*〇[{_NUMERALS}]*(?![十百千])")
_DIGIT_NAMES = ("ゼロ", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キュー")
_DECIMALS = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")
_MONEY = re.compile(r"([$€£¥])\s*(\d[\d,]*(?:\.\d+)?)(?![\d円])|(\d)\s*([$€£¥])")
_CURRENCIES = {"$": "ドル", "€": "ユーロ", "£": "ポンド", "¥": "円"}
_LARGE = str.maketrans("ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ", "あいうえおやゆよわアイウエオヤユヨワ")
_ALIKE = str.maketrans({"!": "！", "?": "？", "､": "、", "｡": "。", "，": "、", "．": "。", "‼": "！", "⁉": "？"})
_UNITS = {"kg": "キロ", "km": "キロ", "cm": "センチ", "mm": "ミリ", "m": "メートル", "g": "グラム"}

# Order matters below: marks become long vowels or pauses first, then repetition is limited, then signs go.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<=[A-Za-z])[’‘ʼ`](?=[A-Za-z])", "'"),  # Let’s
        (r"[(（](?:笑|泣|怒|汗|爆|照|涙|藁)[)）]", ""),
        (r"[・･·•∙.。](?: ?[・･·•∙.。])+|…", PAUSE),
        (rf"(?<=[{_KATAKANA}ー])[―—–─|丨‐-](?=[{_KATAKANA}])", "ー"),  # a long mark read as a dash: サッカ―ボ―ル
        (rf"(?<=[{_KATAKANA}])[―—–─|丨‐-](?![―—–─|丨‐\d-])", "ー"),
        (r"[―—─]+|[–‐-]{2,}", PAUSE),
        (rf"(?<=[{_KANA}{_KANJI}ー])[~〜∼]+(?!\d)", "ー"),
        (r"(?<=\d)\s*[~〜∼]\s*(?=\d)", "から"),
        (r"(?<![\d:])(\d{1,2}):00(?![\d:])", r"\1時"),
        (r"(?<![\d:])(\d{1,2}):(?:0(?=\d))?([1-5]?\d(?<=:\d\d))(?![\d:])", r"\1時\2分"),
        (r"(?<!\d)0時", "零時"),
        (r"(?<=\d),(?=\d{3})", ""),
        (r"(?<=\d)[-‐–ー](?=\d)", "の"),  # a house, a class, a telephone
        (r"(?<=\d)\s*−\s*(?=\d)", "ひく"),
        (r"#(?=\d)", "ナンバー"),
        (r"(?<=[\d一二三四五六七八九十百])\s*[×✕]\s*(?=[\d一二三四五六七八九十百])", "かける"),
        (r"[○◯〇](?=[×✕✖])", "まる"),
        (r"(?<![\dA-Za-z×✕✖])[×✕✖](?![\dA-Za-z×✕✖])", "ばつ"),
        (r"(?<=\d)\s*÷\s*(?=\d)", "わる"),
        (r"(?<=[\dA-Za-z])\s*\+\s*(?=[\dA-Za-z])", "たす"),
        (r"(?<=[\dA-Za-z])\s*=\s*(?=[\dA-Za-z])", "は"),
        (r"(?<=\d)%", "パーセント"),
        (rf"(?<=[{_KANA}{_KANJI}ー\dA-Za-z])\s*&\s*(?=[{_KANA}{_KANJI}\dA-Za-z])", "アンド"),
        (rf"(?<=[{_KANA}ー])[\u3099\u309a]+", ""),  # a voicing mark on a kana that has no voiced form: あ゛
        (r"(?<![A-Za-z.])[wWｗ]{2,}(?![A-Za-z.])", ""),  # ｗｗｗ is laughter
        (rf"(?<=[{_KANA}{_KANJI}ー！？。])[wW](?=$|[\s。、！？!?」])", ""),
        (rf"(?<![{_NUMERALS}])[○◯〇]{{2,}}(?![{_NUMERALS}])", "まるまる"),
        (rf"(?<![{_NUMERALS}十百千万])〇(?![{_NUMERALS}十百千万])", "まる"),
        (r"[×✕✖]{2,}", "ばつばつ"),
        (r"[「」『』【】〈〉《》\[\]()（）{}\"“”*#_♪♫♡♥❤★☆※●◆◇■□▲△▼▽→←↑↓]+", " "),
        (r"ー{2,}", "ー"),
        (rf"(?<![{_KANA}{_KANJI}ーA-Za-z])[ー]+", ""),
        (r"([っッ])[っッ]+", r"\1"),
        (rf"(?<![{_KANA}{_KANJI}ー])[っッ]+(?![{_KANA}])", ""),  # alone it is silence
        (rf"(?<![{_KANJI}])々+", ""),  # repeats nothing
        (rf"([{_KANA}])\1{{3,}}", r"\1\1\1"),
        (r"[！!]*[？?][！!？?]*", "？"),
        (r"[！!]+", "！"),
        (r"、{2,}", PAUSE),
        (r"[、,][、,]+", "、"),
        (r"[･·•∙]", "・"),
        (rf"(?<![{_KANA}{_KANJI}ーA-Za-z0-9])・+|・+(?![{_KANA}{_KANJI}A-Za-z0-9])", " "),
    )
)
_SMALL_ALONE = re.compile(rf"(?<![{_KANA}{_KANJI}ー])[ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ]")
_REPEATED_GROUP = re.compile(rf"([{_KANA}ー]{{2,4}}?)\1{{3,}}")
_LETTER_SPACED = re.compile(rf"(?<![^ ])([{_KANA}{_KANJI}ー](?: [{_KANA}{_KANJI}ー])+)(?![^ ！？。、])")
_PHRASE_GAP = re.compile(rf"(?<=[{_KANA}{_KANJI}ー]) +(?=[{_KANA}{_KANJI}])")


def clean(text: str) -> str:
    """The speakable Japanese of a text box; "" when there is none."""
    text = _FRACTION.sub(_in_parts, _iterations(text.translate(_BEFORE_NFKC)))
    text = normalize(named_greek(arabic(text), "ja")).translate(_ALIKE)
    text = plain_latin(arabic(named_greek(text, "ja")), keep_latin_1=False)
    text = _NUMERAL_RUN.sub(_as_digits, _MONEY.sub(_with_currency, text))
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    text = _SMALL_ALONE.sub(lambda small: small[0].translate(_LARGE), _DECIMALS.sub(_with_decimals, text))
    text = re.sub(r"(?<=\d)(kg|km|cm|mm|m|g)(?![A-Za-z])", lambda unit: _UNITS[unit[1]], text)
    text = _REPEATED_GROUP.sub(r"\1\1\1", _stretched(text))
    text = _UNSPEAKABLE.sub(" ", text)
    text = _LETTER_SPACED.sub(lambda letters: letters[1].replace(" ", ""), re.sub(r"\s+", " ", text))
    text = _PHRASE_GAP.sub("、", text)
    text = re.sub(r" *([、。！？…]) *", r"\1", text)
    text = re.sub(r"([！？。])[、。]+|[、。]+(?=[！？])", r"\1", text)
    return settle_pauses(text, is_speakable).lstrip("、。！？.,:/' -").rstrip("、 ")


def is_speakable(piece: str) -> bool:
    """Whether a piece between two pauses has a sound of its own: っ and ー have none."""
    return _SPEAKABLE.search(re.sub(r"[っッー]", "", piece)) is not None


def _in_parts(found: re.Match[str]) -> str:
    """½ -> 2分の1"""
    above, _, below = unicodedata.normalize("NFKC", found[2]).partition("⁄")
    return f"{found[1]}と{below}分の{above}" if found[1] else f"{below}分の{above}"


def _as_digits(found: re.Match[str]) -> str:
    """二〇二〇 -> 2020, because not every front end knows 〇; alone it is a circle."""
    run = found[0]
    return "".join(str(_NUMERALS.index(char)) for char in run) if run.strip("〇") else run


def _with_currency(found: re.Match[str]) -> str:
    """$5 -> 5ドル"""
    if found[1]:
        return found[2] + _CURRENCIES[found[1]]
    return found[3] + _CURRENCIES[found[4]]


def _with_decimals(found: re.Match[str]) -> str:
    """3.14 -> 3点イチヨン: what follows the point is said digit by digit."""
    decimals = found[2]
    if len(decimals) > 1:
        decimals = "".join(_DIGIT_NAMES[int(digit)] for digit in decimals)
    return f"{found[1]}点{decimals}"


def _stretched(text: str) -> str:
    """Small vowels that only stretch the kana before them become one long mark: やめろぉぉ -> やめろー, but not ファ or ティ."""
    out: list[str] = []
    vowel = ""
    for char in text:
        if char in _SMALL_VOWELS and vowel == _SMALL_VOWELS[char]:
            if out[-1] != "ー":
                out.append("ー")
            continue
        out.append(char)
        if char != "ー":
            vowel = _vowel(char)
    return "".join(out)


def _vowel(kana: str) -> str:
    """A, I, U, E or O for a kana that ends in it; "" for everything else."""
    name = unicodedata.name(kana, "")
    return name[-1] if name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER")) and name[-1] in "AIUEO" else ""


def _iterations(text: str) -> str:
    """Writes out iteration marks that no dictionary resolves: ゝ ゞ repeat one kana, 〱 and 〳〵 (vertical text) two."""
    text = re.sub(rf"([{_KANA}]{{2}})(?:〱|〳〵)", r"\1\1", text)
    text = re.sub(rf"([{_KANA}])([{_KANA}])(?:〲|〴〵)", lambda two: two[0][:2] + _voiced(two[1]) + two[2], text)
    text = re.sub(rf"([{_KANA}])[ゝヽ]", r"\1\1", text)
    return re.sub(rf"([{_KANA}])[ゞヾ]", lambda kana: kana[1] + _voiced(kana[1]), text)


def _voiced(kana: str) -> str:
    """か -> が"""
    return unicodedata.normalize("NFC", kana + "\u3099")
