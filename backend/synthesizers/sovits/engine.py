"""SovitsSynthesizer: GPT-SoVITS v2ProPlus as a Synthesizer. Async outside; inside one thread, because the engine bears no second."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from backend.engine import EngineState
from backend.errors import ConfigurationError, NotFound, SpeechFailed, TanoshiError, Unavailable
from backend.language import replace_words
from backend.synthesizers.base import ReferenceClip, Speech, Style, Utterance, Voice
from backend.synthesizers.sovits import directory as layout
from backend.synthesizers.sovits import gsv
from backend.synthesizers.sovits.booth import SAMPLE_RATE, Booth, Line, Models
from backend.synthesizers.sovits.builtin import BuiltinVoices
from backend.synthesizers.sovits.conditioning import ClipBytes
from backend.synthesizers.sovits.gate import CHECKS, Check
from backend.synthesizers.sovits.pieces import is_speakable

REVISION: Final = "3"
"""Changes whenever this package may make another sound of the same line."""
LANGUAGES: Final = ("ja", "en")
MOST_WAITING: Final = 64
"""Calls in the queue; a further one is told to come back."""
_MOST_CLIP_BYTES_KEPT: Final = 64_000_000
_CLOSED: Final = "The synthesizer is closed."

ClipSource = Callable[[str], Awaitable[bytes]]
"""Gives the bytes of a reference clip by its key in the object store; raises NotFound."""
OpenTts = Callable[[], gsv.GsvTts]
T = TypeVar("T")

logger = logging.getLogger(__name__)


class SovitsSynthesizer:
    """Speaks a call's lines in batches, in voices cloned from reference clips.

    Args:
        directory: SOVITS_DIR, filled by `tanoshi weights sovits`.
        clip_source: where clips of registered voices come from; None: only built-in voices are spoken.
        device: "cuda" or "cpu"; None takes the GPU if there is one.
        trained: folder under which our trainer writes few-shot checkpoints; one that lies elsewhere is never loaded. None: none are.
        checks: what every take must pass; `hearing.ByEar` may be added to the usual ones.
        listener: names who listens besides the usual checks, for which take of a line is kept depends on it; "": nobody.
        most_waiting: calls that may wait; the next one is Unavailable.
        open_tts: replaces the engine, in tests.

    Raises:
        ConfigurationError: the extra [gpu] is not installed.
    """

    name = "sovits"
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        directory: Path,
        clip_source: ClipSource | None = None,
        *,
        device: str | None = None,
        trained: Path | None = None,
        checks: Sequence[Check] = CHECKS,
        listener: str = "",
        most_waiting: int = MOST_WAITING,
        open_tts: OpenTts | None = None,
    ) -> None:
        if open_tts is None:
            gsv.require_packages()
        self._directory = directory
        self._clip_source = clip_source
        self._device = device
        self._trained = trained.resolve() if trained is not None else None
        self._checks = checks
        self._most_waiting = most_waiting
        self._open_tts = open_tts or self._open
        self._builtin = BuiltinVoices(directory / layout.VOICES)
        self._base = Models(str(directory / layout.GPT), str(directory / layout.SOVITS))
        heard_by = f".ear-{listener}" if listener else ""
        self._fingerprint = f"sovits-v2proplus.gsv{gsv.VERSION}.r{REVISION}.{layout.fingerprint(directory)}{heard_by}"
        self._clip_bytes: OrderedDict[str, bytes] = OrderedDict()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sovits")
        self._opening: asyncio.Task[Booth] | None = None
        self._booth: Booth | None = None
        self._state = EngineState.IDLE
        self._waiting = 0
        self._closed = False

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def state(self) -> EngineState:
        return self._state

    async def load(self) -> None:
        await self._loaded()

    async def speak(self, utterances: Sequence[Utterance]) -> list[Speech | SpeechFailed]:
        if self._waiting >= self._most_waiting:
            raise Unavailable("The synthesizer has too many lines waiting; please try again.")
        self._waiting += 1
        try:
            booth = await self._loaded()
            prepared = [await self._line(utterance) for utterance in utterances]
            return await self._spoken(booth, prepared)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._booth is not None:
            self._booth.close()
            self._booth = None
        self._state = EngineState.IDLE

    async def _loaded(self) -> Booth:
        """What speaks, once it is open. Who waits may go away (a page is replaced, a reader leaves); the opening goes on."""
        self._refuse_when_closed()
        if self._booth is not None:
            return self._booth
        if self._opening is None:
            self._state = EngineState.LOADING
            self._opening = asyncio.create_task(self._opened())
            self._opening.add_done_callback(self._end_of_opening)
        return await asyncio.shield(self._opening)

    async def _opened(self) -> Booth:
        tts = await self._in_worker(self._open_tts)
        self._refuse_when_closed()
        return Booth(tts, self._base, checks=self._checks)

    def _end_of_opening(self, opening: asyncio.Task[Booth]) -> None:
        """Nobody may be waiting any more, so what became of it is noted here: the next call tries again what has failed."""
        self._opening = None
        if opening.cancelled():
            self._state = EngineState.FAILED
        elif (error := opening.exception()) is not None:
            self._state = EngineState.FAILED
            if not self._closed:
                logger.warning("GPT-SoVITS did not load: %s", error, exc_info=None if isinstance(error, TanoshiError) else error)
        else:
            self._booth, self._state = opening.result(), EngineState.READY

    async def _in_worker(self, work: Callable[..., T], *given: object) -> T:
        """Runs in the one thread that the engine is used from. Raises Unavailable: the synthesizer is closed."""
        self._refuse_when_closed()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work, *given)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):  # it was dropped from the thread's queue
                raise Unavailable(_CLOSED) from None
            raise

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable(_CLOSED)

    def _open(self) -> gsv.GsvTts:
        import torch  # noqa: PLC0415

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigurationError(f"SYNTHESIZER=sovits is to run on {device}, but torch finds no GPU")
        return gsv.open_tts(self._directory, device)

    async def _spoken(self, booth: Booth, prepared: list[Line | SpeechFailed]) -> list[Speech | SpeechFailed]:
        lines = [line for line in prepared if isinstance(line, Line)]
        try:
            spoken = iter(await self._in_worker(booth.speak, lines) if lines else [])
        except Unavailable:
            if not self._closed:
                self._state = EngineState.FAILED
            raise
        return [next(spoken) if isinstance(line, Line) else line for line in prepared]

    async def _line(self, utterance: Utterance) -> Line | SpeechFailed:
        """The utterance with its clips at hand, or why it cannot be spoken."""
        try:
            if utterance.lang not in LANGUAGES:
                raise SpeechFailed(f"The language {utterance.lang[:20]!r} is not spoken here.")
            text = _with_readings(utterance)
            if not await asyncio.to_thread(is_speakable, text, utterance.lang):  # asks a dictionary
                raise SpeechFailed("There is nothing in this line that can be spoken.")
            clips = await self._clips(utterance)
            timbre = clips.get(Style.NEUTRAL) or next(iter(clips.values()))
            return Line(
                text=text,
                lang=utterance.lang,
                speed=round(utterance.speed, 2),
                timbre=timbre,
                manner=clips.get(utterance.style, timbre),
                models=self._models(utterance.voice),
            )
        except SpeechFailed as failure:
            return failure

    async def _clips(self, utterance: Utterance) -> Mapping[Style, ClipBytes]:
        """The voice's neutral clip and the one for the line's style, where it has that; one taken away meanwhile it has not."""
        voice = utterance.voice
        if not voice.references:
            builtin = self._builtin.clips(voice.id, utterance.lang)
            if not builtin:
                raise SpeechFailed(f"The voice {voice.id[:100]!r} has no reference clip here.")
            return builtin
        wanted = [style for style in (Style.NEUTRAL, utterance.style) if style in voice.references] or [
            next(iter(voice.references))
        ]
        clips: dict[Style, ClipBytes] = {}
        for style in wanted:
            try:
                clips[style] = await self._fetched(voice.references[style])
            except NotFound as error:
                if not clips:
                    raise SpeechFailed("The voice's reference clip is not in the store.") from error
        return clips

    async def _fetched(self, clip: ReferenceClip) -> ClipBytes:
        """Raises NotFound: it is not in the store."""
        data = self._clip_bytes.pop(clip.key, None)
        if data is None:
            if self._clip_source is None:
                raise SpeechFailed("Registered voices are not spoken here.")
            data = await self._clip_source(clip.key)
        self._clip_bytes[clip.key] = data
        while sum(map(len, self._clip_bytes.values())) > _MOST_CLIP_BYTES_KEPT:
            self._clip_bytes.popitem(last=False)
        return ClipBytes(data, clip.transcript, clip.lang)

    def _models(self, voice: Voice) -> Models:
        """The base models, or a few-shot checkpoint if our trainer wrote it: under its folder, and safetensors."""
        if voice.checkpoint is None:
            return self._base
        checkpoint = (self._trained or Path()).joinpath(voice.checkpoint).resolve()
        if self._trained is None or not checkpoint.is_relative_to(self._trained):
            raise SpeechFailed("The voice's checkpoint was not trained here, so it is not loaded.")
        wanted = [checkpoint / "gpt" / name for name in layout.GPT_FILES] + [
            checkpoint / "sovits" / name for name in layout.SOVITS_FILES
        ]
        if not all(path.is_file() for path in wanted):
            raise SpeechFailed("The voice's checkpoint is not complete.")
        return Models.trained(checkpoint)


def _with_readings(utterance: Utterance) -> str:
    """The text with readings in place of words: the engine's front ends take no phonemes."""
    readings = {said.word: said.reading for said in utterance.pronunciations}
    return replace_words(utterance.text, list(readings), lambda word, printed: readings[word] or printed)
