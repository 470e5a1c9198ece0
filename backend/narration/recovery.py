"""Takes up what a process left behind when it died: work without a lease, and windows nobody keeps.

Every process runs one. Taking up is harmless when several try: the lease lets one in, and what is in the log is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from backend.errors import TanoshiError
from backend.jobs.log import JobLog
from backend.narration.runner import Runner
from backend.storage import keys
from backend.storage.objects import Objects

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""Between two looks for work without a lease: one small script in the job store."""
LOOKS_PER_REPORT: Final = 5
"""Every so many looks, the runner looks after work that is done elsewhere."""
LOOKS_PER_CENSUS: Final = 15
"""Every so many looks, all jobs are counted, so that each is kept by every process."""
HOLD_OFF_S: Final = 10.0
"""A job that this process took up, and that is without a lease again at the next look, is not tried again for so long."""


async def recover(log: JobLog, runner: Runner, keep: Callable[[Sequence[str]], None]) -> None:
    """Works until it is cancelled.

    Args:
        keep: is told of all jobs there are, again and again, so that each is kept by every process.
    """
    tried: dict[str, float] = {}
    clock = asyncio.get_running_loop().time
    looks = 0
    while True:
        try:
            if looks % LOOKS_PER_CENSUS == 0:
                keep(await log.job_ids())
            looks += 1
            now = clock()
            abandoned = await log.abandoned()
            tried = {job_id: at for job_id, at in tried.items() if job_id in abandoned and now - at < HOLD_OFF_S}
            for job_id in abandoned:
                if job_id not in tried:
                    tried[job_id] = now
                    logger.info("Job %s has work that nobody does; taking it up.", job_id)
                    await runner.ensure(job_id)
            if looks % LOOKS_PER_REPORT == 0:
                await runner.look()
        except TanoshiError as error:
            logger.warning("Work that was left behind cannot be looked for (%s).", error)
        except Exception:
            logger.exception("Looking for work that was left behind failed")
        await asyncio.sleep(LOOK_S)


async def clear_leftovers(log: JobLog, objects: Objects, *, older_than_s: float) -> int:
    """Removes what windows that no job log knows have left in a folder; a bucket forgets by itself. Returns how many windows.

    Jobs in memory are gone when their process ends, and nothing else would ever remove their pages and audio.
    """
    newest: dict[str, float] = {}
    async for info in objects.infos(keys.JOBS_PREFIX):
        job_id = keys.job_of(info.key)
        newest[job_id] = max(info.modified, newest.get(job_id, 0.0))
    known = set(await log.job_ids())
    old = time.time() - older_than_s
    left = [job_id for job_id, modified in newest.items() if job_id not in known and modified < old]
    for job_id in left:
        await objects.delete_prefix(keys.job_prefix(job_id))
    return len(left)
