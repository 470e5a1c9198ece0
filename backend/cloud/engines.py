"""The GPU classes of this deployment as engines, named and sized by the settings all its containers share."""

from __future__ import annotations

from typing import Any

from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.identity import fingerprint
from backend.cloud.sizing import load_sizes
from backend.settings import Settings


def remote_reader(settings: Settings, handle: Any) -> RemoteReader:
    """MagiReader, holding the engine that READER names."""
    sizes = load_sizes()
    return RemoteReader(
        handle,
        "MagiReader",
        stays_s=sizes.scaledown_s,
        fingerprint=fingerprint("reader", settings),
        batch_size=sizes.reader_batch if settings.reader == "magi" else 1,
        knows_faces=settings.reader == "magi",
    )


def remote_synthesizer(settings: Settings, handle: Any) -> RemoteSynthesizer:
    """SovitsSpeaker, holding the engine that SYNTHESIZER names."""
    return RemoteSynthesizer(
        handle, "SovitsSpeaker", stays_s=load_sizes().scaledown_s, fingerprint=fingerprint("speaker", settings)
    )
