"""The embedded page reader, which runs on any laptop."""

from backend.readers.embedded.reader import EmbeddedReader

__all__ = ["EmbeddedReader"]
