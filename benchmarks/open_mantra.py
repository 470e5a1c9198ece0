"""Lays a copy of the OpenMantra set (real vertical manga with its text) out as pages that `benchmarks/reading.py` scores.

    python benchmarks/open_mantra.py DIR OUT [--books NAME ...]

DIR is the user's own copy of the set (github.com/mantra-inc/open-mantra-dataset; CC BY-NC 4.0: for measuring only, and nothing of it is
part of this project). OUT gets one folder a book, of NAME.png with NAME.json. Pages without annotated text are left out. The set calls
every text alike, so the columns of kinds say nothing here.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any

from PIL import Image


def truth_of(page: dict[str, Any]) -> dict[str, Any]:
    """A page's annotation in the format of `benchmarks/scoring.py`; the set lists texts in reading order."""
    blocks = [
        {"box": [text["x"], text["y"], text["w"], text["h"]], "text": text["text_ja"], "kind": "speech"} for text in page["text"]
    ]
    return {"direction": "rtl", "lang": "ja", "blocks": blocks}


def convert(source: pathlib.Path, target: pathlib.Path, books: list[str]) -> int:
    """Writes the pages of `books` (all when empty) under `target`; says how many."""
    written = 0
    for book in json.loads((source / "annotation.json").read_text(encoding="utf-8")):
        if books and book["book_title"] not in books:
            continue
        folder = target / book["book_title"]
        folder.mkdir(parents=True, exist_ok=True)
        for page in book["pages"]:
            if page["text"]:
                name = f"page-{page['page_index']:03}"
                with Image.open(source / page["image_paths"]["ja"]) as image:
                    image.convert("RGB").save(folder / f"{name}.png", compress_level=1)
                (folder / f"{name}.json").write_text(json.dumps(truth_of(page), ensure_ascii=False), encoding="utf-8")
                written += 1
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, metavar="DIR")
    parser.add_argument("target", type=pathlib.Path, metavar="OUT")
    parser.add_argument("--books", nargs="*", default=[])
    arguments = parser.parse_args()
    pages = convert(arguments.source, arguments.target, arguments.books)
    print(f"{pages} pages written to {arguments.target}")
