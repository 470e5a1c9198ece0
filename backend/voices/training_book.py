"""When each owner began trainings: so many a day. Kept apart from the voices, which can be deleted and made again."""

from __future__ import annotations

import json
from typing import Final

from backend.errors import QuotaExceeded, Unavailable
from backend.voices.store import MOST_ATTEMPTS, VoiceStore

MOST_A_DAY: Final = 3
"""Trainings an owner may begin in 24 hours."""
DAY_S: Final = 86_400.0


class TrainingBook:
    """The books of all owners, kept in the documents of the voices."""

    def __init__(self, store: VoiceStore) -> None:
        self._store = store

    async def enter(self, client: str, now: float) -> None:
        """Notes that a training begins.

        Args:
            now: Unix time in seconds.

        Raises:
            QuotaExceeded: the owner has begun as many as one may in a day. Unavailable: the store does not answer.
        """
        place = f"trainings-of/{self._store.owner_of(client)}"
        for _ in range(MOST_ATTEMPTS):
            version, data = await self._store.documents.load(place)
            begun = [at for at in (json.loads(data) if data else []) if at > now - DAY_S]
            if len(begun) >= MOST_A_DAY:
                again_s = int(min(begun) + DAY_S - now) + 1
                raise QuotaExceeded(f"You may begin {MOST_A_DAY} trainings a day.", retry_after_s=again_s)
            if await self._store.documents.replace(place, version, json.dumps([*begun, now]).encode()):
                return
        raise Unavailable("Too many trainings are begun at once.")
