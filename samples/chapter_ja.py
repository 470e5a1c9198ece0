"""「声のする本」, "The book with a voice": seven pages, read from right to left."""

from __future__ import annotations

from samples import characters as who
from samples import scenery
from samples.characters import Pose
from samples.page import Page


def pages() -> list[Page]:
    return [rainy_street(), the_shelf(), the_untitled_book(), light(), the_voice(), the_request(), the_evening()]


def rainy_street() -> Page:
    page = Page("ja", "rtl", 1)
    with page.panel(50, 50, 1000, 640) as pen:
        scenery.street(pen, (50, 50, 1000, 640), seed=4)
        scenery.shop(pen, 130, 600)
        scenery.umbrella(pen, 716, 560, 150)
        page.cast("Hina", who.hina(pen, Pose(690, 500, 62, -1), "worried"))
        scenery.rain(pen, (50, 50, 1000, 640), 130, seed=8)
    with page.panel(560, 715, 490, 775) as pen:
        scenery.shelves(pen, (560, 715, 490, 775), 5, seed=2)
        page.cast("Hina", who.hina(pen, Pose(760, 1240, 95, -1), "talking"))
    with page.panel(50, 715, 485, 775) as pen:
        scenery.shelves(pen, (50, 715, 485, 775), 5, seed=3)
        page.cast("Grandfather", who.grandfather(pen, Pose(250, 1215, 92), "talking"))
        scenery.counter(pen, 60, 1400, 470, 100)
    page.caption(["雨の日の午後。", "町のはずれの", "古い本屋で。"], (950, 210))
    page.sfx("ザアザア", (440, 180), 84, angle=8)
    page.speech("Hina", ["すみません。", "雨やどりを", "させてください。"], (900, 925), (800, 1290))
    page.speech("Grandfather", ["さあ、どうぞ。", "ゆっくり見て", "いきなさい。"], (370, 925), (270, 1290))
    return page


def the_shelf() -> Page:
    page = Page("ja", "rtl", 2)
    with page.panel(560, 50, 490, 600) as pen:
        scenery.shelves(pen, (560, 50, 490, 600), 4, seed=11)
        page.cast("Hina", who.hina(pen, Pose(730, 470, 90), "happy"))
    with page.panel(50, 50, 485, 600) as pen:
        scenery.shelves(pen, (50, 50, 485, 600), 4, seed=12)
        scenery.counter(pen, 60, 560, 470, 100)
        page.cast("Mike", who.cat(pen, Pose(230, 360, 66), "talking"))
    with page.panel(50, 675, 1000, 815) as pen:
        scenery.shelves(pen, (50, 675, 1000, 815), 5, seed=13)
        scenery.open_book(pen, 560, 930, 76)
        page.cast("Hina", who.hina(pen, Pose(800, 1230, 100, -1), "amazed"))
        page.cast("Grandfather", who.grandfather(pen, Pose(260, 1230, 98), "calm"))
    page.speech("Hina", ["わあ、本が", "山ほどある。"], (935, 200), (800, 560))
    page.speech("Mike", ["にゃあ。"], (420, 180), (290, 400))
    page.speech("Hina", ["この本だけ、", "題名がない。"], (900, 880), (830, 1270), ruby={"題名": "だいめい"})
    page.speech(
        "Grandfather", ["ああ、それは", "読者を待って", "いる本だよ。"], (220, 885), (260, 1260), ruby={"読者": "どくしゃ"}
    )
    return page


def the_untitled_book() -> Page:
    page = Page("ja", "rtl", 3)
    with page.panel(50, 50, 1000, 460) as pen:
        scenery.shelves(pen, (50, 50, 1000, 460), 3, seed=21)
        page.cast("Hina", who.hina(pen, Pose(560, 250, 88), "talking", book=True))
        page.cast("Mike", who.cat(pen, Pose(890, 380, 50, -1), "calm"))
    with page.panel(560, 535, 490, 460) as pen:
        scenery.beams(pen, 805, 820, 100, 620, 26, 234)
        scenery.open_book(pen, 805, 800, 170)
    with page.panel(50, 535, 485, 460) as pen:
        page.cast("Hina", who.hina(pen, Pose(300, 830, 128), "amazed"))
    with page.panel(50, 1020, 1000, 470) as pen:
        scenery.beams(pen, 550, 1420, 60, 1000, 34, 236)
        scenery.open_book(pen, 550, 1330, 190)
        scenery.sparkles(pen, (330, 1080, 440, 150), 9, seed=5)
    page.speech("Hina", ["開けてみても", "いいですか。"], (790, 240), (610, 315))
    page.speech("Grandfather", ["もちろんだ。", "耳を近づけて", "ごらん。"], (230, 250), (52, 440))
    page.sfx("パラパラ", (805, 625), 80, angle=-6)
    page.speech("Hina", ["何か聞こえる。"], (125, 720), (225, 880))
    page.caption(["本の中から、", "小さな声がした。"], (960, 1180))
    return page


def light() -> Page:
    """The page without words."""
    page = Page("ja", "rtl")
    with page.panel(50, 50, 1000, 800) as pen:
        scenery.beams(pen, 550, 640, 120, 1100, 40, 232)
        scenery.open_book(pen, 550, 640, 260)
        scenery.sparkles(pen, (150, 120, 800, 500), 16, seed=31)
        page.cast("Kodama", who.kodama(pen, Pose(550, 400, 118), "asleep"))
    with page.panel(560, 875, 490, 635) as pen:
        scenery.beams(pen, 560, 900, 60, 900, 24, 240)
        page.cast("Hina", who.hina(pen, Pose(810, 1170, 128, -1), "amazed"))
    with page.panel(50, 875, 485, 635) as pen:
        scenery.beams(pen, 540, 900, 60, 900, 24, 240)
        page.cast("Mike", who.cat(pen, Pose(290, 1170, 100), "amazed"))
    return page


def the_voice() -> Page:
    page = Page("ja", "rtl", 5)
    with page.panel(50, 50, 1000, 500) as pen:
        scenery.sparkles(pen, (80, 80, 940, 420), 14, seed=41)
        page.cast("Kodama", who.kodama(pen, Pose(540, 290, 104), "talking"))
    with page.panel(560, 575, 490, 440) as pen:
        page.cast("Hina", who.hina(pen, Pose(720, 830, 108), "amazed"))
    with page.panel(50, 575, 485, 440) as pen:
        page.cast("Mike", who.cat(pen, Pose(420, 890, 58, -1), "amazed"))
        page.cast("Grandfather", who.grandfather(pen, Pose(170, 850, 76), "talking"))
    with page.panel(50, 1040, 1000, 450) as pen:
        scenery.shelves(pen, (50, 1040, 1000, 450), 3, seed=42)
        page.cast("Kodama", who.kodama(pen, Pose(560, 1260, 92), "happy"))
    page.speech("Kodama", ["はじめまして。", "私はコダマ。"], (860, 280), (640, 310))
    page.speech("Kodama", ["この本に住む", "声の精です。"], (220, 290), (445, 330), ruby={"精": "せい"})
    page.speech("Hina", ["本が、", "話した！"], (950, 745), (780, 890), shape="spiky")
    page.speech("Grandfather", ["やあ、", "久しぶりだね。"], (330, 715), (205, 890))
    page.speech("Kodama", ["物語を声に", "することが、", "私の仕事です。"], (830, 1250), (645, 1290), ruby={"物語": "ものがたり"})
    page.speech("Kodama", ["どの頁でも、", "読みますよ。"], (250, 1250), (475, 1290), ruby={"頁": "ページ"})
    return page


def the_request() -> Page:
    page = Page("ja", "rtl", 6)
    with page.panel(560, 50, 490, 700) as pen:
        page.cast("Hina", who.hina(pen, Pose(760, 520, 112, -1), "worried"))
    with page.panel(50, 50, 485, 700) as pen:
        scenery.beams(pen, 260, 560, 100, 620, 24, 240)
        page.cast("Kodama", who.kodama(pen, Pose(260, 530, 100), "happy"))
    with page.panel(50, 775, 1000, 715) as pen:
        scenery.street(pen, (50, 775, 1000, 715), seed=51)
        scenery.shop(pen, 90, 1390)
        page.cast("Grandfather", who.grandfather(pen, Pose(300, 1240, 54), "happy"))
        page.cast("Hina", who.hina(pen, Pose(760, 1190, 84), "happy"))
        page.cast("Kodama", who.kodama(pen, Pose(590, 1150, 50), "happy"))
        page.cast("Mike", who.cat(pen, Pose(500, 1320, 40), "happy"))
    page.speech("Hina", ["祖母は目が悪くて、", "もう本を", "読めないの。"], (900, 250), (800, 560), ruby={"祖母": "そぼ"})
    page.speech("Kodama", ["それなら、", "今夜私を", "連れて行って。"], (370, 230), (290, 500))
    page.caption(["雨はいつの間にか", "上がっていた。"], (940, 950))
    page.speech("Grandfather", ["またおいで。"], (480, 900), (330, 1260))
    return page


def the_evening() -> Page:
    page = Page("ja", "rtl", 7)
    with page.panel(50, 50, 1000, 480) as pen:
        scenery.room(pen, (50, 50, 1000, 480), 470)
        scenery.night_window(pen, (320, 80, 170, 190))
        page.cast("Grandmother", who.grandmother(pen, Pose(570, 330, 84), "happy"))
        page.cast("Hina", who.hina(pen, Pose(220, 330, 78), "happy"))
    with page.panel(50, 555, 1000, 450) as pen:
        scenery.sea(pen, (50, 555, 1000, 450))
        page.cast("Kodama", who.kodama(pen, Pose(500, 690, 66), "talking"))
    with page.panel(560, 1030, 490, 460) as pen:
        scenery.room(pen, (560, 1030, 490, 460), 1440)
        page.cast("Grandmother", who.grandmother(pen, Pose(720, 1300, 96), "talking"))
    with page.panel(50, 1030, 485, 460) as pen:
        scenery.room(pen, (50, 1030, 485, 460), 1440)
        page.cast("Mike", who.cat(pen, Pose(200, 1330, 56), "asleep"))
        page.cast("Kodama", who.kodama(pen, Pose(360, 1370, 50), "asleep"))
    page.caption(["その夜、小さな", "部屋に物語が", "流れた。"], (950, 190))
    page.speech("Grandmother", ["不思議な声ね。"], (760, 250), (640, 370))
    page.speech("Kodama", ["青い海を、", "白い船が", "進みます。"], (860, 740), (570, 725))
    page.speech("Grandmother", ["まるで、目の前に", "海が見えるよう。"], (930, 1190), (785, 1350))
    page.speech("Hina", ["明日も続きを", "聞こうね。"], (420, 1160), (530, 1290))
    page.caption(["おわり"], (100, 1130))
    return page
