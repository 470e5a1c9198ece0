"""A character bank on Modal: the pictures go to the reader's container, and what it says of them comes back as it would from here."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from modal import exception

from backend.cloud import adapters, engines, workers
from backend.cloud.adapters import RemoteReader
from backend.cloud.workers import ReaderWorker
from backend.engine import EngineState
from backend.errors import BadImage, Conflict, TanoshiError, Unavailable
from backend.imaging import decode_page
from backend.series.bank import FigureEmbedder
from backend.settings import Settings
from tests.cloud.test_calls import Method
from tests.conftest import Serve
from tests.support.engines import InstantReader, page

MakeSettings = Callable[..., Settings]
BANK = "/v1/series/source/bank/Mio"
FACE = (0.6, 0.8, 0.0)


class FacesReader(InstantReader):
    """Sees the same figure on every picture it can decode."""

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        for data in images:
            decode_page(data)
        return [FACE for _ in images]


class LostReader(InstantReader):
    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        self.state = EngineState.FAILED
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


class Handle:
    """A reader's class of which only `embed_figures` is asked."""

    def __init__(self, method: Any) -> None:
        self.embed_figures = method


class Elsewhere(Method):
    """The method of a worker, with a network between: what goes there and comes back is pickled."""

    def __init__(self, worker: ReaderWorker) -> None:
        super().__init__()
        self._worker = worker

    async def _get(self) -> Any:
        arguments = pickle.loads(pickle.dumps(self.spawned[-1]))
        return pickle.loads(pickle.dumps(await self._worker.embed_figures(*arguments)))


def remote(method: Any, **how: Any) -> RemoteReader:
    return RemoteReader(Handle(method), "MagiReader", stays_s=60, fingerprint="f-1", **how)


async def opened(monkeypatch: pytest.MonkeyPatch, settings: Settings, reader: Any) -> tuple[ReaderWorker, list[int]]:
    """A worker that holds `reader`, and a list that grows when its container is told to die."""
    died: list[int] = []

    async def die() -> None:
        died.append(1)

    monkeypatch.setattr(workers, "make_reader", lambda _: reader)
    return await ReaderWorker.open(settings, die), died


async def test_a_picture_uploaded_to_the_api_names_the_character_by_what_the_container_sees(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings, serve: Serve
) -> None:
    worker, _ = await opened(monkeypatch, settings(), FacesReader())
    method = Elsewhere(worker)
    reader = remote(method)
    client = await serve(reader=reader)
    reply = await client.http.put(BANK, content=page(5))
    assert (reply.status_code, reply.json()["name"]) == (200, "Mio"), reply.text
    assert method.spawned == [([page(5)],)]
    assert reader.state is EngineState.READY, "its container is awake now"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Conflict("It recognises no faces."), 409, "conflict"),
        (BadImage("It is damaged."), 422, "bad_image"),
        (exception.RemoteError("it crashed"), 503, "unavailable"),
    ],
)
async def test_what_the_container_objects_to_is_what_the_client_is_told(
    serve: Serve, answer: Exception, status: int, code: str
) -> None:
    client = await serve(reader=remote(Method(answer)))
    reply = await client.http.put(BANK, content=page(5))
    assert (reply.status_code, reply.json()["code"]) == (status, code)


async def test_a_container_that_takes_too_long_is_unavailable_and_works_on_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert adapters.FACES_WAIT_S < 150, "Modal answers for a reply that has not begun by then"
    monkeypatch.setattr(adapters, "FACES_WAIT_S", 0.05)
    method = Method(waits=True)
    with pytest.raises(Unavailable):
        await remote(method).embed_figures([page(1)])
    assert method.cancelled == 1


@pytest.mark.parametrize("knows", [True, False])
async def test_a_deployment_whose_reader_knows_no_faces_starts_no_container_to_say_so(
    settings: MakeSettings, tmp_path: Path, knows: bool
) -> None:
    chosen = {"reader": "magi", "magi_dir": tmp_path} if knows else {"reader": "embedded"}
    method = Method([FACE])
    reader = engines.remote_reader(settings(**chosen), Handle(method))
    assert isinstance(reader, FigureEmbedder)
    if knows:
        assert await reader.embed_figures([page(1)]) == [FACE]
    else:
        with pytest.raises(Conflict, match="READER=magi"):
            await reader.embed_figures([page(1)])
    assert len(method.spawned) == knows


@pytest.mark.parametrize(
    ("reader", "picture", "error"),
    [(InstantReader(), page(1), Conflict), (FacesReader(), b"junk", BadImage)],
    ids=["no faces", "junk"],
)
async def test_what_no_other_container_could_spare_the_caller_is_answered_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings, reader: Any, picture: bytes, error: type[TanoshiError]
) -> None:
    worker, died = await opened(monkeypatch, settings(), reader)
    assert isinstance(await worker.embed_figures([picture]), error)
    assert not died


async def test_a_gpu_lost_over_a_picture_ends_the_container_and_the_call_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, settings: MakeSettings
) -> None:
    worker, died = await opened(monkeypatch, settings(), LostReader())
    with pytest.raises(Unavailable):
        await worker.embed_figures([page(1)])
    assert died
