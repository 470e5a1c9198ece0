"""`tanoshi narrate`: a chapter on disk becomes sound on disk, through the same pipeline as over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend.books.chapter import Chapter, open_chapter
from backend.cli.owner import owner_named
from backend.errors import title_of
from backend.jobs.state import JobState, NarrationOptions, SfxPolicy
from backend.readers.base import Direction
from backend.settings import load_settings


def narrate(  # noqa: PLR0917 - the options of a command
    chapter: Annotated[Path, typer.Argument(help="A folder of images, a CBZ or ZIP, a PDF, or one image.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the sound; made if it is not there.")],
    direction: Annotated[
        Direction | None, typer.Option(help="Reading direction; else what ComicInfo.xml says, else rtl.")
    ] = None,
    lang: Annotated[Literal["ja", "en"] | None, typer.Option(help="Language of the book; found per box when not given.")] = None,
    speed: Annotated[float, typer.Option(min=0.5, max=2.0, help="1 is the voices' own pace.")] = 1.0,
    speak_sfx: Annotated[bool, typer.Option("--speak-sfx", help="Speak sound effects too.")] = False,
    single_voice: Annotated[bool, typer.Option("--single-voice", help="Everything in the narrator's voice.")] = False,
    voice: Annotated[list[str] | None, typer.Option(help="ROLE=VOICE, such as Narrator=sovits:mc-v1; may be repeated.")] = None,
    series: Annotated[
        str | None, typer.Option(help="Whose cast speaks, as series_id over HTTP; else ComicInfo.xml's Series, else the title.")
    ] = None,
    owner: Annotated[
        str, typer.Option(help="Whose voices and casts: an API key; only of use on installations with API keys.")
    ] = "",
) -> None:
    """Narrate a chapter: HLS per page, one .m4b with a chapter per page, transcript.json."""
    from backend.cli.chapter import COMMAND_LINE, narrate_chapter  # noqa: PLC0415 - `tanoshi --help` need not import the engines

    settings = load_settings()
    console = Console(stderr=True)
    with open_chapter(chapter) as book:
        _tell_skipped(console, book)
        options = NarrationOptions(
            direction=direction or book.direction or Direction.RTL,
            lang=lang or book.lang,
            sfx=SfxPolicy.SPEAK if speak_sfx else SfxPolicy.SKIP,
            single_voice=single_voice,
            speed=speed,
        )
        pack = dict(_role_and_voice(item) for item in voice or ())
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            bar = progress.add_task("waiting for the engines", total=len(book.pages))

            def show(state: JobState) -> None:
                progress.update(bar, completed=state.ended_pages, description="narrating")

            work = narrate_chapter(
                book,
                out,
                settings=settings,
                options=options,
                voice_pack=pack,
                on_change=show,
                series_id=series,
                owner=owner_named(settings, owner, COMMAND_LINE),
            )
            result = asyncio.run(work)
    for index, reason in result.errors:
        console.print(f"Page {index + 1} ({book.pages[index].name}) has no sound: {_said(reason)}", style="red", markup=False)
    if result.book is not None:
        typer.echo(f"Play {result.book} ({result.duration_s:.0f} s); pages, cues and captions are in {out / 'pages'}.")
    typer.echo(f"The text is in {result.transcript}.")
    if result.errors:
        raise typer.Exit(1)


def _said(reason: str) -> str:
    """A page's reason as a clause; it is a stable code, which programs look for."""
    title = title_of(reason)
    return reason.replace("_", " ") if title is None else f"{title[0].lower()}{title[1:]} ({reason})"


def _tell_skipped(console: Console, book: Chapter) -> None:
    for item in book.skipped:
        console.print(f"Skipped {item.name}: {item.reason}.", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _role_and_voice(item: str) -> tuple[str, str]:
    role, equals, voice = item.partition("=")
    if not (role and equals and voice):
        raise typer.BadParameter("--voice is written ROLE=VOICE, for example Narrator=sovits:narrator-v1.")
    return role, voice
