"""Page geometry that no engine owns: gutters, panels, spreads, reading order. Pixels in, boxes out; nothing here reads words."""

from backend.readers.layout.gutters import Region, cut_page, panels_of
from backend.readers.layout.order import reading_order, xy_cut
from backend.readers.layout.page import lay_out
from backend.readers.layout.spreads import Spread, find_spread

__all__ = ["Region", "Spread", "cut_page", "find_spread", "lay_out", "panels_of", "reading_order", "xy_cut"]
