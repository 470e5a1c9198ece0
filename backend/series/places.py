"""Where a page was heard: pages of windows, by job. The same page may stand in several windows, and several times in one.

A client that uploads one image to all its slots, a chapter opened again, a second reader of a household: each place can be asked for
on its own, and each is told when the page is to be voiced again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Place = tuple[str, int]
"""Job id, index of the page within its window."""

Places = Mapping[str, tuple[int, ...]]
"""Indices by job id, the job that came last at the end."""

MOST_JOBS: Final = 8
"""Windows a page is remembered in; the oldest go first, as they are most likely over."""


def with_place(places: Places, at: Place) -> Places:
    """`at` among the places."""
    job_id, index = at
    if index in places.get(job_id, ()):
        return places
    found = {**places, job_id: (*places.get(job_id, ()), index)}
    return dict(list(found.items())[-MOST_JOBS:])


def without_place(places: Places, at: Place) -> Places:
    """`at` no longer among the places."""
    job_id, index = at
    if index not in places.get(job_id, ()):
        return places
    left = tuple(known for known in places[job_id] if known != index)
    return {key: indices if key != job_id else left for key, indices in places.items() if key != job_id or left}


def is_among(places: Places, at: Place) -> bool:
    return at[1] in places.get(at[0], ())


def each(places: Places) -> list[Place]:
    return [(job_id, index) for job_id, indices in places.items() for index in indices]
