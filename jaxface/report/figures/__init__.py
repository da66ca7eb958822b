"""Figures: a function makes a matplotlib figure, `svg` turns it into a part of the page."""

from jaxface.report.figures.curves import curves
from jaxface.report.figures.forest import forest
from jaxface.report.figures.maps import heat_maps
from jaxface.report.figures.null import null_panels
from jaxface.report.figures.style import COLOURS, INK, STYLE, colour, png, standalone, svg

__all__ = [
    "COLOURS",
    "INK",
    "STYLE",
    "colour",
    "curves",
    "forest",
    "heat_maps",
    "null_panels",
    "png",
    "standalone",
    "svg",
]
