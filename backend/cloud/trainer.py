"""Few-shot training as the API knows it on Modal: spawned in the app that `training.py` deploys, which tells its progress itself."""

from __future__ import annotations

import logging
from typing import Any, Final

import modal
from modal import exception

from backend.errors import Conflict, Unavailable
from backend.settings import Settings
from backend.storage.objects import Objects

logger = logging.getLogger(__name__)

TRAINING_APP: Final = "tanoshi-narration-training"
_OUT_OF_REACH: Final = (exception.Error, ConnectionError, TimeoutError)


class CloudTrainer:
    """Implements TrainsElsewhere.

    Args:
        train: called with owner and voice id. forget: called with the name of a checkpoint. Both are looked up at the first call.
    """

    def __init__(self, train: Any, forget: Any) -> None:
        self._train = train
        self._forget = forget

    async def require(self) -> None:
        try:
            await self._train.hydrate.aio()
        except exception.NotFoundError as error:
            raise Conflict(
                "Nothing trains here: `modal deploy -m backend.cloud.training` was not called. The voice speaks from its best clip."
            ) from error
        except _OUT_OF_REACH as error:
            raise Unavailable("The trainer does not answer.") from error

    async def launch(self, client: str, voice_id: str) -> None:
        try:
            await self._train.spawn.aio(client, voice_id)
        except _OUT_OF_REACH as error:
            raise Unavailable("The trainer does not answer.") from error

    async def forget(self, checkpoint: str) -> None:
        """Removes a checkpoint some time soon; the voice that had it is gone already."""
        try:
            await self._forget.spawn.aio(checkpoint)
        except _OUT_OF_REACH as error:
            logger.warning("The checkpoint %s was not removed from the volume: %s", checkpoint, error)


def cloud_trainer(settings: Settings, _: Objects) -> CloudTrainer | None:
    """None without a bucket: the clips would be in this container only."""
    if settings.bucket_name is None:
        return None
    return CloudTrainer(
        modal.Function.from_name(TRAINING_APP, "train_voice"), modal.Function.from_name(TRAINING_APP, "forget_checkpoint")
    )
