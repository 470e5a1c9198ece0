"""Draws the sample chapters and writes down every word on them.

    python -m samples.draw [FOLDER]

Writes FOLDER/ja/page-01.png with page-01.json and so on (default: this folder). The pictures are in the repository; run this
after a change to the story or the drawing. samples/README.md describes the records.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from samples import chapter_en, chapter_ja, fonts

HERE = Path(__file__).resolve().parent


def drawn() -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    """Every page as (path without suffix below the folder, picture, record).

    Raises:
        samples.fonts.FontsMissing: names the package that installs what is missing.
    """
    fonts.require()
    for folder, chapter in (("ja", chapter_ja.pages()), ("en", chapter_en.pages())):
        for number, page in enumerate(chapter, 1):
            image, record = page.finish()
            name = f"page-{number:02}"
            yield f"{folder}/{name}", image, {"image": f"{name}.png", **record}


def main(folder: Path) -> None:
    for name, image, record in drawn():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target.with_suffix(".png"), optimize=True)
        target.with_suffix(".json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(f"{name}.png  {target.with_suffix('.png').stat().st_size // 1000} kB  {len(record['blocks'])} blocks")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    except fonts.FontsMissing as missing:
        sys.exit(str(missing))
