"""The built-in voices' own reference clips, which lie beside the weights: voices/<name>/<style>.<lang>.flac and .txt (what is said).

`tanoshi weights sovits` has the embedded synthesizer speak them, so every installation has them (contract C24); an operator may put
recordings in their place, or add styles, and needs nobody's leave for it but the speaker's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from backend.synthesizers.base import Style
from backend.synthesizers.sovits.conditioning import ClipBytes


def voice_folder(voices: Path, voice_id: str) -> Path:
    """Where a voice's clips lie: "sovits:mc-v1" in voices/sovits-mc-v1."""
    return voices / re.sub(r"[^a-z0-9]+", "-", voice_id.casefold()).strip("-")


class BuiltinVoices:
    """Reads clips on first use; they are few and small (about 300 kB each).

    Args:
        voices: the folder of all built-in voices.
    """

    def __init__(self, voices: Path) -> None:
        self._voices = voices
        self._read: dict[str, dict[tuple[Style, str], ClipBytes]] = {}

    def clips(self, voice_id: str, lang: str) -> Mapping[Style, ClipBytes]:
        """One clip a style, in the line's language where there is one; empty for a voice that has none. Blocking, 1 ms."""
        if voice_id not in self._read:
            found = self._found(voice_folder(self._voices, voice_id))
            if not found:
                return {}
            self._read[voice_id] = found
        clips = self._read[voice_id]
        chosen = {style: clip for (style, _), clip in clips.items()}
        return chosen | {style: clip for (style, clip_lang), clip in clips.items() if clip_lang == lang}

    @staticmethod
    def _found(folder: Path) -> dict[tuple[Style, str], ClipBytes]:
        found: dict[tuple[Style, str], ClipBytes] = {}
        for style in Style:
            for path in sorted(folder.glob(f"{style.value}.*.flac")):
                transcript, lang = path.with_suffix(".txt"), path.name.split(".")[1]
                if transcript.is_file():
                    said = transcript.read_text(encoding="utf-8").strip()
                    found[style, lang] = ClipBytes(path.read_bytes(), said, lang)
        return found
