"""`tanoshi read`: what stands on pages, without sound."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from backend.errors import BadBook, ReadingFailed
from backend.jobs.state import NarrationOptions
from backend.readers.base import Character, Direction, PageReader, Reading, ReadOptions
from backend.settings import load_settings


def read(
    pages: Annotated[list[Path], typer.Argument(help="Page images.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a page and line.")] = False,
    direction: Annotated[Direction, typer.Option(help="Reading direction of the book.")] = Direction.RTL,
    lang: Annotated[Literal["ja", "en"] | None, typer.Option(help="Language of the book; found per box when not given.")] = None,
) -> None:
    """Read pages and print their text boxes in reading order."""
    from backend.engines import make_reader  # noqa: PLC0415 - `tanoshi --help` need not import an engine

    options = ReadOptions(direction=direction, lang=lang)
    if failed := asyncio.run(_read_all(make_reader(load_settings()), pages, options, as_json=as_json)):
        raise typer.Exit(min(failed, 100))


async def _read_all(reader: PageReader, pages: list[Path], options: ReadOptions, *, as_json: bool) -> int:
    """Prints a page as soon as it is read; returns how many could not be."""
    failed = 0
    try:
        for path in pages:
            result = await _read_one(reader, path, options)
            if isinstance(result, str):
                failed += 1
                Console(stderr=True).print(result, style="red", markup=False, highlight=False, soft_wrap=True)
            elif as_json:
                typer.echo(json.dumps(page_json(path.name, result), ensure_ascii=False))
            else:
                _print_page(path.name, result)
    finally:
        await reader.aclose()
    return failed


async def _read_one(reader: PageReader, path: Path, options: ReadOptions) -> Reading | str:
    """What stands on the page, or a sentence that says why it cannot be read."""
    try:
        data = _bytes_of(path)
    except BadBook as error:
        return error.detail
    result = (await reader.read([data], options))[0]
    return f"{path}: {result.detail}" if isinstance(result, ReadingFailed) else result


def _bytes_of(path: Path) -> bytes:
    if path.is_dir() or path.suffix.lower() in (".cbz", ".zip", ".pdf"):
        raise BadBook(f"{path} is no page image: `tanoshi read` takes single pages, `tanoshi narrate` whole chapters.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadBook(f"{path} cannot be opened: {error.strerror}.") from error
    if not data:
        raise BadBook(f"{path} is an empty file.")
    return data


def page_json(image: str, reading: Reading) -> dict[str, Any]:
    """One line of `--json`: boxes that are spoken in reading order, and the others under `unspoken`."""
    from backend.language import is_speakable  # noqa: PLC0415 - `tanoshi --help` need not import it
    from backend.narration.write import is_heard  # noqa: PLC0415

    options = NarrationOptions()
    heard = [is_heard(box.kind, options) and is_speakable(box.text) for box in reading.boxes]
    boxes = [_box_json(number, reading) for number in range(len(reading.boxes))]
    return {
        "image": image,
        "width": reading.width,
        "height": reading.height,
        "panels": [_rounded(panel) for panel in reading.panels],
        "boxes": [box for box, wanted in zip(boxes, heard, strict=True) if wanted],
        "unspoken": [box for box, wanted in zip(boxes, heard, strict=True) if not wanted],
        "characters": [
            {"box": _rounded(one.box), "speaker": _label(one), "confidence": round(one.confidence, 3)}
            for one in reading.characters
        ],
        "tails": [_rounded(tail) for tail in reading.tails],
        "scores": reading.scores and reading.scores.model_dump(include={"panels", "tails", "same"}),
    }


def _box_json(number: int, reading: Reading) -> dict[str, Any]:
    box, scores = reading.boxes[number], reading.scores
    speaker = _label(reading.characters[box.speaker]) if box.speaker is not None else None
    return {
        "box": _rounded(box.box),
        "text": box.text,
        "kind": box.kind,
        "speaker": speaker,
        "lang": box.lang,
        "confidence": round(box.confidence, 3),
        "speaker_confidence": round(box.speaker_confidence, 3),
        "scores": scores
        and {
            "found": scores.boxes[number],
            "story": scores.story[number],
            "speakers": scores.speakers[number],
            "tails": scores.box_tails[number],
        },
    }


def _label(figure: Character) -> str:
    return figure.name or f"character-{figure.cluster}"


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(value, 1) for value in box]


def _print_page(image: str, reading: Reading) -> None:
    typer.echo(f"{image} ({reading.width} x {reading.height}, {len(reading.panels)} panels)")
    for box in reading.boxes:
        typer.echo(f"  {box.kind:<9} {box.text}")
