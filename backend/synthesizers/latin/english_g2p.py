"""The one English front end of a process: hibari's, with its dictionary and its network for words that are not in it.

Loaded by the synthesizer in the background, or by the first Japanese line with an unknown Latin word; half a second, 40 MB. It keeps
state while it works, so calls wait for each other; each takes under two milliseconds.
"""

from __future__ import annotations

import threading
from typing import Any, Final

_GUESSED: Final = 2
"""hibari's rating of phonemes that come from its network, not from its dictionary."""
_UNKNOWN_WORD: Final = "Zorblaxian"
"""Makes the network load with the rest."""


class EnglishG2P:
    """Text or words to phonemes in Kokoro's alphabet, stress marked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._g2p: Any = None

    def load(self) -> None:
        with self._lock:
            self._loaded()

    def __call__(self, text: str) -> str:
        """Phonemes of a text; words in [brackets](/phonemes/) have theirs given."""
        with self._lock:
            return str(self._loaded()(text))

    def word(self, word: str) -> tuple[str, bool]:
        """Phonemes of one word in exactly this spelling, and whether the dictionary knows it or a form it is made from."""
        with self._lock:
            g2p = self._loaded()
            tokens = g2p.phonemize_tokens(g2p.tokenize(word))
        sure = all(token.rating is not None and token.rating > _GUESSED for token in tokens)
        return "".join(token.phonemes or "" for token in tokens), sure

    def _loaded(self) -> Any:
        if self._g2p is None:
            from hibari.g2p import G2P  # type: ignore[import-untyped]  # noqa: PLC0415

            g2p = G2P(british=False)
            g2p(_UNKNOWN_WORD)
            self._g2p = g2p
        return self._g2p


english_g2p: Final = EnglishG2P()
