"""The API's container: the same FastAPI app as everywhere, with the GPU classes for engines and, with shared stores, pipelines elsewhere.

Without REDIS_URL or BUCKET_NAME no other container can see a job. Then this one does everything but the engines' work itself, forbids
Modal to start a second one, and says so.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from modal import exception

from backend.app import create_app
from backend.cloud.container import container_settings
from backend.cloud.engines import remote_reader, remote_synthesizer
from backend.cloud.hearing import cloud_transcriber
from backend.cloud.runner import CloudRunner, HereRunner
from backend.cloud.trainer import cloud_trainer
from backend.engines import Engines
from backend.jobs.log import JobLog
from backend.narration.runner import Runner
from backend.narration.window import Narrator
from backend.settings import Settings

logger = logging.getLogger(__name__)


def cloud_app(*, narrate: Any, reader: Any, speaker: Any, api: Any) -> FastAPI:
    """The application for `modal.asgi_app`.

    Args:
        narrate: the pipeline's function. reader, speaker: instances of the GPU classes. api: the web function this runs in.

    Raises:
        ConfigurationError: the secret's variables cannot work together.
    """
    settings = container_settings()
    if settings.api_base_url is None:
        # TLS ends before the container: a request's scheme may say http, and no upload survives the way from there to https.
        settings = settings.model_copy(update={"api_base_url": api.get_web_url()})
    remote = (remote_reader(settings, reader), remote_synthesizer(settings, speaker))
    engines = Engines(*remote)

    def run(narrator: Narrator, log: JobLog) -> Runner:
        return HereRunner(narrator, log, remote) if settings.unshared else CloudRunner(log, narrate, remote)

    if settings.unshared:
        _keep_to_one_container(settings, api)
    return create_app(
        settings,
        make=lambda _: engines,
        run=run,
        train=cloud_trainer,
        hear=lambda settings: cloud_transcriber(settings, speaker),
    )


def _keep_to_one_container(settings: Settings, api: Any) -> None:
    """Where state lives in the container, there must be one: tells Modal, and whoever reads the log."""
    logger.warning(
        "A single container with embedded stores: without %s in the secret, windows live in this container only and end with it;"
        " no second one is started.",
        " and ".join(settings.unshared),
    )
    try:
        api.autoscaler.update(max_containers=1)
    except exception.Error as error:
        logger.error("Modal was not told to run one container only (%s): deploy with CLOUD_API_MAX_CONTAINERS=1.", error)
