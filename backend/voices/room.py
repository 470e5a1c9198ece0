"""The parts that make voices, put together once: for the application and for whoever runs the pipeline elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from backend.storage.objects import Objects
from backend.synthesizers.base import Synthesizer, Voice
from backend.voices.catalogue import Catalogue
from backend.voices.manners import Manners
from backend.voices.previews import Previews
from backend.voices.registration import Registration
from backend.voices.store import VoiceStore
from backend.voices.training import Trainer, Trainings
from backend.voices.uploads import Transcribe, Uploads

StandIn = Callable[[Voice], str | None]
"""The built-in voice that speaks for a registered one when the synthesizer cannot clone; None when it can."""


@dataclass(frozen=True, slots=True)
class VoiceRoom:
    """Everything about voices that the API needs; close with `aclose`."""

    store: VoiceStore
    registration: Registration
    manners: Manners
    trainings: Trainings
    previews: Previews
    stand_in: StandIn

    @classmethod
    def open(
        cls,
        store: VoiceStore,
        *,
        objects: Objects,
        catalogue: Catalogue,
        synthesizer: Synthesizer,
        workers: Executor,
        stand_in: StandIn,
        trainer: Trainer | None = None,
        transcribe: Transcribe | None = None,
    ) -> VoiceRoom:
        """`workers` decodes, checks and encodes; `trainer` None: few-shot voices are not trained here."""
        previews = Previews(objects, synthesizer, catalogue, store, workers)
        uploads = Uploads(store, workers, transcribe)
        manners = Manners(store, uploads)
        return cls(
            store=store,
            registration=Registration(store, uploads, manners, previews.prepare),
            manners=manners,
            trainings=Trainings(store, trainer),
            previews=previews,
            stand_in=stand_in,
        )

    async def delete(self, client: str, voice_id: str) -> None:
        """Removes a voice with everything that was uploaded for it or made from it. Raises NotFound."""
        manifest = await self.store.manifest(client, voice_id)
        await self.store.remove(client, manifest.slug)
        await self.trainings.forget(manifest)

    async def aclose(self) -> None:
        await self.registration.aclose()
        await self.trainings.aclose()
