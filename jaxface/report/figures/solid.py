"""Surfaces in space (Facing Asymmetry, Figs. 3 and 15-22)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.maps import ANSWER, IMPACT
from jaxface.report.figures.style import STYLE


def solids(
    symmetry: np.ndarray,
    time: np.ndarray,
    surfaces: np.ndarray,
    titles: Sequence[str],
    label: str,
    largest: float | None = None,
    sheets: np.ndarray | None = None,
) -> Figure:
    """Surfaces side by side.

    Args:
        symmetry: (S,); time: (T,).
        surfaces: (X, S, T); those with NaN are left out.
        label: what the height is.
        largest: the height's end in both directions, for changes; None = probabilities in [0, 1].
        sheets: (X, S, T) drawn over them, half transparent: what a classifier without bias would say.
    """
    count = len(titles)
    low, high, colours = (0.0, 1.0, ANSWER) if largest is None else (-largest, largest, IMPACT)
    x, y = np.meshgrid(time, symmetry)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * count, 2.8))
        for index, title in enumerate(titles):
            panel = figure.add_subplot(1, count, index + 1, projection="3d")
            panel.set_title(title)
            if np.isfinite(surfaces[index]).all():
                panel.plot_surface(
                    x, y, surfaces[index], cmap=colours, vmin=low, vmax=high, rcount=20, ccount=30
                )
                if sheets is not None:
                    panel.plot_surface(x, y, sheets[index], color="#7fb2ff", alpha=0.35, rcount=8, ccount=16)
            panel.set(xlabel="time", ylabel="symmetry", zlim=(low, high), xticks=(0, 1), yticks=(0, 1))
            panel.view_init(elev=25, azim=-125)
        figure.text(0.01, 0.5, label, rotation=90, va="center")
    return figure
