"""Everything that may happen to a job: pure functions from the state and a wish to the events that follow.

A stale or repeated wish gives no events. That one rule makes retries, preemption and late results harmless: states go forward only
within a revision of a page, progress never overshoots, and job_done falls out exactly once a run, in the commit of the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from backend.errors import PageNotInWindow, QuotaExceeded, Unavailable
from backend.jobs.events import Entry, Event, EventName
from backend.jobs.state import JobState, PageRecord, PageState, fold

Decide = Callable[[JobState], Sequence[Event]]
"""What `JobLog.commit` takes; called on the present state, perhaps several times, so it must be pure."""

NOT_UPLOADED = "not_uploaded"
REMOVED = "removed"
MOST_ENTRIES: Final = 4_000
"""Length of a log from which a window takes no more wishes (focus, retries, corrections): each resuming viewer has it folded once, and a
window of fifty pages has some three hundred. Uploads and work go on."""
MOST_ENTRIES_OF_UPLOADS: Final = 40_000
"""Length from which it takes no uploads either: bytes alone would not end a stranger's who sends two images of a pixel in turns. No reader
replaces each of fifty pages a hundred times."""


def upload(index: int, *, sha256: str, media_type: str, size: int, max_job_bytes: int) -> Decide:
    """A page's bytes arrived. Equal bytes change nothing, unless the page had failed: then it is tried again.

    Raises (from the decision): PageNotInWindow, QuotaExceeded.
    """

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if page.sha256 == sha256 and page.state is not PageState.ERROR:
            return ()
        _require_room(state, MOST_ENTRIES_OF_UPLOADS)
        if state.uploaded_bytes + size > max_job_bytes:
            raise QuotaExceeded(f"A window takes at most {max_job_bytes} bytes of uploads.", retry_after_s=3600)
        arrived = {"index": index, "revision": page.revision + 1, "sha256": sha256, "media_type": media_type, "bytes": size}
        events = [Event(EventName.PAGE_UPLOADED, arrived), _status(index, page.revision + 1, PageState.QUEUED)]
        if page.state.ended:
            events.append(_progress_after(state, events))
        return events

    return decide


def advance(index: int, revision: int, to: PageState) -> Decide:
    """Work on a page has come to the next state."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if page.revision != revision or to.rank <= page.state.rank:
            return ()
        return (_status(index, revision, to),)

    return decide


def ready(
    index: int, revision: int, *, audio: str, duration: float, cues: str, captions: str, failed_lines: Sequence[int] = ()
) -> Decide:
    """A page can be heard. `audio`, `cues` and `captions` are absolute URLs, `duration` is in seconds."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if page.revision != revision or page.state.ended:
            return ()
        links = {"audio": audio, "duration": duration, "cues": cues, "captions": captions}
        data = {"index": index, "revision": revision, **links, "failed_lines": list(failed_lines)}
        # The second nudge after page_ready is contract C18: the client's autoplay wants it.
        return _completed(
            state,
            Event(EventName.PAGE_READY, data),
            _status(index, revision, PageState.READY, audio=audio, duration=duration),
        )

    return decide


def failed(index: int, revision: int, reason: str) -> Decide:
    """A page ended without sound. `reason` is a stable code."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if page.revision != revision or page.state.ended:
            return ()
        return _completed(state, _status(index, revision, PageState.ERROR, reason=reason))

    return decide


def given_up(worked: str) -> Decide:
    """Nobody can be found who does the work: uploaded pages that are on their way end, unless they have got further than `worked`."""

    def decide(state: JobState) -> Sequence[Event]:
        waiting = [page for page in state.pages if page.uploaded and not page.state.ended]
        if not waiting or state.worked != worked:
            return ()
        return _completed(
            state, *(_status(page.index, page.revision, PageState.ERROR, reason=Unavailable.code) for page in waiting)
        )

    return decide


def rejected(index: int, reason: str) -> Decide:
    """Bytes were refused at the door. A page that has good bytes keeps them; one that has none ends with the reason."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if page.uploaded or page.state.ended:
            return ()
        return _completed(state, _status(index, page.revision, PageState.ERROR, reason=reason))

    return decide


def retry(index: int) -> Decide:
    """The client asks for one page again: a new revision of the same bytes. Without bytes, or while it is worked on: nothing."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if not page.uploaded or not page.state.ended:
            return ()
        _require_room(state, MOST_ENTRIES)
        queued = _status(index, page.revision + 1, PageState.QUEUED)
        return (queued, _progress_after(state, [queued]))

    return decide


def revise(index: int) -> Decide:
    """What a page says has changed (a corrected line, another voice): a new revision, also while the present one is worked on."""

    def decide(state: JobState) -> Sequence[Event]:
        page = page_of(state, index)
        if not page.uploaded:
            return ()
        _require_room(state, MOST_ENTRIES)
        queued = _status(index, page.revision + 1, PageState.QUEUED)
        return (queued, _progress_after(state, [queued])) if page.state.ended else (queued,)

    return decide


def removed(sha256: str) -> Decide:
    """Somebody wants a page forgotten: wherever the window has these bytes, it has no page any more, in a revision of its own."""

    def decide(state: JobState) -> Sequence[Event]:
        found: list[Event] = []
        for page in state.pages:
            if page.sha256 == sha256:
                revision = page.revision + 1
                found.append(Event(EventName.PAGE_REMOVED, {"index": page.index, "revision": revision}))
                found.append(_status(page.index, revision, PageState.ERROR, reason=REMOVED))
        return _completed(state, *found) if found else ()

    return decide


def focus(index: int) -> Decide:
    """The page in view: it and its neighbours come first from now on."""

    def decide(state: JobState) -> Sequence[Event]:
        page_of(state, index)
        _require_room(state, MOST_ENTRIES)
        return () if state.focus == index else (Event(EventName.FOCUS, {"index": index}),)

    return decide


def _require_room(state: JobState, most_entries: int) -> None:
    if state.cursor >= most_entries:
        raise QuotaExceeded("This window has been changed too often; start a new one.", retry_after_s=3600)


def end_missing(quiet_since: float) -> Decide:
    """No upload since `quiet_since` (Unix time): pages that never came end as not_uploaded."""

    def decide(state: JobState) -> Sequence[Event]:
        if (state.uploaded_at or state.definition.created_at) > quiet_since:
            return ()
        missing = [page for page in state.pages if not page.uploaded and not page.state.ended]
        if not missing:
            return ()
        return _completed(state, *(_status(page.index, page.revision, PageState.ERROR, reason=NOT_UPLOADED) for page in missing))

    return decide


def page_of(state: JobState, index: int) -> PageRecord:
    """The page at `index`.

    Raises:
        PageNotInWindow
    """
    if not 0 <= index < len(state.pages):
        raise PageNotInWindow(f"This window has pages 0 to {len(state.pages) - 1}.")
    return state.pages[index]


def _status(index: int, revision: int, to: PageState, **more: Any) -> Event:
    return Event(EventName.PAGE_STATUS, {"index": index, "revision": revision, "state": to, **more})


def _after(state: JobState, events: Sequence[Event]) -> JobState:
    return fold(state, (Entry(state.cursor + k, state.changed_at, event) for k, event in enumerate(events, 1)))


def _progress_after(state: JobState, events: Sequence[Event]) -> Event:
    return Event(EventName.PROGRESS, _after(state, events).progress())


def _completed(state: JobState, *events: Event) -> Sequence[Event]:
    """`events`, then progress, then job_done if every page has ended."""
    after = _after(state, events)
    found = [*events, Event(EventName.PROGRESS, after.progress())]
    if after.ended_pages == len(after.pages) and not after.done:
        found.append(Event(EventName.JOB_DONE, after.outcome()))
    return found
