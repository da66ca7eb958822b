from ._curves import curves, paired_curves
from ._tradeoff import tradeoff
from .doses import Line, dose_panels
from .maps import css_gradient, heat_maps
from .panels import forest, null_panels, sheet, solids
from .style import COLOURS, INK, STYLE, colour, png, standalone, svg

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
    "tradeoff",
]
