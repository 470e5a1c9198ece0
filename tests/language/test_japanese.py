"""Every line here is a kind of bubble that a synthesizer read wrong when it got it as printed."""

import pytest

from backend.language import is_speakable, speech_text


def spoken(text: str) -> str | None:
    return speech_text(text, "ja")


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("そうか……でも", "そうか…でも"),
        ("そうか・・・でも", "そうか…でも"),
        ("そうか。。。でも", "そうか…でも"),
        ("そうか...でも", "そうか…でも"),
        ("そうか――でも", "そうか…でも"),
        ("そうか—でも", "そうか…でも"),
        ("そうか‥でも", "そうか…でも"),
        ("そうか⋮でも", "そうか…でも"),
        ("え、、、でも", "え…でも"),
        ("そう…。でも", "そう…でも"),
        ("え…？", "え？"),
        ("…なに…", "なに"),
        ("…っ…な", "な"),
    ],
)
def test_every_kind_of_pause_is_the_one_mark_between_words(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("まさかーーー！！", "まさかー！"),
        ("ね〜", "ねー"),
        ("ね～～", "ねー"),
        ("やめろぉぉぉ！", "やめろー！"),
        ("すげぇ", "すげー"),
        ("ねぇねぇ", "ねーねー"),
        ("なにィィ", "なにー"),
        ("ファイト", "ファイト"),
        ("ティーカップ", "ティーカップ"),
        ("フォーク", "フォーク"),
        ("きゃあああああああ", "きゃあああ"),
        ("ドドドドドド", "ドドド"),
        ("ガタガタガタガタガタ", "ガタガタガタ"),
        ("ワハハハハハハ", "ワハハハ"),
        ("うわっっっ", "うわっ"),
    ],
)
def test_stretched_sounds_are_as_long_as_one_says_them(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("サッカ―ボ―ル", "サッカーボール"),
        ("ス｜パ｜", "スーパー"),
        ("ﾊﾟﾝ", "パン"),
        ("か゛んばれ", "がんばれ"),
        ("あ゛あ゛", "ああ"),
        ("こゝろ", "こころ"),
        ("たゞいま", "ただいま"),
        ("いろ〱", "いろいろ"),
        ("いろ〳〵", "いろいろ"),
        ("な に", "なに"),
        ("俺は　行く", "俺は、行く"),
        ("時々", "時々"),
    ],
)
def test_marks_of_print_become_the_kana_they_stand_for(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("12時", "12時"),
        ("１２時", "12時"),
        ("10:30", "10時30分"),
        ("10:00", "10時"),
        ("3〜5人", "3から5人"),
        ("5kg", "5キロ"),
        ("25℃", "25度"),
        ("3年B組", "3年B組"),
        ("TVを見る", "TVを見る"),
        ("100%", "100パーセント"),
        ("第①話", "第1話"),
        ("○○さん", "まるまるさん"),
        ("二〇二〇年", "2020年"),
        ("ジョン・スミス", "ジョン・スミス"),
    ],
)
def test_numbers_letters_and_units_are_left_to_be_read_or_written_out(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("10:05", "10時5分"),
        ("0時", "零時"),
        ("23:59", "23時59分"),
        ("3ー2", "3の2"),
        ("10−3", "10ひく3"),
        ("＃1", "ナンバー1"),
        ("三×三", "三かける三"),
        ("○×", "まるばつ"),
        ("〇か×か", "まるかばつか"),
        ("一〇〇円", "100円"),
        ("20時", "20時"),
        ("1,000,000円", "1000000円"),
        ("3.14", "3点イチヨン"),
        ("1.5倍", "1点5倍"),
        ("12.03秒", "12点ゼロサン秒"),
        ("090-1234-5678", "090の1234の5678"),
        ("$5", "5ドル"),
        ("¥1,200", "1200円"),
        ("￥300円", "300円"),
        ("80€", "80ユーロ"),
        ("2×3=6", "2かける3は6"),
        ("10÷2", "10わる2"),
        ("1+1", "1たす1"),
        ("ボケ&ツッコミ", "ボケアンドツッコミ"),
        ("½", "2分の1"),
        ("1¾", "1と4分の3"),
        ("第Ⅳ章", "第4章"),
        ("パートⅱ", "パート2"),
        ("パートIII", "パート3"),
        ("№7", "ナンバー7"),
        ("一九八〇年", "1980年"),
        ("〇", "まる"),
        ("π", "パイ"),
        ("ρは密度", "ローは密度"),
        ("Ωの指輪", "オメガの指輪"),
        ("Tōkyōタワー", "Tokyoタワー"),
        ("ドミトリー・Łukaszだ", "ドミトリー・Lukaszだ"),
    ],
)
def test_numerals_signs_and_foreign_letters_are_written_as_they_are_said(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"), [("ぁ", "あ"), ("ぅ…", "う"), ("ゃ！", "や！"), ("々", None), ("あ々", "あ"), ("人々", "人々")]
)
def test_small_kana_and_iteration_marks_need_something_before_them(printed: str, said: str | None) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("I ♥ 東京", "I 東京"),
        ("笑😂", "笑"),
        ("👍了解", "了解"),
        ("Привет、田中", "田中"),
        ("안녕、みんな", "みんな"),
        ("ＣＤを１０枚", "CDを10枚"),
        ("㊙作戦", "秘作戦"),
        ("你好", "你好"),
    ],
)
def test_of_mixed_scripts_what_can_be_said_is_said(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("「本当？」", "本当？"),
        ("なに！？", "なに？"),
        ("なにぃ!!!", "なにー！"),
        ("そうｗｗｗ", "そう"),
        ("草ｗ", "草"),
        ("マジか（笑）", "マジか"),
        ("大好き♡♪", "大好き"),
        ("はい\nどうぞ", "はい、どうぞ"),
        ("そ、そんな…っ!!", "そ、そんな！"),
        ("www.example", "www.example"),
    ],
)
def test_signs_that_are_only_seen_are_not_spoken(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "…",
        "――",
        "ーーー",
        "っ",
        "ッ！",
        "…っ",
        "ｗｗｗ",
        "！？",
        "♪",
        "（笑）",
        "〜",
        "한국어",
        "\u3099",
        "・",
        "\ud800",
        "안녕하세요",
        "Привет",
        "Ελλάδα",
        "مرحبا",
        "สวัสดี",
        "😀",
        "👨\u200d👩\u200d👧",
        "🇯🇵",
        "%",
        "&",
        "=",
        "$",
        "∞",
        "※",
        "々",
        "(^_^)",
    ],
)
def test_what_cannot_be_said_in_japanese_is_nothing(printed: str) -> None:
    assert spoken(printed) is None
    assert not is_speakable(printed, "ja")


@pytest.mark.parametrize("printed", ["ん", "え", "あっ", "3", "OK", "んっ"])
def test_the_shortest_cries_are_still_spoken(printed: str) -> None:
    assert is_speakable(printed, "ja")
