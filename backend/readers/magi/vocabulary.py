"""Token ids to text, for the byte-level vocabulary of TrOCR and the character vocabulary of manga-ocr. Nothing is ever encoded here."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backend.errors import ConfigurationError
from backend.readers.magi.sizes import MagiSizes, read_json

_SPECIAL: Final = frozenset({"<s>", "<pad>", "</s>", "<unk>", "<mask>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})


class ByteVocabulary:
    """`vocab.json` of a byte-level BPE: tokens are bytes written as printable characters."""

    def __init__(self, path: Path) -> None:
        table = read_json(path)
        if not table or not all(isinstance(number, int) for number in table.values()):
            raise ConfigurationError(f"{path} is not a vocabulary.")
        byte_of = _bytes_by_character()
        try:
            self._bytes = {
                number: b"" if token in _SPECIAL else bytes(byte_of[character] for character in token)
                for token, number in table.items()
            }
        except KeyError as error:
            raise ConfigurationError(f"{path} is not a byte-level vocabulary: it has the character {error}.") from error

    def __len__(self) -> int:
        return len(self._bytes)

    def text(self, ids: Sequence[int]) -> str:
        """Special tokens say nothing; bytes that are no UTF-8 become replacement characters."""
        return b"".join(self._bytes.get(number, b"") for number in ids).decode("utf-8", errors="replace")


class CharacterVocabulary:
    """`vocab.txt` of a BERT that knows single characters; "##" marks a character inside a word and says nothing here."""

    def __init__(self, path: Path) -> None:
        try:
            self._tokens = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise ConfigurationError(f"{path} is missing.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read ({error}).") from error
        if "[CLS]" not in self._tokens or "[SEP]" not in self._tokens:
            raise ConfigurationError(f"{path} is not a BERT vocabulary: it lacks [CLS] or [SEP].")

    def __len__(self) -> int:
        return len(self._tokens)

    def number(self, token: str) -> int:
        return self._tokens.index(token)

    def text(self, ids: Sequence[int]) -> str:
        tokens = (self._tokens[number] for number in ids if 0 <= number < len(self._tokens))
        return "".join(token.removeprefix("##") for token in tokens if token not in _SPECIAL and not token.startswith("[unused"))


def find_vocabulary(directory: Path, sizes: MagiSizes) -> Path:
    """Where `vocab.json` stands: in the folder the config names, in `tokenizer`, or beside the weights."""
    tried = [directory / sizes.tokenizer / "vocab.json", directory / "tokenizer" / "vocab.json", directory / "vocab.json"]
    for path in tried:
        if path.is_file():
            return path
    raise ConfigurationError(f"{directory} lacks tokenizer/vocab.json, the vocabulary of the text reader.")


def _bytes_by_character() -> dict[str, int]:
    """Printable Latin-1 bytes stand for themselves; the others, in order, for the characters from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


def script(text: str) -> str | None:
    """The language a text's letters speak for: "ja" (kana, or Han alone), "ko", "ru", "en" for any Latin; None without letters."""
    counts: dict[str, int] = {}
    for character in text:
        name = unicodedata.name(character, "")
        for prefix, lang in (("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("CJK UNIFIED", "ja"), ("HANGUL", "ko"), ("CYRILLIC", "ru")):
            if name.startswith(prefix):
                counts[lang] = counts.get(lang, 0) + 1
        if name.startswith(("LATIN", "FULLWIDTH LATIN")):
            # A letter of an alphabet is a third of a syllable or sign.
            counts["en"] = counts.get("en", 0) + 1 / 3  # type: ignore[assignment]
    return max(counts, key=lambda lang: counts[lang]) if counts else None
