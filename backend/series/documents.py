"""The memory of a series as a document, read and written in slices between which the event loop goes on.

A full memory is 5 MB with 4,000 notes: in one go that held everybody up for 20 ms at each page that is heard, and a thread would not help,
as parsing keeps the interpreter to itself. The document is one JSON object all the same, with its line breaks where it may be cut:

    {"pages":{
    "key":{...},"key":{...},
    "key":{...}
    },"members":{
    "1":{...}
    },"next_id":2,...}

Older releases wrote, and read, JSON without regard to lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from pydantic import TypeAdapter

from backend.series.model import Member, PageNote, SeriesCast

SLICES: Final = {"pages": 200, "members": 20}
"""How many of each make half a millisecond."""
_PARTS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "pages": TypeAdapter(dict[str, PageNote]),
    "members": TypeAdapter(dict[int, Member]),
}


async def decoded(data: bytes) -> SeriesCast:
    """The cast of a document; an empty one without data."""
    if not data:
        return SeriesCast()
    *lines, rest = data.split(b"\n")
    if not lines:
        return _of_older_release(data)
    parts: dict[str, dict[Any, Any]] = {}
    name = ""
    for line in lines:
        if line.endswith(b"{"):
            name = line.split(b'"')[1].decode()
            parts[name] = {}
        else:
            parts[name] |= _PARTS[name].validate_json(b"{" + line.removesuffix(b",") + b"}")
            await asyncio.sleep(0)
    return SeriesCast.model_validate_json(b"{" + rest.removeprefix(b"},")).model_copy(update=parts)


async def encoded(cast: SeriesCast) -> bytes:
    """The document of a cast."""
    written = []
    for name, part in _PARTS.items():
        slices = []
        for some in _slices(getattr(cast, name), SLICES[name]):
            slices.append(part.dump_json(some)[1:-1])
            await asyncio.sleep(0)
        written.append(b'"%s":{\n%s\n},' % (name.encode(), b",\n".join(slices)))
    rest = cast.model_dump_json(exclude=set(_PARTS)).encode()
    return b"{" + b"".join(written) + rest.removeprefix(b"{")


def _slices(whole: Mapping[Any, Any], size: int) -> Iterator[dict[Any, Any]]:
    items = iter(whole.items())
    while some := dict(islice(items, size)):
        yield some


def _of_older_release(data: bytes) -> SeriesCast:
    """Its notes may know the latest place only, as `at`."""
    whole = json.loads(data)
    for note in whole.get("pages", {}).values():
        job_id, index = note.pop("at", ("", 0))
        if job_id:
            note["heard"] = {job_id: (index,)}
    return SeriesCast.model_validate(whole)
