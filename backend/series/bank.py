"""The character bank: pictures a user shows, as vectors figures are compared with. What embeds them is the page reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from backend.errors import BadImage
from backend.series.vectors import Vector, unit

NO_FACES: Final = "The page reader in use does not recognise faces; a character bank needs READER=magi."
"""What a Conflict says where no `FigureEmbedder` reads."""


@runtime_checkable
class FigureEmbedder(Protocol):
    """What a page reader is besides, if it recognises faces."""

    async def embed_figures(self, images: Sequence[bytes]) -> list[tuple[float, ...]]:
        """The appearance of the one figure on each encoded image, comparable with `Character.embedding`.

        Raises:
            BadImage: one of them cannot be decoded.
            Conflict: it turns out that nothing here recognises faces (a reader elsewhere). Unavailable: it does not answer.
        """
        ...


async def bank_vector(embedder: FigureEmbedder, image: bytes) -> Vector:
    """Unit vector of one picture.

    Raises:
        BadImage: the reader sees nothing on it. Conflict, Unavailable: as `embed_figures`.
    """
    [embedding] = await embedder.embed_figures([image])
    vector = unit(embedding)
    if vector is None:
        raise BadImage("Nobody can be recognised in this picture.")
    return vector
