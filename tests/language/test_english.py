"""Every line here is a kind of bubble that a synthesizer read wrong when it got it as printed."""

import pytest

from backend.language import is_speakable, speech_text


def spoken(text: str) -> str | None:
    return speech_text(text, "en", names=["Kenji", "Monkey D. Luffy"])


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("IT'S HIM!", "It's him!"),
        ("LET US GO!", "Let us go!"),
        ("IS IT YOU?", "Is it you?"),
        ("KENJI!", "Kenji!"),
        ("RUN, KENJI!", "Run, Kenji!"),
        ("KENJI'S HOUSE", "Kenji's house"),
        ("LUFFY IS HERE", "Luffy is here"),
        ("THIS IS A TEST", "This is a test"),
        ("I'M SURE I'LL BE BACK", "I'm sure I'll be back"),
        ("OH NO! Kenji left.", "Oh no! Kenji left."),
        ("I said GET OUT of here!", "I said get out of here!"),
        ("WHaT IS HAPPENING", "What is happening"),
        ("MR. TANAKA", "Mr. Tanaka"),
        ("SO... YOU", "So…you"),
    ],
)
def test_capitals_are_shouting_not_spelling(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("CALL THE FBI!", "Call the FBI!"),
        ("The FBI called me.", "The FBI called me."),
        ("FBI", "FBI"),
        ("TURN ON THE TV", "Turn on the TV"),
        ("HQ, COME IN", "HQ, come in"),
        ("The US army", "The US army"),
        ("THE U.S. ARMY", "The U.S. army"),
        ("PLAN B", "Plan B"),
        ("AT&T", "AT&T"),
        ("McDonald's", "McDonald's"),
    ],
)
def test_acronyms_and_single_letters_stay_letters(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("NOOOO!", "No!"),
        ("NOO!", "No!"),
        ("STOOOOP!", "Stop!"),
        ("GOOOOOD MORNING", "Good morning"),
        ("HELLLOOO", "Hello"),
        ("PLEEEASE", "Please"),
        ("AAAAAHHHH!!", "Ah!"),
        ("Yessss", "Yes"),
        ("HAHAHAHAHAHA!", "Ha ha ha!"),
        ("MWAHAHA", "Mwa ha ha"),
        ("HMPH.", "Humph."),
        ("mmm", "hmm"),
    ],
)
def test_stretched_words_and_comic_sounds_become_words(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("WH-WHAT?!", "What?"),
        ("T-T-TEACHER!", "Teacher!"),
        ("I-I DON'T KNOW", "I don't know"),
        ("W...WHAT", "What"),
        ("N…NO WAY", "No way"),
        ("H-HE'S HERE", "He's here"),
        ("bye-bye", "bye-bye"),
        ("no-nonsense", "no-nonsense"),
        ("I… I love you", "I…I love you"),
    ],
)
def test_a_stammer_loses_its_first_tries_and_real_doubles_stay(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("@#$%&!", None),
        ("YOU @#$%!", "You!"),
        ("WHAT THE F**K", "What the"),
        ("F*CK!", None),
        ("D@MN IT", "it"),
        ("$100 and 50%", "$100 and 50%"),
        ("50%!", "50%!"),
        ("#1 FAN", "number 1 fan"),
        ("*sigh* FINE", "sigh fine"),
        ("WHAT'S UP ~ ♥", "What's up"),
        ("«Hi» “there” [you]", "Hi there you"),
        ("(I knew it)", "I knew it"),
        ("He (the boss) left", "He, the boss, left"),
        ("5-6 people", "5 to 6 people"),
        ("ZZZZZ", None),
        ("25°C", "25 degrees C"),
        ("ＯＫ, ﬁne", "OK, fine"),
        ("it’s", "it's"),
        ("DON'T\nMOVE", "Don't move"),
    ],
)
def test_signs_are_spoken_only_where_they_mean_something(printed: str, said: str | None) -> None:
    assert (spoken(printed) or "").lower() == (said or "").lower()


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("Tōkyō", "Tokyo"),
        ("SHŌNEN MANGA", "Shonen manga"),
        ("Gojō-sensei!", "Gojo-sensei!"),
        ("DVOŘÁK", "Dvorák"),
        ("Łódź", "Lódz"),
        ("Œuvre", "Oeuvre"),
        ("Straße", "Strasse"),
        ("ZOË!", "Zoe!"),
        ("é", "e"),
        ("CAFÉ!", "Café!"),
        ("naïve", "naïve"),
        ("Σ", "sigma"),
        ("πr", "pi r"),
        ("THE α MALE", "The alpha male"),
        ("TYPE-Ω", "Type-omega"),
        ("Chapter Ⅲ", "Chapter 3"),
        ("WORLD WAR II", "World war 2"),
        ("Louis XIV", "Louis 14"),
        ("PART VIII", "Part 8"),
        ("XXX", "X"),
        ("I'VE HAD IT", "I've had it"),
        ("THE 3RD DAY", "The 3rd day"),
        ("1ST!", "1st!"),
        ("3½ hours", "3 and 1/2 hours"),
        ("¥500", "500 yen"),
        ("500円", "500 yen"),
        ("20€", "€20"),
        ("2 × 4", "2 times 4"),
        ("9÷3", "9 divided by 3"),
        ("№ 7", "number 7"),
        ("ABC", "ABC"),
        ("Nice :D", "Nice"),
        ("I <3 you", "I you"),
        ("Hello, 田中!", "Hello!"),
        ("Привет, Kenji", "Kenji"),
        ("안녕 Bob", "Bob"),
        ("ok 👍", "ok"),
    ],
)
def test_foreign_letters_numerals_and_signs_are_written_as_they_are_said(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("Well... maybe", "Well…maybe"),
        ("Well…… maybe", "Well…maybe"),
        ("Well . . . maybe", "Well…maybe"),
        ("Well--maybe", "Well…maybe"),
        ("Well . . maybe", "Well…maybe"),
        ("Well — maybe", "Well…maybe"),
        ("...Hello...", "Hello"),
        ("WAIT-", "Wait"),
        ("What...?", "What?"),
        ("so…, then", "so…then"),
        ("WHAT?!?!!", "What?"),
        ("STOP!!!!", "Stop!"),
    ],
)
def test_every_kind_of_pause_is_the_one_mark_between_words_and_calls_are_single(printed: str, said: str) -> None:
    assert spoken(printed) == said


@pytest.mark.parametrize(
    "printed",
    [
        "",
        " ",
        "...",
        "!?",
        "-",
        "♪♪",
        "'",
        "“”",
        "おはよう",
        "Привет",
        "\u200b",
        "\ud800",
        "***",
        "안녕하세요",
        "你好",
        "Ελλάδα",
        "مرحبا",
        "สวัสดี",
        "😀😀",
        "🇯🇵",
        "%",
        "&",
        "+",
        "=",
        "$",
        "@",
        "#",
        "∞",
        "(^_^)",
        ":)",
        "T_T",
        "™",
    ],
)
def test_what_cannot_be_said_in_english_is_nothing(printed: str) -> None:
    assert spoken(printed) is None
    assert not is_speakable(printed, "en")
