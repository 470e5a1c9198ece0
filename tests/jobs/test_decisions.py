"""What may happen to a job, for any sequence of wishes: late, repeated, contradictory, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import PageNotInWindow, QuotaExceeded
from backend.jobs import decisions
from backend.jobs.decisions import Decide
from backend.jobs.events import Entry, EventName
from backend.jobs.state import JobState, PageState, fold
from tests.support.jobs import a_definition, commit, ready, upload, whole_way

PAGES = 3

indices = st.integers(0, PAGES - 1)
revisions = st.integers(0, 4)
working = st.sampled_from([PageState.QUEUED, PageState.EXTRACTING, PageState.TTS])
wishes_of_one_effect: st.SearchStrategy[Decide] = st.one_of(
    st.builds(upload, indices, st.sampled_from("abc")),
    st.builds(decisions.advance, indices, revisions, working),
    st.builds(ready, indices, revisions),
    st.builds(ready, indices, revisions),
    st.builds(decisions.failed, indices, revisions, st.sampled_from(["reading_failed", "speech_failed"])),
    st.builds(decisions.retry, indices),
    st.builds(decisions.rejected, indices, st.sampled_from(["bad_image", "empty_upload"])),
    st.builds(decisions.removed, st.sampled_from("abc")),
    st.builds(decisions.focus, indices),
    st.builds(decisions.end_missing, st.sampled_from([500.0, 2000.0])),
    st.builds(decisions.given_up, st.sampled_from(["", "0.1.extracting", "0.1.tts"])),
)
wishes = st.one_of(wishes_of_one_effect, st.builds(decisions.revise, indices))
"""Two corrections of a page are two; everything else counts once however often it is said."""


def told(wishes_made: list[Decide], pages: int = PAGES) -> tuple[JobState, list[Entry]]:
    log: list[Entry] = []
    state = JobState.new(a_definition(pages))
    for wish in wishes_made:
        state = commit(state, log, wish)
    return state, log


@given(st.lists(wishes, max_size=40))
def test_states_only_go_forward_within_a_revision_and_an_ended_page_stays_ended(made: list[Decide]) -> None:
    _, log = told(made)
    seen: dict[tuple[int, int], PageState] = {}
    for entry in log:
        if entry.event.name is not EventName.PAGE_STATUS:
            continue
        data = entry.event.data
        page, now = (data["index"], data["revision"]), PageState(data["state"])
        if page in seen:
            assert now.rank > seen[page].rank
        seen[page] = now


@given(st.lists(wishes, max_size=40))
def test_revisions_of_a_page_never_go_back(made: list[Decide]) -> None:
    _, log = told(made)
    newest = dict.fromkeys(range(PAGES), 0)
    for entry in log:
        if "revision" in entry.event.data:
            assert entry.event.data["revision"] >= newest[entry.event.data["index"]]
            newest[entry.event.data["index"]] = entry.event.data["revision"]


@given(st.lists(wishes, max_size=40))
def test_progress_never_overshoots_and_equals_what_the_pages_say(made: list[Decide]) -> None:
    state = JobState.new(a_definition(PAGES))
    for wish in made:
        log: list[Entry] = []
        state = commit(state, log, wish)
        for entry in log:
            if entry.event.name is EventName.PROGRESS:
                assert entry.event.data["total"] == PAGES
                assert 0 <= entry.event.data["done"] <= PAGES
                assert entry.event.data == state.progress()


@given(st.lists(wishes, max_size=60))
def test_job_done_is_told_exactly_once_a_run_and_only_when_all_pages_ended(made: list[Decide]) -> None:
    state = JobState.new(a_definition(PAGES))
    runs = []
    for wish in made:
        log: list[Entry] = []
        state = commit(state, log, wish)
        done = [entry for entry in log if entry.event.name is EventName.JOB_DONE]
        assert state.done == (state.ended_pages == PAGES)
        for entry in done:
            assert state.done
            assert entry is log[-1]
            assert entry.event.data == state.outcome()
            runs.append(entry.event.data["run"])
    assert runs == sorted(set(runs))
    assert runs == list(range(1, len(runs) + 1))


@given(st.lists(wishes, max_size=40), st.data())
def test_folding_a_prefix_and_then_the_rest_is_folding_it_all(made: list[Decide], data: st.DataObject) -> None:
    state, log = told(made)
    cut = data.draw(st.integers(0, len(log)))
    start = JobState.new(state.definition)
    assert fold(fold(start, log[:cut]), log[cut:]) == fold(start, log) == state


@given(st.lists(wishes, max_size=40))
def test_a_log_survives_being_written_down(made: list[Decide]) -> None:
    state, log = told(made)
    again = [Entry.from_json(entry.seq, entry.to_json()) for entry in log]
    assert again == log
    assert fold(JobState.new(state.definition), again).snapshot == state.snapshot


@given(st.lists(wishes, max_size=40), wishes_of_one_effect)
def test_what_was_said_twice_counts_once(made: list[Decide], wish: Decide) -> None:
    """A commit whose reply was lost is made again; nothing more may come of it."""
    log: list[Entry] = []
    state, _ = told(made)
    once = commit(state, log, wish)
    assert commit(once, log, wish) == once


@given(st.lists(wishes, max_size=40))
def test_a_ready_page_always_has_its_audio(made: list[Decide]) -> None:
    state, log = told(made)
    assert all(page.audio and page.duration for page in state.pages if page.state is PageState.READY)
    for entry in log:
        if entry.event.data.get("state") == PageState.READY:
            assert entry.event.data["audio"]


@given(st.lists(wishes, max_size=40))
def test_events_and_snapshot_are_ascii_json_on_one_line(made: list[Decide]) -> None:
    state, log = told(made)
    assert state.snapshot.isascii()
    assert b"null" not in state.snapshot
    for entry in log:
        assert entry.frame.isascii()
        assert entry.frame.startswith(f"id: {entry.seq}\nevent: {entry.event.name}\ndata: ".encode())
        assert entry.frame.count(b"\n") == 4
        assert entry.frame.endswith(b"\n\n")


def test_equal_bytes_change_nothing_and_other_bytes_are_a_new_revision() -> None:
    state, log = told([upload(0, "a")])
    assert commit(state, log, upload(0, "a")) == state
    replaced = commit(state, log, upload(0, "b"))
    assert (replaced.pages[0].revision, replaced.pages[0].state) == (2, PageState.QUEUED)


def test_equal_bytes_try_a_failed_page_again() -> None:
    state, log = told([upload(0, "a"), decisions.failed(0, 1, "reading_failed"), upload(0, "a")])
    assert (state.pages[0].revision, state.pages[0].state, state.pages[0].reason) == (2, PageState.QUEUED, None)
    assert log[-1].event.data == {"done": 0, "total": PAGES}


def test_results_of_replaced_bytes_are_dropped() -> None:
    state, log = told([upload(0, "a"), upload(0, "b")])
    assert commit(state, log, ready(0, revision=1)) == state
    assert commit(state, log, decisions.failed(0, 1, "speech_failed")) == state


def test_a_late_upload_opens_a_finished_window_again_and_ends_it_again() -> None:
    everything = [wish for index in range(2) for wish in whole_way(index)]
    state, log = told(everything, pages=2)
    assert state.done
    state = commit(state, log, upload(1, "other"))
    assert (state.done, state.run) == (False, 2)
    state = commit(state, log, ready(1, revision=2))
    assert state.done
    assert log[-1].event.data == {"ok": True, "run": 2, "errors": []}


def test_pages_that_never_came_end_as_not_uploaded_and_a_later_upload_brings_them_back() -> None:
    state, log = told([upload(0), ready(0), decisions.end_missing(quiet_since=2000.0)])
    assert [page.reason for page in state.pages] == [None, "not_uploaded", "not_uploaded"]
    expected = {"ok": False, "run": 1, "errors": [{"index": 1, "reason": "not_uploaded"}, {"index": 2, "reason": "not_uploaded"}]}
    assert log[-1].event.data == expected
    assert commit(state, log, upload(2)).pages[2].state is PageState.QUEUED


def test_a_window_that_is_given_up_ends_once_and_a_retry_begins_a_run_of_its_own() -> None:
    whole = [upload(index, str(index)) for index in range(PAGES)]
    given_up = decisions.given_up(told(whole)[0].worked)
    late, _ = told([*whole, decisions.advance(0, 1, PageState.EXTRACTING), given_up])
    assert not any(page.state.ended for page in late.pages), "something was done after all"
    state, log = told([*whole, decisions.focus(1), given_up, given_up])
    assert [page.reason for page in state.pages] == ["unavailable"] * PAGES
    assert [entry.event.data["ok"] for entry in log if entry.event.name is EventName.JOB_DONE] == [False]
    again, _ = told([*whole, given_up, decisions.retry(2), given_up])
    assert [page.state for page in again.pages] == [PageState.ERROR, PageState.ERROR, PageState.QUEUED]


def test_a_window_that_is_given_up_still_waits_for_pages_that_have_not_come() -> None:
    state, _ = told([upload(1), decisions.given_up("")])
    assert [page.reason for page in state.pages] == [None, "unavailable", None]
    assert not state.done


def test_a_window_with_recent_uploads_is_not_quiet() -> None:
    state, log = told([upload(0)])
    assert commit(state, log, decisions.end_missing(quiet_since=1000.5)) == state


def test_page_ready_is_followed_by_the_nudge_and_the_progress() -> None:
    _, log = told([upload(0), ready(0)])
    assert [entry.event.name for entry in log[-3:]] == [EventName.PAGE_READY, EventName.PAGE_STATUS, EventName.PROGRESS]


@pytest.mark.parametrize("index", [-1, PAGES, 10**20])
def test_a_page_outside_the_window_is_refused(index: int) -> None:
    state, log = told([])
    for wish in (upload(index), ready(index), decisions.retry(index), decisions.focus(index)):
        with pytest.raises(PageNotInWindow):
            commit(state, log, wish)


def test_a_window_whose_pages_were_replaced_without_end_takes_no_more_and_its_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decisions, "MOST_ENTRIES_OF_UPLOADS", 40)
    log: list[Entry] = []
    state = JobState.new(a_definition(1))
    for number in range(20):
        state = commit(state, log, upload(0, f"{number % 2}"))
    assert len(log) == 40
    with pytest.raises(QuotaExceeded):
        commit(state, log, upload(0, "0"))
    assert commit(state, log, upload(0, "1")) == state, "equal bytes change nothing and are not refused"
    assert commit(state, log, ready(0, state.pages[0].revision)).done


def test_a_window_takes_only_so_many_bytes_replaced_pages_included() -> None:
    state, log = told([upload(0, "a", size=60), upload(0, "b", size=30)])
    with pytest.raises(QuotaExceeded):
        commit(state, log, upload(1, size=11, max_job_bytes=100))
    assert commit(state, log, upload(1, size=10, max_job_bytes=100)).uploaded_bytes == 100
