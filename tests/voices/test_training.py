"""Training from the command line and its bookkeeping, with trainers that train nothing."""

from __future__ import annotations

import asyncio

import pytest

from backend.cli.train_voice import TrainingEnded, trained
from backend.errors import Conflict, NotFound, QuotaExceeded, Unavailable
from backend.storage.objects import Objects
from backend.synthesizers.base import ReferenceClip
from backend.voices import training
from backend.voices.manifest import SILENT_S, Consent, TrainingClip, VoiceManifest, VoiceMode, VoiceStatus
from backend.voices.owners import Owners
from backend.voices.store import VoiceStore
from backend.voices.training import Report, TrainingJob, Trainings
from backend.voices.training_book import DAY_S, MOST_A_DAY

CLIP = ReferenceClip(key="voices/everyone/aya/clips/1.flac", transcript="これは試験です。", lang="ja")


class Trainer:
    """Gives its checkpoint the job's name, or fails with `error`."""

    def __init__(self, error: Exception | None = None, name: str | None = None, forgotten: list[str] | None = None) -> None:
        self.error = error
        self.name = name
        self.forgotten = [] if forgotten is None else forgotten

    async def train(self, job: TrainingJob, report: Report) -> str:
        await report(0.5, "Half way.")
        if self.error is not None:
            raise self.error
        return self.name or job.name

    async def forget(self, checkpoint: str) -> None:
        self.forgotten.append(checkpoint)


class Slow(Trainer):
    """Says nothing and goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def train(self, job: TrainingJob, report: Report) -> str:
        await self.go_on.wait()
        return job.name


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def a_store(clock: Clock | None = None, **changes: object) -> VoiceStore:
    """With one few-shot voice whose clips are checked."""
    store = VoiceStore(Objects.in_memory(), Owners(by_key=False), clock=clock or Clock())
    fields = {
        "slug": "aya",
        "name": "Aya",
        "mode": VoiceMode.FEW_SHOT,
        "lang": "ja",
        "consent": Consent(statement="yes", by="Aya", at=1.0),
        "created_at": 1.0,
        "status": VoiceStatus.READY,
        "reference": CLIP,
        "clips": (TrainingClip(clip=CLIP, duration_s=5.0),),
    }
    await store.add("", VoiceManifest.model_validate(fields | changes))
    return store


async def test_every_step_is_told_and_the_voice_has_its_checkpoint() -> None:
    store = await a_store()
    told: list[str] = []
    checkpoint = await trained(store, Trainer(), "", "sovits:aya", told.append)
    manifest = await store.manifest("", "sovits:aya")
    assert manifest.checkpoint == checkpoint
    assert manifest.voice().checkpoint == checkpoint
    assert [line.split()[0] for line in told] == ["50%", "100%"]


async def test_a_trained_voice_is_another_revision() -> None:
    store = await a_store()
    before = (await store.manifest("", "sovits:aya")).revision
    await trained(store, Trainer(), "", "sovits:aya", lambda _: None)
    assert (await store.manifest("", "sovits:aya")).revision != before


@pytest.mark.parametrize(
    ("error", "reason"), [(Unavailable("The GPU is gone."), "The GPU is gone."), (RuntimeError("/secret/path"), "in the log")]
)
async def test_a_failure_is_a_sentence(error: Exception, reason: str) -> None:
    store = await a_store()
    with pytest.raises(TrainingEnded, match=reason) as caught:
        await trained(store, Trainer(error), "", "sovits:aya", lambda _: None)
    assert "/secret" not in str(caught.value)
    assert (await store.manifest("", "sovits:aya")).speakable


@pytest.mark.parametrize("name", ["../other", "/etc", "", "a/b", "."])
async def test_a_checkpoint_lies_in_the_folder_of_checkpoints(name: str) -> None:
    with pytest.raises(TrainingEnded):
        await trained(await a_store(), Trainer(name=name or ".."), "", "sovits:aya", lambda _: None)


async def test_only_voices_that_can_be_trained_are() -> None:
    trainings = Trainings(await a_store(mode=VoiceMode.ZERO_SHOT), Trainer())
    with pytest.raises(Conflict):
        await trainings.begin("", "sovits:aya")
    trainings = Trainings(await a_store(clips=()), Trainer())
    with pytest.raises(Conflict):
        await trainings.begin("", "sovits:aya")
    with pytest.raises(NotFound):
        await trainings.begin("", "sovits:nobody")
    await trainings.aclose()


async def test_a_training_that_died_with_its_process_can_be_begun_again() -> None:
    clock = Clock()
    store = await a_store(clock)
    await store.move("", "aya", VoiceStatus.TRAINING, "Waiting.")
    trainings = Trainings(store, Trainer())
    with pytest.raises(Conflict):
        await trainings.begin("", "sovits:aya")
    clock.now += SILENT_S[VoiceStatus.TRAINING] + 1
    left = await store.manifest("", "sovits:aya")
    assert (left.status, left.reason) == (VoiceStatus.FAILED, "The training broke off; begin it again.")
    assert [event.seq for event in left.events] == [1, 2]
    assert (await trainings.begin("", "sovits:aya")).status is VoiceStatus.TRAINING
    await trainings.aclose()


async def test_a_check_that_died_with_its_process_is_told_and_may_be_done_again() -> None:
    clock = Clock()
    store = await a_store(clock)
    await store.move("", "aya", VoiceStatus.CHECKING)
    clock.now += SILENT_S[VoiceStatus.CHECKING]
    assert (await store.manifest("", "sovits:aya")).status is VoiceStatus.CHECKING
    clock.now += 1
    [manifest] = await store.manifests("")
    assert manifest.status is VoiceStatus.FAILED
    assert "upload the last part again" in (manifest.reason or "")
    told = await store.move("", "aya", VoiceStatus.CHECKING)
    assert [event.status for event in told.events] == ["checking", "failed", "checking"]


async def test_a_training_that_waits_for_its_turn_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BEAT_S", 0.01)
    store = await a_store()
    slow = Slow()
    trainings = Trainings(store, slow)
    await trainings.begin("", "sovits:aya")
    async with asyncio.timeout(5):
        while len((await store.manifest("", "sovits:aya")).events) < 4:
            await asyncio.sleep(0.01)
    slow.go_on.set()
    async with asyncio.timeout(5):
        while (await store.manifest("", "sovits:aya")).status is VoiceStatus.TRAINING:
            await asyncio.sleep(0.01)
    told = (await store.manifest("", "sovits:aya")).events
    assert [event.detail for event in told[:3]] == ["Waiting for its turn."] * 3
    assert told[-1].status is VoiceStatus.READY
    await trainings.aclose()


async def test_an_owner_begins_so_many_trainings_a_day_also_by_deleting_voices_and_another_owner_is_free() -> None:
    voice = await (await a_store()).manifest("", "sovits:aya")
    clock = Clock()
    store = VoiceStore(Objects.in_memory(), Owners(by_key=True), clock=clock)
    await store.add("other", voice)
    await store.add("one", voice)
    for _ in range(MOST_A_DAY):
        await trained(store, Trainer(), "one", "sovits:aya", lambda _: None)
        await store.remove("one", "aya")
        await store.add("one", voice)
    with pytest.raises(QuotaExceeded) as caught:
        await trained(store, Trainer(), "one", "sovits:aya", lambda _: None)
    assert caught.value.retry_after_s == DAY_S + 1
    await trained(store, Trainer(), "other", "sovits:aya", lambda _: None)
    clock.now += DAY_S
    await trained(store, Trainer(), "one", "sovits:aya", lambda _: None)


async def test_what_cannot_be_trained_is_not_counted_and_trainings_begun_at_once_are() -> None:
    trainings = Trainings(await a_store(clips=()), Trainer())
    for _ in range(MOST_A_DAY + 1):
        with pytest.raises(Conflict):
            await trainings.begin("", "sovits:aya")
    store = await a_store()
    voice = await store.manifest("", "sovits:aya")
    for k in range(6):
        await store.add("", voice.model_copy(update={"slug": f"aya-{k}"}))
    trainings = Trainings(store, Trainer())
    begun = await asyncio.gather(*(trainings.begin("", f"sovits:aya-{k}") for k in range(6)), return_exceptions=True)
    assert sum(isinstance(one, VoiceManifest) for one in begun) == MOST_A_DAY
    assert sum(isinstance(one, QuotaExceeded) for one in begun) == 6 - MOST_A_DAY
    await trainings.aclose()


async def test_no_checkpoint_outlives_its_voice_but_the_one_windows_may_still_speak_from() -> None:
    store = await a_store(clock := Clock())
    forgotten: list[str] = []
    names = []
    for _ in range(3):
        names.append(await trained(store, Trainer(forgotten=forgotten), "", "sovits:aya", lambda _: None))
        clock.now += 1
    assert forgotten == names[:1]
    trainings = Trainings(store, Trainer(forgotten=forgotten))
    await trainings.forget(await store.manifest("", "sovits:aya"))
    assert sorted(forgotten) == sorted(names)


async def test_a_voice_deleted_at_the_end_of_its_training_leaves_no_checkpoint() -> None:
    store = await a_store()
    slow = Slow()
    trainings = Trainings(store, slow)
    await trainings.begin("", "sovits:aya")
    await asyncio.sleep(0.01)
    await store.remove("", "aya")
    slow.go_on.set()
    async with asyncio.timeout(5):
        while not slow.forgotten:
            await asyncio.sleep(0.01)
    await trainings.aclose()
