"""What narration costs on Modal: `python -m backend.cloud.costs` prints the tables of need.md, and a test compares the two.

The prices are list prices with a date. The engines' speeds are assumptions: nobody has measured them on these GPUs with this program. What
is certain is the arithmetic: seconds a container lives, times what a second costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.cloud.sizing import CloudSettings, load_sizes
from backend.errors import ConfigurationError

PRICES_SEEN: Final = "24 September 2026"
"""Modal's list prices a second, in US dollars, as several public records of its price page of May to September 2026 alike have them."""
GPU_USD_S: Final = {
    "T4": 0.000164,
    "L4": 0.000222,
    "A10": 0.000306,
    "L40S": 0.000542,
    "A100-40GB": 0.000583,
    "A100-80GB": 0.000694,
    "H100": 0.001097,
    "H200": 0.001261,
    "B200": 0.001736,
}
_SAME_GPU: Final = {"A10G": "A10", "A100": "A100-40GB"}
CORE_USD_S: Final = 0.0000131
"""Of one physical core (two vCPUs); an eighth of one is the least."""
GIB_USD_S: Final = 0.00000222
MONTH_S: Final = 730 * 3600

PAGES: Final = (20, 40, 200)
LINES_A_PAGE: Final = (6, 12)


@dataclass(frozen=True, slots=True)
class Speeds:
    """Assumed, in seconds."""

    read_page_s: float = 0.6
    """MAGI on an L4, in batches, words included."""
    speak_line_s: float = 0.1
    """GPT-SoVITS on an L4, in batches of a page; mixing and encoding run beside it."""
    cold_start_s: float = 30.0
    """Of a GPU container; nobody listens meanwhile, and it is paid for."""
    pages_a_window: int = 20


def gpu_usd_s(name: str) -> float:
    """Of a GPU as `gpu=` names it: "L4", "L4:2" for two, "H100!" for no better one.

    Raises:
        ConfigurationError: no price is known for it.
    """
    kind, _, count = name.partition(":")
    kind = kind.rstrip("!").upper()
    try:
        return GPU_USD_S[_SAME_GPU.get(kind, kind)] * int(count or 1)
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"No price is known for a GPU {name!r}; known are {', '.join(GPU_USD_S)}.") from error


@dataclass(frozen=True, slots=True)
class Container:
    """What a container holds on to while it lives."""

    gpu: str | None
    cores: float
    gib: float

    @property
    def usd_s(self) -> float:
        return (gpu_usd_s(self.gpu) if self.gpu else 0.0) + self.cores * CORE_USD_S + self.gib * GIB_USD_S


def containers(sizes: CloudSettings) -> dict[str, Container]:
    """One of each role. GPU containers ask for no cores or memory; assumed is what they use."""
    return {
        "MagiReader": Container(sizes.reader_gpu[0] if sizes.reader_gpu else None, 1.0, 6.0),
        "SovitsSpeaker": Container(sizes.speaker_gpu[0] if sizes.speaker_gpu else None, 1.0, 8.0),
        "narrate": Container(None, 0.125, sizes.pipeline_memory_mib / 1024),
        "api": Container(None, sizes.api_cpu, sizes.api_memory_mib / 1024),
    }


@dataclass(frozen=True, slots=True)
class ChapterCost:
    """US dollars. `alone`: one reader, everything cold at the start and idle at the end; `shared`: containers that others keep busy."""

    alone: float
    shared: float


def chapter_cost(pages: int, lines_a_page: int, sizes: CloudSettings, speeds: Speeds) -> ChapterCost:
    """Of a chapter whose windows follow each other before anything goes to sleep."""
    parts = containers(sizes)
    reading_s = pages * speeds.read_page_s
    speaking_s = pages * lines_a_page * speeds.speak_line_s
    # The slower stage keeps both alive: the reader waits for the voices, or the other way round.
    narrating_s = max(reading_s, speaking_s)
    gpu_alone_s = speeds.cold_start_s + narrating_s + sizes.scaledown_s
    gpus = parts["MagiReader"].usd_s + parts["SovitsSpeaker"].usd_s
    alone = gpu_alone_s * gpus
    alone += (gpu_alone_s + sizes.pipeline_scaledown_s) * parts["narrate"].usd_s
    alone += (gpu_alone_s + sizes.api_scaledown_s) * parts["api"].usd_s
    shared = reading_s * parts["MagiReader"].usd_s + speaking_s * parts["SovitsSpeaker"].usd_s
    shared += narrating_s * (parts["narrate"].usd_s / sizes.windows_per_container + parts["api"].usd_s / sizes.api_target_inputs)
    return ChapterCost(alone, shared)


def month_cost(container: Container) -> float:
    """US dollars a month of one container that is always there (CLOUD_MIN_GPU_CONTAINERS=1, CLOUD_API_MIN_CONTAINERS=1)."""
    return container.usd_s * MONTH_S


def tables(sizes: CloudSettings, speeds: Speeds) -> Iterator[str]:
    """The tables of need.md as Markdown, line by line: prices, chapters, warm containers."""
    yield from _price_table()
    yield ""
    yield "| chapter | lines | one reader, from cold to asleep | on containers that are busy anyway |"
    yield "| --- | --- | --- | --- |"
    for pages in PAGES:
        for lines in LINES_A_PAGE:
            cost = chapter_cost(pages, lines, sizes, speeds)
            yield f"| {pages} pages | {lines} a page | ${cost.alone:.3f} | ${cost.shared:.3f} |"
    yield ""
    yield "| one container, always warm | what it holds | a month |"
    yield "| --- | --- | --- |"
    for name, container in containers(sizes).items():
        held = f"{container.gpu}, " if container.gpu else ""
        yield f"| {name} | {held}{container.cores:g} core, {container.gib:g} GiB | ${month_cost(container):,.0f} |"


def _price_table() -> Iterator[str]:
    yield f"| list price, {PRICES_SEEN} | a second | an hour |"
    yield "| --- | --- | --- |"
    for name, usd in (*GPU_USD_S.items(), ("a core (two vCPUs)", CORE_USD_S), ("a GiB of memory", GIB_USD_S)):
        yield f"| {name} | ${usd:.8f} | ${usd * 3600:.4f} |"


def main() -> None:
    sizes, speeds = load_sizes(), Speeds()
    print(*tables(sizes, speeds), sep="\n")  # noqa: T201 - this is the command's output


if __name__ == "__main__":
    main()
