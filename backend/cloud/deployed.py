"""The deployed GPU classes for a server that is not: READER=modal, SYNTHESIZER=modal, for developing the API with `uvicorn`.

Looked up by name at the first call; `modal token` on this machine says in whose account. The pipeline runs here, and the sound comes back.
Modal's client is an extra: importing this where it is not installed raises ConfigurationError.
"""

from __future__ import annotations

from backend.errors import ConfigurationError

try:
    import modal
except ModuleNotFoundError as error:
    raise ConfigurationError(
        'READER=modal and SYNTHESIZER=modal need the client of Modal: pip install "tanoshi-narration[cloud]".'
    ) from error

from backend.cloud.adapters import RemoteReader, RemoteSynthesizer
from backend.cloud.app import APP
from backend.cloud.sizing import load_sizes


def deployed_reader() -> RemoteReader:
    """MagiReader as `modal deploy` left it."""
    return RemoteReader(modal.Cls.from_name(APP, "MagiReader")(), "modal MagiReader", stays_s=load_sizes().scaledown_s)


def deployed_synthesizer() -> RemoteSynthesizer:
    """SovitsSpeaker, likewise."""
    return RemoteSynthesizer(modal.Cls.from_name(APP, "SovitsSpeaker")(), "modal SovitsSpeaker", stays_s=load_sizes().scaledown_s)
