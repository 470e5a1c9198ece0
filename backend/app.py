"""Puts the parts together: `create_app(settings)` is the whole program as one FastAPI application.

Nothing else chooses engines or stores. The application owns what it starts: engines load in the background while the port already
listens, and everything is closed when it shuts down.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware import Middleware

from backend import __version__
from backend.api import audio, forget, health, jobs, pages, series, sessions, voices, web
from backend.api.clients import caller
from backend.api.cors import Cors
from backend.api.guard import Guard
from backend.api.limits import StartLimits
from backend.api.plans import with_bucket_urls
from backend.api.pool import CheckPool
from backend.api.problems import install_problem_handlers
from backend.api.replies import install_document
from backend.api.services import Services
from backend.engine import Engine
from backend.engines import Engines, make_engines
from backend.errors import JobNotFound, TanoshiError
from backend.jobs.keeper import Keeper
from backend.jobs.log import JobLog
from backend.narration.cast import Caster
from backend.narration.recovery import clear_leftovers, recover
from backend.narration.runner import LocalRunner, Runner
from backend.narration.voicing import LocalVoicer
from backend.narration.window import Narrator
from backend.series.faces import Faces
from backend.series.memory import SeriesMemory
from backend.series.store import ObjectSeriesStore
from backend.settings import Settings, cpu_count, load_settings
from backend.storage import keys
from backend.storage.objects import Objects
from backend.stores import make_counters, make_log, make_objects
from backend.synthesizers.base import Voice
from backend.trainer import make_trainer
from backend.transcriber import make_transcriber
from backend.voices.builtin import BUILTIN_VOICES
from backend.voices.catalogue import Catalogue, ListedVoice, RegisteredVoices
from backend.voices.owners import Owners
from backend.voices.room import StandIn, VoiceRoom
from backend.voices.store import VoiceStore
from backend.voices.training import Trainer
from backend.voices.uploads import Transcribe

logger = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    *,
    make: Callable[[Settings], Engines] = make_engines,
    run: Callable[[Narrator, JobLog], Runner] = LocalRunner,
    train: Callable[[Settings, Objects], Trainer | None] = make_trainer,
    hear: Callable[[Settings], Transcribe | None] = make_transcriber,
) -> FastAPI:
    """The application.

    Args:
        settings: None: from the environment.
        make: where engines come from; tests hand in their own.
        run: who narrates; default: this process.
        train: who trains few-shot voices; default: this machine, where SOVITS_TRAINER_DIR is set.
        hear: who writes down recordings without a transcript; default: the model of SPEECH_CHECK_MODEL.

    Raises:
        ConfigurationError: the settings cannot work together.
    """
    settings = settings or load_settings()
    settings.require_possible()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings, make, run, train, hear) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Tanoshi Narration",
        version=__version__,
        summary="A window of manga pages becomes voiced audio while the reader turns the pages.",
        lifespan=lifespan,
        redirect_slashes=False,  # nothing redirects (contract C21), least of all to the Host a stranger named
        middleware=[
            Middleware(
                Cors,
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Range"],
                expose_headers=[
                    "Retry-After",
                    "RateLimit-Limit",
                    "RateLimit-Remaining",
                    "RateLimit-Reset",
                    "ETag",
                    "Content-Range",
                ],
                max_age=3600,
            ),
            Middleware(Guard, caller_of=lambda scope: caller(scope, settings)),
        ],
    )
    install_problem_handlers(app)
    install_document(app)
    windows = (sessions.router, jobs.router, pages.router, audio.router, series.lines_router)  # what is asked most comes first
    for room in windows:
        app.include_router(room, prefix=sessions.PREFIX)
    for room in windows:
        app.include_router(room, include_in_schema=False)  # for people who type curl
    app.include_router(series.router)
    app.include_router(voices.router)
    app.include_router(forget.router)
    app.include_router(health.router)
    app.include_router(web.router)  # last: its single segment would match /healthz too
    return app


def builtin_catalogue(registered: RegisteredVoices | None = None) -> Catalogue:
    """The voices that exist on every installation, and those that are registered."""
    listed = {
        voice.id: ListedVoice(Voice(id=voice.id), voice.description, voice.pitch_hz, tuple(voice.languages))
        for voice in BUILTIN_VOICES.values()
    }
    return Catalogue(listed, registered)


def owners(settings: Settings) -> Owners:
    """Whose voices and casts are whose."""
    return Owners(by_key=bool(settings.api_keys))


def stand_in(settings: Settings) -> StandIn:
    """Which built-in voice speaks for a registered one under the synthesizer SYNTHESIZER names."""
    if settings.synthesizer in ("sovits", "modal"):  # they clone
        return lambda voice: None

    def nearest(voice: Voice) -> str:
        from backend.synthesizers.embedded.voices import RECIPES, recipe_for  # noqa: PLC0415 - only where it speaks

        recipe = recipe_for(voice)
        return next(voice_id for voice_id, known in RECIPES.items() if known is recipe)

    return nearest


def series_memory(settings: Settings, objects: Objects) -> SeriesMemory:
    """What is known of all series, kept beside the other objects."""
    return SeriesMemory(ObjectSeriesStore(objects), owners(settings))


@asynccontextmanager
async def _running(
    settings: Settings,
    make: Callable[[Settings], Engines],
    run: Callable[[Narrator, JobLog], Runner],
    train: Callable[[Settings, Objects], Trainer | None],
    hear: Callable[[Settings], Transcribe | None],
) -> AsyncIterator[Services]:
    """Everything that lives while the application does; taken down in the opposite order."""
    engines = make(settings)
    log = make_log(settings)
    objects = make_objects(settings)
    voice_store = VoiceStore(objects, owners(settings))
    catalogue = builtin_catalogue(voice_store)
    workers = ThreadPoolExecutor(cpu_count(), thread_name_prefix="narration")
    memory = series_memory(settings, objects)
    faces = Faces(objects, workers)
    caster = Caster(catalogue, memory, faces)
    voicer = LocalVoicer(log=log, objects=objects, synthesizer=engines.synthesizer, workers=workers)
    narrator = Narrator(log=log, objects=objects, reader=engines.reader, voicer=voicer, caster=caster)
    runner = run(narrator, log)

    async def remove(job_id: str) -> None:
        with suppress(JobNotFound):  # its state has run out by itself; its objects have not
            await log.delete(job_id)
        await runner.cancel(job_id)
        await objects.delete_prefix(keys.job_prefix(job_id))

    keeper = Keeper(
        log,
        quiet_s=settings.upload_quiet_seconds,
        ttl_s=settings.job_ttl_seconds,
        remove=remove,
    )
    services = Services(
        settings=settings,
        log=log,
        objects=objects,
        reader=engines.reader,
        synthesizer=engines.synthesizer,
        catalogue=catalogue,
        runner=runner,
        keeper=keeper,
        limits=StartLimits(settings, make_counters(log)),
        checks=CheckPool(),
        series=memory,
        faces=faces,
        voices=VoiceRoom.open(
            voice_store,
            objects=objects,
            catalogue=catalogue,
            synthesizer=engines.synthesizer,
            workers=workers,
            stand_in=stand_in(settings),
            trainer=train(settings, objects),
            transcribe=hear(settings),
        ),
    )
    services = with_bucket_urls(services)

    def keep(job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            keeper.watch(job_id)
        if services.arrivals is not None:
            services.arrivals.adopt(job_ids)

    background = [
        asyncio.create_task(keeper.run()),
        asyncio.create_task(recover(log, runner, keep)),
        *([asyncio.create_task(services.arrivals.run())] if services.arrivals is not None else ()),
        *([] if settings.bucket_name else [asyncio.create_task(_clear_leftovers(log, objects, settings))]),
        asyncio.create_task(_load(_here(engines, settings))),
    ]
    try:
        yield services
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await runner.aclose()  # gives its leases back, so that another process goes on at once
        await services.voices.aclose()
        services.checks.close()
        await engines.reader.aclose()
        await engines.synthesizer.aclose()
        workers.shutdown(wait=False, cancel_futures=True)
        await log.aclose()
        await objects.aclose()


async def _clear_leftovers(log: JobLog, objects: Objects, settings: Settings) -> None:
    try:
        removed = await clear_leftovers(log, objects, older_than_s=settings.job_ttl_seconds)
    except TanoshiError as error:
        logger.warning("What earlier processes left in DATA_DIR was not removed (%s).", error)
    else:
        if removed:
            logger.info("Pages and audio of %d windows of earlier processes were removed.", removed)


def _here(engines: Engines, settings: Settings) -> Sequence[Engine]:
    """Those that are not on Modal's GPUs, where waking costs money: the first window does that, not each start of a server."""
    chosen = ((engines.reader, settings.reader), (engines.synthesizer, settings.synthesizer))
    return [engine for engine, name in chosen if name != "modal"]


async def _load(engines: Sequence[Engine]) -> None:
    """Loads the engines; a window that starts meanwhile waits for them."""

    async def load(engine: Engine) -> None:
        try:
            await engine.load()
        except TanoshiError as error:
            logger.error("The engine %s cannot be used: %s", engine.name, error)
        else:
            logger.info("The engine %s is %s.", engine.name, engine.state)

    await asyncio.gather(*map(load, engines))
    _let_the_collector_pass()


def _let_the_collector_pass() -> None:
    """Python's collector need not walk through what is loaded by now and lives as long as the process: among ten thousand windows that
    stopped everybody for a fifth of a second, again and again.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
