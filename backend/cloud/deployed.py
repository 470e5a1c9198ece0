"""The deployed GPU classes for a server that is not: READER=modal, SYNTHESIZER=modal, for developing the API with `uvicorn`.

Looked up by name at the first call; `modal token` on this machine says in whose account. The pipeline runs here, and the sound comes back.
"""

from __future__ import annotations

import modal

from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.app import APP
from backend.cloud.sizing import CloudSettings


def deployed_reader() -> RemoteReader:
    """MagiReader as `modal deploy` left it."""
    return RemoteReader(modal.Cls.from_name(APP, "MagiReader")(), "modal MagiReader", stays_s=CloudSettings().scaledown_s)


def deployed_synthesizer() -> RemoteSynthesizer:
    """SovitsSpeaker, likewise."""
    return RemoteSynthesizer(
        modal.Cls.from_name(APP, "SovitsSpeaker")(), "modal SovitsSpeaker", stays_s=CloudSettings().scaledown_s
    )
