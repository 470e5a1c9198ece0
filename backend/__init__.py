"""Tanoshi Narration: a window of manga pages becomes voiced audio while the reader turns the pages."""

__version__ = "0.1.0"
