"""Figures: a function makes a matplotlib figure, `svg` turns it into a part of the page."""

from jaxface.report.figures._curves import curves, paired_curves
from jaxface.report.figures._forest import forest
from jaxface.report.figures._sheet import sheet
from jaxface.report.figures.maps import heat_maps
from jaxface.report.figures.null import null_panels
from jaxface.report.figures.solid import solids
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
    "paired_curves",
    "png",
    "sheet",
    "solids",
    "standalone",
    "svg",
]
