"""Figures: functions return matplotlib figures; `svg` turns one into an element of the page."""

from jaxface.report.figures._curves import curves, paired_curves
from jaxface.report.figures.doses import Line, dose_panels
from jaxface.report.figures.maps import css_gradient, heat_maps
from jaxface.report.figures.panels import forest, null_panels, sheet, solids
from jaxface.report.figures.style import COLOURS, INK, STYLE, colour, png, standalone, svg

__all__ = [
    "COLOURS",
    "INK",
    "STYLE",
    "Line",
    "colour",
    "css_gradient",
    "curves",
    "dose_panels",
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
