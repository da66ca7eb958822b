"""Surfaces over symmetry and time as heat maps (Facing Asymmetry, Figs. 15-22, seen from above)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.style import INK, STYLE

ANSWER, IMPACT = "viridis", "RdBu_r"


def heat_maps(
    surfaces: np.ndarray, expressions: Sequence[str], label: str, largest: float | None = None
) -> Figure:
    """One classifier: a map for each expression, side by side; time to the right, symmetry upwards.

    Args:
        surfaces: (X, S, T), NaN = unknown.
        label: what the colours are.
        largest: the colours' end in both directions, for changes; None = probabilities in [0, 1].
    """
    count = len(expressions)
    colours = {"cmap": ANSWER, "vmin": 0.0, "vmax": 1.0}
    if largest is not None:
        colours = {"cmap": IMPACT, "vmin": -largest, "vmax": largest}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 1.75 * count, 1.9), layout="constrained")
        panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
        for index, panel in enumerate(panels):
            panel.set_title(expressions[index])
            shown = panel.imshow(
                surfaces[index],
                origin="lower",
                extent=(0, 1, 0, 1),
                aspect="auto",
                interpolation="none",
                **colours,
            )
            panel.set(xticks=(0, 1), yticks=(0, 1))
            panel.spines[:].set_visible(False)
            if not np.isfinite(surfaces[index]).any():
                panel.text(0.5, 0.5, "unknown", ha="center", va="center", color=INK, alpha=0.6)
        panels[0].set_ylabel("symmetry")
        figure.supxlabel("time", fontsize=10)
        figure.colorbar(shown, ax=panels, label=label, pad=0.02, aspect=12).outline.set_visible(False)
    return figure
