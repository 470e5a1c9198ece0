"""The GPU containers' manners: what is worth trying elsewhere is raised, the rest is answered, and a lost device is the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.cloud import trained, workers
from backend.cloud.device import device_is_lost
from backend.cloud.sizing import CloudSettings
from backend.cloud.workers import LOAD_AGAIN_S, ReaderWorker, SpeakerWorker
from backend.engine import EngineState
from backend.errors import ConfigurationError, ReadingFailed, SpeechFailed, Unavailable
from backend.jobs.state import JobDefinition
from backend.narration.script import PageScript
from backend.narration.voicing import PageOrder
from backend.readers.base import Reading, ReadOptions
from backend.settings import Settings
from backend.synthesizers.base import Speech, Utterance, Voice
from tests.support.engines import InstantReader, ToneSynthesizer, page
from tests.support.jobs import a_definition

MakeSettings = Callable[..., Settings]
OPTIONS = ReadOptions()


class Container:
    """Counts how often a container was told to die."""

    def __init__(self) -> None:
        self.died = 0

    async def die(self) -> None:
        self.died += 1


async def nothing() -> None:
    """A volume that has nothing new."""


class LostReader(InstantReader):
    """Its device is lost at the first page."""

    def __init__(self, outcome: str) -> None:
        super().__init__()
        self._outcome = outcome

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        self.state = EngineState.FAILED
        if self._outcome == "raises":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return [ReadingFailed("something with CUDA") for _ in pages]


async def reader_worker(monkeypatch: pytest.MonkeyPatch, settings: Settings, reader: Any) -> tuple[ReaderWorker, Container]:
    monkeypatch.setattr(workers, "make_reader", lambda _: reader)
    container = Container()
    return await ReaderWorker.open(settings, container.die), container


async def test_pages_are_read_and_a_failed_page_is_only_its_own(monkeypatch: pytest.MonkeyPatch, settings: MakeSettings) -> None:
    worker, container = await reader_worker(monkeypatch, settings(), InstantReader(broken=[2]))
    found = await worker.read([page(1), page(2)], OPTIONS)
    assert isinstance(found, list)
    assert [type(item) for item in found] == [Reading, ReadingFailed]
    assert not container.died


@pytest.mark.parametrize("outcome", ["raises", "takes it for the page's"])
async def test_a_container_that_lost_its_device_takes_no_more_and_the_call_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings, outcome: str
) -> None:
    worker, container = await reader_worker(monkeypatch, settings(), LostReader(outcome))
    with pytest.raises(Unavailable):
        await worker.read([page(1)], OPTIONS)
    assert container.died == 1


async def test_a_device_that_no_longer_answers_is_asked_itself(monkeypatch: pytest.MonkeyPatch, settings: MakeSettings) -> None:
    """No error's text is looked at: whatever failed, the device says whether it is lost."""
    monkeypatch.setattr(workers, "device_is_lost", lambda: True)
    worker, container = await reader_worker(monkeypatch, settings(), InstantReader(raising=[1]))
    with pytest.raises(Unavailable):
        await worker.read([page(1)], OPTIONS)
    assert container.died == 1


async def test_a_mistake_is_raised_so_that_it_is_tried_elsewhere_and_the_container_goes_on(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    worker, container = await reader_worker(monkeypatch, settings(), InstantReader(raising=[1]))
    with pytest.raises(RuntimeError):
        await worker.read([page(1)], OPTIONS)
    assert not container.died
    assert isinstance(await worker.read([page(2)], OPTIONS), list)


class UnloadableReader(InstantReader):
    async def load(self) -> None:
        raise ConfigurationError("There are no weights.")


async def test_an_engine_that_cannot_load_answers_every_call_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    worker, container = await reader_worker(monkeypatch, settings(), UnloadableReader())
    for _ in range(2):
        found = await worker.read([page(1)], OPTIONS)
        assert isinstance(found, ConfigurationError)
        assert "There are no weights." in found.detail
    assert "There are no weights." in (worker.card().error or "")
    assert not container.died


class UnluckyReader(InstantReader):
    """Fails to load `failures` times, for no reason anybody could name."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures, self.loads = failures, 0

    async def load(self) -> None:
        self.loads += 1
        self.state = EngineState.FAILED
        if self.loads <= self.failures:
            raise OSError("Input/output error")
        await super().load()


async def test_a_container_whose_engine_fails_to_load_stays_answers_and_tries_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    reader, now = UnluckyReader(2), [0.0]
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker, container = await reader_worker(monkeypatch, settings(), reader)
    for at, loads in ((0.0, 1), (LOAD_AGAIN_S - 1, 1), (LOAD_AGAIN_S + 1, 2), (LOAD_AGAIN_S + 2, 2)):
        now[0] = at
        assert isinstance(await worker.read([page(1)], OPTIONS), Unavailable), "answered: Modal starts no container for it"
        assert (reader.loads, container.died) == (loads, 0)
    now[0] = 3 * LOAD_AGAIN_S
    (found,) = await worker.read([page(1)], OPTIONS)  # type: ignore[misc]
    assert isinstance(found, Reading)
    assert worker.card().error is None


async def test_an_engine_that_loses_its_device_while_it_loads_is_loaded_in_another_container(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    monkeypatch.setattr(workers, "device_is_lost", lambda: True)
    with pytest.raises(OSError, match="Input/output"):
        await reader_worker(monkeypatch, settings(), UnluckyReader(1))


@pytest.mark.parametrize(
    ("gpus", "torch", "told"),
    [
        (("L4",), None, True),
        (("L4",), False, True),
        (("L4",), True, False),
        ((), None, False),
    ],
    ids=["an engine without torch", "no driver", "a GPU in use", "no GPU"],
)
async def test_a_gpu_that_is_paid_for_and_not_used_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
    settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    gpus: tuple[str, ...],
    torch: bool | None,
    told: bool,
) -> None:
    found = None if torch is None else SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: torch))
    monkeypatch.setitem(sys.modules, "torch", found)
    monkeypatch.setattr(workers, "load_sizes", lambda: CloudSettings(_env_file=None, reader_gpu=gpus))  # type: ignore[call-arg]
    await reader_worker(monkeypatch, settings(), InstantReader())
    assert ("CLOUD_READER_GPU=none" in caplog.text) is told


async def test_a_library_that_is_missing_is_a_reason_too(monkeypatch: pytest.MonkeyPatch, settings: MakeSettings) -> None:
    def make(_: Settings) -> Any:
        raise ModuleNotFoundError("No module named 'gsv_tts'")

    monkeypatch.setattr(workers, "make_synthesizer", make)
    worker = await SpeakerWorker.open(settings(), Container().die, nothing)
    found = await worker.speak([])
    assert isinstance(found, ConfigurationError)
    assert "gsv_tts" in found.detail


@pytest.mark.parametrize("variable", ["READER", "SYNTHESIZER"])
async def test_a_container_that_is_told_to_use_the_deployed_gpus_says_so_and_does_not_wait_for_itself(
    settings: MakeSettings, variable: str
) -> None:
    asked = settings(**{variable.lower(): "modal"})
    if variable == "READER":
        card = (await ReaderWorker.open(asked, Container().die)).card()
    else:
        card = (await SpeakerWorker.open(asked, Container().die, nothing)).card()
    assert f"{variable}=modal is for a server elsewhere" in (card.error or "")


async def test_sound_that_travels_has_one_rate_whatever_the_engines(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    monkeypatch.setattr(workers, "make_synthesizer", lambda _: ToneSynthesizer(mute=["mute"]))
    worker = await SpeakerWorker.open(settings(), Container().die, nothing)
    lines = [Utterance(text=text, lang="en", voice=Voice(id="sovits:narrator-v1")) for text in ("Hello.", "mute")]
    found = await worker.speak(lines)
    assert isinstance(found, list)
    assert isinstance(found[0], Speech)
    assert isinstance(found[1], SpeechFailed)
    assert found[0].sample_rate == 32_000
    assert found[0].duration_s == pytest.approx(0.4, abs=0.01)
    await worker.aclose()


async def test_a_page_is_voiced_only_where_its_sound_and_its_state_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    monkeypatch.setattr(workers, "make_synthesizer", lambda _: ToneSynthesizer())
    worker = await SpeakerWorker.open(settings(), Container().die, nothing)
    definition: JobDefinition = a_definition(1)
    found = await worker.voice(PageOrder(definition, 0, 1, PageScript(10, 10, ())))
    assert isinstance(found, ConfigurationError)
    assert "REDIS_URL" in found.detail
    await worker.aclose()


async def test_a_voices_new_checkpoint_is_looked_for_before_it_speaks_and_a_worker_that_cannot_see_it_ends(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings, tmp_path: Path
) -> None:
    monkeypatch.setattr(workers, "make_synthesizer", lambda _: ToneSynthesizer())
    monkeypatch.setattr(trained, "_PAUSE_S", 0.0)
    container, shown = Container(), []

    async def reload() -> None:
        shown.append(1)
        if len(shown) > 1:
            raise RuntimeError("there are open files preventing the operation")
        (tmp_path / "aya-1").mkdir()

    asked = settings(synthesizer="sovits", sovits_dir=tmp_path, sovits_trained_dir=tmp_path)
    worker = await SpeakerWorker.open(asked, container.die, reload)
    line = Utterance(text="Hello.", lang="en", voice=Voice(id="sovits:aya", checkpoint="aya-1"))
    assert isinstance(await worker.speak([line]), list)
    assert (len(shown), container.died) == (1, 0)
    later = line.model_copy(update={"voice": Voice(id="sovits:aya", checkpoint="aya-2")})
    with pytest.raises(Unavailable):
        await worker.speak([later])
    assert container.died == 1
    await worker.aclose()


class _Cuda:
    """A device that answers, or no longer does."""

    def __init__(self, *, in_use: bool, works: bool) -> None:
        self.is_initialized = lambda: in_use
        self._works = works

    def synchronize(self) -> None:
        if not self._works:
            raise RuntimeError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize(("in_use", "works", "lost"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_device_is_lost_when_it_is_in_use_and_fails_a_plain_call(
    monkeypatch: pytest.MonkeyPatch, in_use: bool, works: bool, lost: bool
) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=_Cuda(in_use=in_use, works=works)))
    assert device_is_lost() is lost
