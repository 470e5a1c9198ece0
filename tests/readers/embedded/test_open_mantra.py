"""A copy of the public set of real pages becomes a folder that the reading benchmark can score."""

import json
import pathlib

from PIL import Image

from benchmarks.open_mantra import convert
from benchmarks.scoring import SpokenBox, score_page, summary


def copy_of_the_set(folder: pathlib.Path) -> pathlib.Path:
    """Two books in the layout of the set: one page with two texts and one page without text, and a book of one page."""
    texts = [{"x": x, "y": 10, "w": 40, "h": 90, "text_ja": text} for x, text in ((300, "話はもう"), (100, "終わった"))]
    books = []
    for name, pages in (("first", [texts, []]), ("second", [texts])):
        (folder / name).mkdir(parents=True)
        for number in range(len(pages)):
            Image.new("RGB", (400, 600), "white").save(folder / name / f"{number}.jpg")
        numbered = [
            {"page_index": number, "image_paths": {"ja": f"{name}/{number}.jpg"}, "text": text}
            for number, text in enumerate(pages)
        ]
        books.append({"book_title": name, "pages": numbered})
    (folder / "annotation.json").write_text(json.dumps(books), encoding="utf-8")
    return folder


def test_pages_with_text_are_written_as_the_scorer_reads_them(tmp_path: pathlib.Path) -> None:
    source = copy_of_the_set(tmp_path / "set")
    assert convert(source, tmp_path / "all", []) == 2
    assert convert(source, tmp_path / "one", ["first"]) == 1
    assert [path.name for path in sorted((tmp_path / "one").iterdir())] == ["first"]
    [truth] = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "one" / "first").glob("*.json")]
    with Image.open(tmp_path / "one" / "first" / "page-000.png") as image:
        assert image.size == (400, 600)
    right, left = SpokenBox((302, 12, 338, 98), "話はもう"), SpokenBox((102, 12, 138, 98), "終わった")
    assert summary([score_page(truth, [right, left])]) | {"pages": 1} == {
        "pages": 1,
        "blocks": 2,
        "recall": 1,
        "cer": 0,
        "whole": 1,
        "tau": 1,
        "exact": 1,
        "stray": 0,
    }
    assert score_page(truth, [left, right]).tau == -1
