"""The life of an engine and the order of its lines, on an engine whose lines take as long as a test wants."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.engine import EngineState
from backend.errors import ConfigurationError, SpeechFailed, Unavailable
from backend.synthesizers.base import Speech, Utterance, Voice
from backend.synthesizers.embedded.lines import MOST_CHARACTERS, LineEngine, cores

VOICE = Voice(id="sovits:narrator-v1")
WAIT = "wait for the others"
"""Longer than the lines beside it, so it begins first."""


def line(text: str, lang: str = "en") -> Utterance:
    return Utterance(text=text, lang=lang, voice=VOICE)


class SlowEngine(LineEngine):
    """Says a line as ten samples a letter; WAIT waits for `go`."""

    name = "slow"
    sample_rate = 1000

    def __init__(self, workers: int = 1) -> None:
        super().__init__(workers)
        self.loads = 0
        self.load_problem: Exception | None = None
        self.begun: list[str] = []
        self.go = threading.Event()
        self.waiting = threading.Event()
        self.released = False

    def _open(self) -> None:
        self.loads += 1
        time.sleep(0.02)
        if self.load_problem is not None:
            raise self.load_problem

    def _say(self, utterance: Utterance) -> NDArray[np.float32]:
        self.begun.append(utterance.text)
        if utterance.text == WAIT:
            self.waiting.set()
            assert self.go.wait(10)
        if utterance.text == "break":
            raise ZeroDivisionError
        if utterance.text == "refuse":
            raise SpeechFailed("No.")
        return np.full(10 * len(utterance.text), 0.5, np.float32)

    def _release(self) -> None:
        self.released = True


@pytest.fixture
async def engine() -> AsyncIterator[SlowEngine]:
    engine = SlowEngine()
    yield engine
    engine.go.set()
    await engine.aclose()


async def begins(engine: SlowEngine) -> None:
    assert await asyncio.to_thread(engine.waiting.wait, 10)


async def test_an_engine_loads_once_for_everybody_who_asks(engine: SlowEngine) -> None:
    assert engine.state is EngineState.IDLE
    await asyncio.gather(engine.load(), engine.load(), engine.speak([line("hello")]))
    await engine.load()
    assert engine.loads == 1
    assert engine.state is EngineState.READY


async def test_a_caller_that_gives_up_waiting_does_not_stop_the_load(engine: SlowEngine) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.load(), 0.001)
    await engine.load()
    assert engine.loads == 1


@pytest.mark.parametrize("problem", [ImportError("no", name="kokoro"), ValueError("bad model"), ConfigurationError("as said")])
async def test_an_engine_that_cannot_load_says_so_and_may_be_tried_again(engine: SlowEngine, problem: Exception) -> None:
    engine.load_problem = problem
    with pytest.raises(ConfigurationError):
        await engine.load()
    assert engine.state is EngineState.FAILED
    with pytest.raises(Unavailable, match="could not be loaded"):
        await engine.speak([line("hello")])
    engine.load_problem = None
    await engine.load()
    assert engine.state is EngineState.READY


async def test_lines_come_back_in_order_each_spoken_or_failed_with_a_reason(engine: SlowEngine) -> None:
    results = await engine.speak([line("one"), line("refuse"), line("break"), line("…"), line("bonjour", "fr"), line("two")])
    kinds = [type(result) for result in results]
    assert kinds == [Speech, SpeechFailed, SpeechFailed, SpeechFailed, SpeechFailed, Speech]
    assert [len(result.samples) for result in results if isinstance(result, Speech)] == [30, 30]
    assert "ZeroDivisionError" in str(results[2])
    assert "nothing" in str(results[3])
    assert "fr" in str(results[4])


@pytest.mark.parametrize(
    ("text", "lang"), [("", "en"), ("!?", "en"), ("っ", "ja"), ("ｗｗｗ", "ja"), ("a" * (MOST_CHARACTERS + 1), "en")]
)
async def test_what_cannot_be_spoken_never_reaches_the_model(engine: SlowEngine, text: str, lang: str) -> None:
    [result] = await engine.speak([line(text, lang)])
    assert isinstance(result, SpeechFailed)
    assert engine.begun == []


async def test_no_lines_need_no_model(engine: SlowEngine) -> None:
    assert await engine.speak([]) == []
    assert engine.loads == 0


async def test_lines_of_an_earlier_call_begin_first(engine: SlowEngine) -> None:
    first = asyncio.create_task(engine.speak([line(WAIT), line("first b"), line("first c")]))
    await begins(engine)
    second = asyncio.create_task(engine.speak([line("second a"), line("second b")]))
    await asyncio.sleep(0.01)
    engine.go.set()
    await asyncio.gather(first, second)
    assert engine.begun == [WAIT, "first b", "first c", "second a", "second b"]


async def test_the_longest_lines_of_a_call_begin_first_and_results_keep_their_places(engine: SlowEngine) -> None:
    texts = [
        ("Oh.", "en"),
        ("One more sentence, and a long one.", "en"),
        ("今日はとても良い天気ですね", "ja"),
        ("What is it?", "en"),
    ]

    results = await engine.speak([line(text, lang) for text, lang in texts])

    assert engine.begun == [texts[1][0], texts[2][0], texts[3][0], texts[0][0]]
    assert [len(result.samples) for result in results if isinstance(result, Speech)] == [10 * len(text) for text, _ in texts]


async def test_cancelling_a_call_drops_its_lines_that_have_not_begun_and_no_others(engine: SlowEngine) -> None:
    dropped = asyncio.create_task(engine.speak([line(WAIT), line("dropped")]))
    await begins(engine)
    kept = asyncio.create_task(engine.speak([line("kept")]))
    await asyncio.sleep(0.01)
    dropped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dropped
    engine.go.set()
    [result] = await kept
    assert isinstance(result, Speech)
    assert engine.begun == [WAIT, "kept"]


async def test_closing_ends_waiting_calls_and_frees_the_model(engine: SlowEngine) -> None:
    waiting = asyncio.create_task(engine.speak([line(WAIT), line("never")]))
    await begins(engine)
    closing = asyncio.create_task(engine.aclose())
    with pytest.raises(Unavailable):
        await waiting
    engine.go.set()
    await closing
    assert engine.released
    assert engine.begun == [WAIT]
    with pytest.raises(Unavailable):
        await engine.speak([line("too late")])


async def test_the_event_loop_runs_on_while_lines_are_spoken(engine: SlowEngine) -> None:
    speaking = asyncio.create_task(engine.speak([line(WAIT)]))
    await begins(engine)
    started = time.perf_counter()
    await asyncio.sleep(0)
    assert time.perf_counter() - started < 0.5
    engine.go.set()
    await speaking


def test_there_is_at_least_one_core_and_a_bound_on_workers() -> None:
    assert cores() >= 1
    engine = SlowEngine(workers=1000)
    assert engine.workers <= 8
    asyncio.run(engine.aclose())
