""" "The letter": three pages with the same cast, read from left to right."""

from __future__ import annotations

from samples import characters as who
from samples import scenery
from samples.characters import Pose
from samples.page import Page


def pages() -> list[Page]:
    return [a_quiet_morning(), the_letter(), an_answer()]


def a_quiet_morning() -> Page:
    page = Page("en", "ltr", 1)
    with page.panel(50, 50, 1000, 560) as pen:
        scenery.shelves(pen, (50, 50, 1000, 560), 4, seed=61)
        scenery.counter(pen, 560, 500, 500, 120)
        page.cast("Mike", who.cat(pen, Pose(850, 330, 54), "asleep"))
        page.cast("Hina", who.hina(pen, Pose(300, 400, 86), "calm", book=True))
    with page.panel(50, 635, 485, 855) as pen:
        page.cast("Hina", who.hina(pen, Pose(260, 1180, 120), "talking"))
    with page.panel(560, 635, 490, 855) as pen:
        scenery.beams(pen, 800, 1220, 120, 800, 28, 240)
        page.cast("Kodama", who.kodama(pen, Pose(800, 1180, 118), "happy"))
    page.caption(["SATURDAY MORNING.", "THE BOOK SHOP IS QUIET."], (280, 125))
    page.sfx("PURR", (700, 300), 74, angle=12)
    page.speech("Hina", ["KODAMA, LOOK!", "THERE WAS A LETTER", "IN THIS OLD BOOK."], (285, 790), (260, 1235))
    page.speech("Hina", ["CAN YOU READ IT?"], (340, 955), (290, 1230))
    page.speech("Kodama", ["A LETTER?", "HOW EXCITING!", "OF COURSE I CAN."], (805, 800), (805, 1190))
    return page


def the_letter() -> Page:
    page = Page("en", "ltr", 2)
    with page.panel(50, 50, 1000, 520) as pen:
        scenery.sparkles(pen, (400, 80, 260, 120), 6, seed=71)
        page.cast("Kodama", who.kodama(pen, Pose(550, 330, 100), "talking"))
    with page.panel(50, 595, 1000, 430) as pen:
        scenery.sea(pen, (50, 595, 1000, 430))
    with page.panel(50, 1050, 485, 440) as pen:
        page.cast("Hina", who.hina(pen, Pose(210, 1345, 96), "amazed"))
    with page.panel(560, 1050, 490, 440) as pen:
        page.cast("Mike", who.cat(pen, Pose(900, 1340, 66, -1), "amazed"))
        page.cast("Kodama", who.kodama(pen, Pose(660, 1370, 60), "worried"))
    page.speech("Kodama", ["MY DEAR HARU,", "I AM SORRY THAT", "I MISSED YOUR BOAT."], (245, 210), (470, 370))
    page.speech("Kodama", ["I WAITED ALL NIGHT", "BY THE SEA."], (850, 240), (640, 360))
    page.caption(["THE LETTER WAS", "FIFTY YEARS OLD."], (880, 680))
    page.speech("Hina", ["HARU? BUT THAT IS", "GRANDPA'S NAME!"], (300, 1135), (240, 1370))
    page.speech("Kodama", ["W-WHAT SHOULD", "WE DO NOW?"], (770, 1150), (680, 1370))
    return page


def an_answer() -> Page:
    page = Page("en", "ltr", 3)
    with page.panel(50, 50, 485, 640) as pen:
        scenery.shelves(pen, (50, 50, 485, 640), 4, seed=81)
        page.cast("Grandfather", who.grandfather(pen, Pose(260, 460, 100), "worried"))
    with page.panel(560, 50, 490, 640) as pen:
        page.cast("Hina", who.hina(pen, Pose(800, 470, 110, -1), "worried"))
    with page.panel(50, 715, 1000, 775) as pen:
        scenery.street(pen, (50, 715, 1000, 775), seed=82)
        page.cast("Grandfather", who.grandfather(pen, Pose(290, 1180, 88), "talking"))
        page.cast("Hina", who.hina(pen, Pose(790, 1190, 88, -1), "happy"))
        page.cast("Kodama", who.kodama(pen, Pose(550, 1160, 58), "happy"))
    page.speech("Grandfather", ["SO SHE DID WRITE", "TO ME..."], (280, 180), (270, 490))
    page.speech("Hina", ["IS IT TOO LATE", "TO ANSWER HER?"], (805, 190), (790, 500))
    page.caption(["AND SO, AN HOUR LATER..."], (260, 770))
    page.speech("Grandfather", ["COME ALONG, ALL OF YOU!", "THE FERRY LEAVES AT NOON."], (320, 900), (300, 1210))
    page.speech("Hina", ["HOORAY!"], (820, 900), (800, 1210), shape="spiky")
    page.sfx("DING DONG", (560, 1030), 60, angle=5)
    page.caption(["TO BE CONTINUED"], (880, 1440))
    return page
