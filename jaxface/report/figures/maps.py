"""Surfaces over dose and time as heat maps (Facing Asymmetry, Figs. 15-22, seen from above)."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxface.interventions import Axis
from jaxface.report.figures.style import STYLE, FigureFactory, panels_width, write_unknown

ANSWER, IMPACT = "viridis", "RdBu_r"


def heat_maps(
    dose: Axis,
    time: Axis,
    surfaces: np.ndarray,
    expressions: Sequence[str],
    label: str,
    largest: float | None = None,
    create: FigureFactory = Figure,
) -> Figure:
    """Draw one classifier: a map for each expression, side by side; time to the right, dose upwards.

    Args:
        dose, time: axes with S and T levels.
        surfaces: (X, S, T), NaN = no answer.
        label: of the colours; empty = no scale of colours.
        largest: limit of the colours in both directions, for changes; None = probabilities in [0, 1].
        create: pyplot.figure for a figure that pyplot shows.
    """
    count = len(expressions)
    colours = {"cmap": ANSWER, "vmin": 0.0, "vmax": 1.0}
    if largest is not None:
        colours = {"cmap": IMPACT, "vmin": -largest, "vmax": largest}
    ends = (time.levels[0], time.levels[-1]), (dose.levels[0], dose.levels[-1])
    with matplotlib.rc_context(STYLE):
        figure = create(figsize=(panels_width(count) + (0.7 if label else 0), 1.9), layout="constrained")
        panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
        for index, panel in enumerate(panels):
            panel.set_title(expressions[index])
            image = panel.imshow(
                surfaces[index],
                origin="lower",
                extent=(*ends[0], *ends[1]),
                aspect="auto",
                interpolation="none",
                **colours,
            )
            panel.set(xticks=ends[0], yticks=ends[1])
            panel.spines[:].set_visible(False)
            if not np.isfinite(surfaces[index]).any():
                write_unknown(panel)
        panels[0].set_ylabel(dose.name)
        figure.supxlabel(time.name, fontsize=10)
        if label:
            scale = figure.colorbar(image, ax=panels, label=label, pad=0.02, aspect=12)
            scale.outline.set_visible(False)
    return figure


def css_gradient(is_change: bool) -> str:
    """Return the colours of the maps, from the lowest to the highest value, as a CSS image."""
    colours = matplotlib.colormaps[IMPACT if is_change else ANSWER](np.linspace(0, 1, 9))
    return f"linear-gradient(to right, {', '.join(to_hex(colour) for colour in colours)})"
