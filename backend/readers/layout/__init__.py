"""Page geometry that no engine owns: gutters, panels, reading order. Pixels in, boxes out; nothing here reads words."""

from backend.readers.layout.gutters import Region, cut_page, panels_of
from backend.readers.layout.order import reading_order, xy_cut

__all__ = ["Region", "cut_page", "panels_of", "reading_order", "xy_cut"]
