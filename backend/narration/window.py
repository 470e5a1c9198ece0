"""The story of a window: its pages are read, cast, spoken and published while others are still on their way.

`Narrator.narrate` follows the job's log and returns when nothing uploaded is left to do; a page that arrives later is another call.
It may be cancelled at any await and called again, here or in another process: what is in the log is done, what is in the cache is
cheap. Stages are joined by short shelves, so that a slow voice holds the reader back instead of filling memory.

    follow --> pending pages --> [reading: micro-batches] --> shelf --> [casting, voicing: 2 at once] --> commit(ready)

The last step belongs to a PageVoicer (`voicing.py`), which may be another machine: the window learns from the log that a page is ready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from backend.errors import JobNotFound, ReadingFailed, TanoshiError
from backend.jobs import decisions
from backend.jobs.log import JobLog
from backend.jobs.state import JobState, PageState, fold
from backend.narration.cache import CachedReader
from backend.narration.cast import Caster
from backend.narration.forgetting import PageMemory
from backend.narration.shelf import Shelf
from backend.narration.voicing import PageOrder, PageVoicer
from backend.readers.base import PageReader, Reading, ReadOptions
from backend.storage import keys, uploads
from backend.storage.objects import Objects

logger = logging.getLogger(__name__)

READ_AHEAD: Final = 2
"""Read pages that may wait for a voice. More would make the page in view wait behind pages nobody listens to yet."""
UPLOAD_LOST: Final = "upload_lost"
"""Reason of a page whose bytes the store no longer has, though the log says they came."""
VOICING_AT_ONCE: Final = 2
"""The second page fills the processors when the first has only its last line left."""


@dataclass(frozen=True, slots=True)
class _Page:
    index: int
    revision: int


@dataclass(frozen=True, slots=True)
class _ReadPage:
    page: _Page
    sha256: str
    reading: Reading


class Narrator:
    """Narrates windows with the reader, the voicer and the stores it was handed; holds no state of any window."""

    def __init__(self, *, log: JobLog, objects: Objects, reader: PageReader, voicer: PageVoicer, caster: Caster) -> None:
        self.log = log
        self.objects = objects
        self.caster = caster
        self.batch_size = reader.batch_size
        self.reader = CachedReader(reader, objects)
        self.voicer = voicer
        self.memory = PageMemory(objects, caster.series, caster.faces)

    async def narrate(self, job_id: str) -> None:
        """Does all the work that the job's uploads ask for; returns when each uploaded page has ended, or the job is gone."""
        try:
            await _Window(self, await self.log.state(job_id)).run()
        except* JobNotFound:
            logger.info("Job %s is gone; its work ends.", job_id)


class _Window:
    """One call of `narrate`: the claims it has made on pages and the tasks that work on them."""

    def __init__(self, narrator: Narrator, state: JobState) -> None:
        self._n = narrator
        self._state = state
        self._job_id = state.definition.job_id
        self._claimed: dict[int, int] = {}
        self._in_hand: set[_Page] = set()
        self._changed = asyncio.Condition()
        self._shelf: Shelf[_ReadPage] = Shelf(READ_AHEAD, lambda item: self._rank(item.page))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow()), group.create_task(self._reading())]
            tasks += [group.create_task(self._voicing()) for _ in range(VOICING_AT_ONCE)]
            async with self._changed:
                await self._changed.wait_for(lambda: not self._in_hand and not self._pending())
            for task in tasks:
                task.cancel()

    # --- what is to be done ---

    def _pending(self) -> list[_Page]:
        """Uploaded pages nobody has claimed at their present revision, the most wanted first."""
        found = [
            _Page(page.index, page.revision)
            for page in self._state.pages
            if page.uploaded and not page.state.ended and self._claimed.get(page.index) != page.revision
        ]
        return sorted(found, key=self._rank)

    def _rank(self, page: _Page) -> tuple[bool, int]:
        """The page in view and its neighbours, then reading order."""
        focus = self._state.focus
        return (focus is None or abs(page.index - focus) > 1, page.index)

    def _current(self, page: _Page) -> bool:
        record = self._state.pages[page.index]
        return record.revision == page.revision and not record.state.ended

    async def _follow(self) -> None:
        async with aclosing(self._n.log.follow(self._job_id, self._state.cursor)) as batches:
            async for batch in batches:
                async with self._changed:
                    self._state = fold(self._state, (entry for entry in batch if entry.seq > self._state.cursor))
                    self._changed.notify_all()

    async def _commit(self, decide: decisions.Decide) -> None:
        state = await self._n.log.commit(self._job_id, decide)
        async with self._changed:
            if state.cursor > self._state.cursor:
                self._state = state
            self._changed.notify_all()

    async def _claim(self, at_most: int) -> list[_Page]:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._pending()))
            pages = self._pending()[:at_most]
            self._claimed.update((page.index, page.revision) for page in pages)
            self._in_hand.update(pages)
            return pages

    async def _put_down(self, page: _Page) -> None:
        async with self._changed:
            self._in_hand.discard(page)
            self._changed.notify_all()

    async def _fail(self, page: _Page, reason: str) -> None:
        await self._commit(decisions.failed(page.index, page.revision, reason))
        await self._put_down(page)

    # --- reading ---

    async def _reading(self) -> None:
        first = True  # the first page is read alone: somebody waits for its sound
        while True:
            pages = await self._claim(1 if first else self._n.batch_size)
            await self._read_or_fail(pages)
            if first and self._n.batch_size == 1:
                # A reader without batches shares its processors with the voice: until the first page sounds, they are the voice's.
                await self._until_put_down(pages)
            first = False

    async def _until_put_down(self, pages: list[_Page]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._in_hand.isdisjoint(pages))

    async def _read_or_fail(self, pages: list[_Page]) -> None:
        try:
            await self._read(pages)
        except JobNotFound:
            raise
        except TanoshiError as error:
            logger.warning("Pages %s of %s were not read: %s", [page.index for page in pages], self._job_id, error)
            for page in pages:
                await self._fail(page, error.code)
        except Exception:
            logger.exception("Reading pages %s of %s failed", [page.index for page in pages], self._job_id)
            if len(pages) == 1:
                await self._fail(pages[0], "internal_error")
                return
            for page in pages:  # whichever page it was, the others must not suffer for it
                await self._read_or_fail([page])

    async def _read(self, pages: list[_Page]) -> None:
        async def begun() -> None:  # a page is queued while the engine is still waking
            for page in pages:
                await self._commit(decisions.advance(page.index, page.revision, PageState.EXTRACTING))

        named = [(page, self._state.pages[page.index].sha256) for page in pages]
        data = await asyncio.gather(*(self._bytes_of(page, sha256) for page, sha256 in named))
        there = [(page, (sha256, item)) for (page, sha256), item in zip(named, data, strict=True) if sha256 and item is not None]
        addressed = [item for _, item in there]
        options = self._state.definition.options
        results = await self._n.reader.read(addressed, ReadOptions(direction=options.direction, lang=options.lang), begun)
        await self._forget_removed({page: sha256 for page, (sha256, _) in there})
        for page in pages:
            if page not in {found for found, _ in there}:
                await self._fail(page, UPLOAD_LOST)
        for (page, (sha256, _)), result in zip(there, results, strict=True):
            if isinstance(result, ReadingFailed):
                logger.warning("Page %d of %s was not read: %s", page.index, self._job_id, result)
                await self._fail(page, result.code)
            else:
                await self._shelf.put(_ReadPage(page, sha256, result))

    async def _bytes_of(self, page: _Page, sha256: str | None) -> bytes | None:
        return None if sha256 is None else await uploads.find(self._n.objects, self._job_id, page.index, sha256)

    async def _forget_removed(self, worked_on: Mapping[_Page, str]) -> None:
        """A page that was removed while it was worked on leaves nothing behind: what was made of it came after what was deleted."""
        state = await self._n.log.state(self._job_id)
        for page, sha256 in worked_on.items():
            if not state.pages[page.index].uploaded:
                await self._n.memory.forget(sha256, [(self._job_id, page.index)])
                await self._n.objects.delete_prefix(keys.audio_prefix(self._job_id, page.index))

    # --- voicing ---

    async def _voicing(self) -> None:
        while True:
            item = await self._shelf.take()
            try:
                if self._current(item.page):
                    await self._voice(item)
                await self._put_down(item.page)
            except JobNotFound:
                raise
            except TanoshiError as error:
                logger.warning("Page %d of %s was not voiced: %s", item.page.index, self._job_id, error)
                await self._fail(item.page, error.code)
            except Exception:
                logger.exception("Voicing page %d of %s failed", item.page.index, self._job_id)
                await self._fail(item.page, "internal_error")

    async def _voice(self, item: _ReadPage) -> None:
        page = item.page
        await self._commit(decisions.advance(page.index, page.revision, PageState.TTS))
        definition, sha256 = self._state.definition, item.sha256
        script = await self._n.caster.script(definition, page.index, item.reading, sha256)
        try:
            await self._n.voicer.voice(PageOrder(definition, page.index, page.revision, script, sha256))
        finally:
            await self._forget_removed({page: sha256})
