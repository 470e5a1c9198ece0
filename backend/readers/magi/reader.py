"""`MagiReader`: the page reader protocol over the MAGI v2 network.

Requests join one queue; whatever waits when the device becomes free goes through it together, so a page alone is read at once and twenty
pages share batches. Images are decoded and resized in worker threads while the device works on the pages before them. This module imports
no torch until it loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backend.engine import EngineState
from backend.errors import BadImage, ConfigurationError, ReadingFailed, Unavailable
from backend.imaging import decode_page
from backend.readers.base import Direction, Reading, ReadOptions
from backend.readers.magi.assembly import bursts_of, reading_of, texts_of
from backend.readers.magi.checkpoint import find_weights
from backend.readers.magi.licence import LICENCE_NOTICE
from backend.readers.magi.recognizers import Recognizer, TrocrRecognizer
from backend.readers.magi.vocabulary import ByteVocabulary, find_vocabulary
from backend.readers.magi.words import PageTexts, WordReaders

if TYPE_CHECKING:
    from backend.readers.magi.engine import Engine
    from backend.readers.magi.tiles import Prepared

_log = logging.getLogger(__name__)
REVISION: Final = "6"
"""Of the rules in this package: raised when the same page may come out otherwise."""
_ENDS: Final = 1 << 16
_CLOSED: Final = "The MAGI reader was closed."


@dataclass(slots=True)
class _Job:
    """One page of a call to `read`."""

    page: Prepared
    options: ReadOptions
    done: asyncio.Future[Reading]


class MagiReader:
    """Reads pages with MAGI v2.

    Args:
        directory: config.json, model.safetensors or pytorch_model.bin, and the vocabulary (`tanoshi weights magi` makes it).
        device: "cpu", "cuda", "cuda:1"; None: a GPU if there is one.
        recognizers: for other languages than English, in order of preference (manga-ocr, the embedded engine).
        page_batch, crop_batch, text_batch: most pages, figures and texts that go through the device at once.
        half: on a GPU compute in float16; thresholds and links are float32 on the CPU in any case.
        pad_together: for comparing with the reference, do as it does: pages of different sizes are padded to one batch, so that their
            numbers depend on each other, an image of two pages is ordered as one, and a strip is shown whole.
        preparers: threads that decode and resize.

    Raises:
        ConfigurationError: torch is not installed.
    """

    name = "magi"
    batch_size = 8
    """As many pages as the detector takes in one batch."""

    def __init__(
        self,
        directory: Path,
        device: str | None = None,
        recognizers: Sequence[Recognizer] = (),
        *,
        page_batch: int = 8,
        crop_batch: int = 64,
        text_batch: int = 32,
        half: bool = True,
        pad_together: bool = False,
        preparers: int = 4,
    ) -> None:
        if importlib.util.find_spec("torch") is None:
            raise ConfigurationError('The MAGI reader needs torch: pip install "tanoshi-narration[gpu]".')
        self._directory, self._device, self._half = Path(directory), device, half
        self._recognizers = tuple(recognizers)
        self._page_batch, self._crop_batch, self._text_batch = page_batch, crop_batch, text_batch
        self._pad_together = pad_together
        self._state = EngineState.IDLE
        self._loading = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="magi")
        self._pool = ThreadPoolExecutor(preparers, thread_name_prefix="magi-prepare")
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._english: TrocrRecognizer | None = None
        self._words: WordReaders | None = None

    @property
    def state(self) -> EngineState:
        return self._state

    @property
    def fingerprint(self) -> str:
        """From the config, the size and both ends of the weights file, the rules' revision, and the recognisers."""
        weights = find_weights(self._directory)
        mark = hashlib.sha256((self._directory / "config.json").read_bytes() if weights else b"")
        with weights.open("rb") as file:
            mark.update(file.read(_ENDS))
            size = file.seek(0, 2)
            file.seek(max(0, size - _ENDS))
            mark.update(file.read(_ENDS) + str(size).encode())
        parts = [
            self._device or "auto",
            str(self._half),
            str(self._pad_together),
            *(one.fingerprint for one in self._recognizers),
        ]
        mark.update("|".join(parts).encode())
        return f"magi-{REVISION}-{mark.hexdigest()[:16]}"

    async def load(self) -> None:
        """Reads the weights; the licence of the weights is logged.

        Raises:
            ConfigurationError: the directory, a file in it, or the device is not what it should be; one sentence says which.
        """
        async with self._loading:
            if self._engine is not None:
                return
            self._state = EngineState.LOADING
            try:
                loop = asyncio.get_running_loop()
                engine, english = await loop.run_in_executor(self._thread, self._load)
                for one in self._recognizers:
                    await one.load()
            except BaseException:
                self._state = EngineState.FAILED
                raise
            self._engine, self._english = engine, english
            self._words = WordReaders((*self._recognizers, english))
            self._worker = asyncio.create_task(self._work(), name="magi-worker")
            self._state = EngineState.READY
            _log.info("MAGI v2 loaded from %s on %s. %s", self._directory, engine.network.device, LICENCE_NOTICE)

    async def aclose(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
        while not self._queue.empty():
            _fail([self._queue.get_nowait()], Unavailable(_CLOSED))
        for one in (*self._recognizers, *([] if self._english is None else [self._english])):
            await one.aclose()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._pool.shutdown(wait=False)
        self._engine = self._english = self._words = None
        self._state = EngineState.IDLE

    async def read(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        """See `PageReader.read`."""
        await self.load()
        chunks = [pages[at : at + self._page_batch] for at in range(0, len(pages), self._page_batch)]
        read = await asyncio.gather(*(self._read_chunk(chunk, options) for chunk in chunks))
        return [page for chunk in read for page in chunk]

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        """Appearance of whole images, one figure each: the pictures of a character bank.

        Raises:
            BadImage: one of them cannot be decoded.
        """
        await self.load()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, list(images))

    def _embed(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        from backend.readers.magi import pixels  # noqa: PLC0415 - torch belongs to the extra

        assert self._engine is not None
        side = self._engine.network.sizes.crops.image
        crops = [pixels.resized(pixels.grey(decode_page(data)), (side, side)) for data in images]
        return [tuple(float(value) for value in row) for row in self._engine.embed(crops)]

    async def _read_chunk(self, pages: Sequence[bytes], options: ReadOptions) -> list[Reading | ReadingFailed]:
        """Pages of one call that share a batch; while the device works on one chunk the next is prepared."""
        loop = asyncio.get_running_loop()
        prepared = await asyncio.gather(
            *(loop.run_in_executor(self._pool, self._prepare, data, options.direction) for data in pages)
        )
        if self._worker is None:
            raise Unavailable(_CLOSED)
        jobs = [page if isinstance(page, ReadingFailed) else _Job(page, options, loop.create_future()) for page in prepared]
        for job in jobs:
            if isinstance(job, _Job):
                self._queue.put_nowait(job)
        return list(await asyncio.gather(*(_outcome(job) for job in jobs)))

    def _load(self) -> tuple[Engine, TrocrRecognizer]:
        import torch  # noqa: PLC0415 - belongs to the extra

        from backend.readers.magi.engine import Engine  # noqa: PLC0415
        from backend.readers.magi.network import Network  # noqa: PLC0415

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigurationError(f"The MAGI reader is set to {device}, but torch sees no GPU here.")
        dtype = torch.float16 if self._half and device.startswith("cuda") else torch.float32
        network = Network.load(self._directory, device, dtype)
        engine = Engine(network, self._page_batch, self._crop_batch, self._pad_together)
        vocabulary = ByteVocabulary(find_vocabulary(self._directory, network.sizes))
        if len(vocabulary) < network.sizes.text.vocabulary:
            raise ConfigurationError(
                f"The vocabulary in {self._directory} has {len(vocabulary)} entries, the model {network.sizes.text.vocabulary}."
            )
        return engine, TrocrRecognizer(network, vocabulary, self._thread, self._text_batch)

    def _prepare(self, data: bytes, direction: Direction) -> Prepared | ReadingFailed:
        from backend.readers.magi.tiles import prepare  # noqa: PLC0415

        if self._engine is None:
            raise Unavailable(_CLOSED)
        sizes = self._engine.network.sizes
        try:
            tiled = None if self._pad_together else direction
            return prepare(decode_page(data), sizes.shortest_edge, sizes.longest_edge, tiled)
        except BadImage as error:
            return ReadingFailed(error.detail)

    async def _work(self) -> None:
        while True:
            jobs = [await self._queue.get()]
            while len(jobs) < self._page_batch and not self._queue.empty():
                jobs.append(self._queue.get_nowait())
            jobs = [job for job in jobs if not job.done.done()]
            if not jobs:  # nobody waits for them any more; nothing would be asked of the device, and nothing learnt of it
                continue
            try:
                await self._attempt(jobs)
            except asyncio.CancelledError:
                _fail(jobs, Unavailable(_CLOSED))
                raise

    async def _attempt(self, jobs: Sequence[_Job]) -> None:
        """Reads a batch; if that fails as a whole each page gets its own chance, so that one page costs no other."""
        try:
            await self._process(jobs)
        except Exception as error:  # noqa: BLE001 - a worker's outermost loop; the error becomes the pages' reason
            lost = _lost_device(error)
            if len(jobs) > 1 and not lost:
                for job in jobs:
                    await self._attempt([job])
                return
            _log.exception("A page could not be read")
            if lost:
                self._state = EngineState.FAILED
            _fail(jobs, error)
        else:
            self._state = EngineState.READY  # some errors of a device pass

    async def _process(self, jobs: Sequence[_Job]) -> None:
        assert self._engine is not None
        assert self._words is not None
        loop = asyncio.get_running_loop()
        pages, images = [job.page for job in jobs], [job.page.image for job in jobs]
        options = [job.options for job in jobs]
        found = await loop.run_in_executor(self._thread, self._engine.find, pages, [one.direction for one in options])

        async def of_each(work: Callable[..., Any], *parts: Sequence[Any]) -> list[Any]:
            return await asyncio.gather(*(loop.run_in_executor(self._pool, work, *one) for one in zip(*parts, strict=True)))

        texts: list[PageTexts] = await of_each(texts_of, images, found, options)
        # The shapes of bubbles cost the processor about as much as the words cost a GPU.
        _, bursts = await asyncio.gather(self._words.read(texts), of_each(bursts_of, images, texts))
        readings: list[Reading] = await of_each(reading_of, found, texts, bursts, options)
        for job, reading in zip(jobs, readings, strict=True):
            if not job.done.done():
                job.done.set_result(reading)


def build_reader(
    directory: Path, *, manga_ocr: Path | None = None, fallback_threads: int | None = None, device: str | None = None
) -> MagiReader:
    """The reader with every recogniser there is: manga-ocr from `manga_ocr`, else from `manga-ocr` in `directory` if that exists, and
    the embedded engine on so many cores (None: not at all) for what neither that nor TrOCR reads."""
    from backend.readers.manga_ocr.recognizer import MangaOcrRecognizer  # noqa: PLC0415 - it builds on this package

    inside = directory / "manga-ocr"
    japanese = manga_ocr or (inside if inside.is_dir() else None)
    recognizers: list[Recognizer] = [] if japanese is None else [MangaOcrRecognizer(japanese, device)]
    if fallback_threads is not None:
        from backend.readers.magi.whole_pages import WholePageRecognizer  # noqa: PLC0415 - it imports OpenCV

        recognizers.append(WholePageRecognizer(fallback_threads))
    return MagiReader(directory, device, recognizers)


async def _outcome(job: _Job | ReadingFailed) -> Reading | ReadingFailed:
    if isinstance(job, ReadingFailed):
        return job
    try:
        return await job.done
    except ReadingFailed as error:
        return error


def _lost_device(error: Exception) -> bool:
    import torch  # noqa: PLC0415

    return isinstance(error, torch.AcceleratorError)


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    reason: Exception = ReadingFailed("The page could not be read by MAGI.")
    if _lost_device(error):
        reason = Unavailable("The GPU that reads pages was lost.")
    elif isinstance(error, Unavailable):
        reason = error
    for job in jobs:
        if not job.done.done():
            job.done.set_exception(reason)
