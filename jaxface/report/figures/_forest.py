"""All scores with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.style import INK, STYLE, colour


def forest(
    mean: np.ndarray, low: np.ndarray, high: np.ndarray, expressions: Sequence[str], per: str = "step"
) -> Figure:
    """Scores with their intervals, expressions from top to bottom, classifiers below one another.

    Args:
        mean, low, high: (C, E), NaN = unknown.
        per: what the change is over.

    Returns:
        a figure without a legend.
    """
    many, count = mean.shape
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.7 + count * max(0.42, 0.16 * many)), layout="constrained")
        panel = figure.subplots()
        panel.axvline(0.0, color=INK, linewidth=0.8)
        for index in range(many):
            height = np.arange(count) + (index - (many - 1) / 2) * 0.7 / many
            reach = np.abs(np.stack([mean[index] - low[index], high[index] - mean[index]]))
            panel.errorbar(
                mean[index],
                height,
                xerr=reach,
                fmt="o",
                markersize=4,
                linewidth=1.6,
                color=colour(index),
            )
        panel.set_yticks(np.arange(count), expressions)
        panel.invert_yaxis()
        panel.grid(axis="x", alpha=0.15, color=INK, linewidth=0.6)
        panel.set_xlabel(f"score: change of probability per {per} of symmetry")
    return figure
