"""Training from the command line and its bookkeeping, with trainers that train nothing."""

from __future__ import annotations

import pytest

from backend.cli.train_voice import TrainingEnded, trained
from backend.errors import Conflict, NotFound, Unavailable
from backend.storage.objects import Objects
from backend.synthesizers.base import ReferenceClip
from backend.voices.manifest import Consent, TrainingClip, VoiceManifest, VoiceMode, VoiceStatus
from backend.voices.owners import Owners
from backend.voices.store import VoiceStore
from backend.voices.training import SILENT_S, Report, TrainingJob, Trainings

CLIP = ReferenceClip(key="voices/everyone/aya/clips/1.flac", transcript="これは試験です。", lang="ja")


class Trainer:
    """Gives its checkpoint the job's name, or fails with `error`."""

    def __init__(self, error: Exception | None = None, name: str | None = None) -> None:
        self.error = error
        self.name = name

    async def train(self, job: TrainingJob, report: Report) -> str:
        await report(0.5, "Half way.")
        if self.error is not None:
            raise self.error
        return self.name or job.name

    async def forget(self, checkpoint: str) -> None:
        return


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
    clock.now += SILENT_S + 1
    assert (await trainings.begin("", "sovits:aya")).status is VoiceStatus.TRAINING
    await trainings.aclose()
