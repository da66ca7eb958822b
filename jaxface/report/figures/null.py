"""What the permutation test compares a score with (Facing Asymmetry, Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.style import INK, STYLE, quiet


def null_panels(
    null: np.ndarray, observed: np.ndarray, p_values: np.ndarray, titles: Sequence[str], accent: str
) -> Figure:
    """A histogram for each surface: scores of shuffled answers, and the score that was observed.

    Args:
        null: (X, K) scores of shuffles, NaN = unknown; observed, p_values: (X,).
        accent: colour of the observed score.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.5 + 1.75 * len(titles), 1.9), layout="constrained")
        panels = figure.subplots(1, len(titles), squeeze=False)[0]
        reach = 1.1 * np.nanmax(np.abs(np.append(null, observed)), initial=1e-9)
        for values, score, p, title, panel in zip(null, observed, p_values, titles, panels, strict=True):
            panel.set_title(title)
            panel.set(yticks=(), xlim=(-reach, reach))
            panel.spines["left"].set_visible(False)
            if not np.isfinite(score):
                continue
            bins = np.linspace(-reach, reach, 81)
            panel.hist(values, bins=bins, histtype="stepfilled", color=INK, alpha=0.35, linewidth=0)
            panel.axvline(score, color=accent, linewidth=2)
            panel.text(0.02, 0.98, f"p = {p:.2g}", transform=panel.transAxes, va="top", fontsize=9)
            panel.locator_params(axis="x", nbins=4)
            quiet(panel)
        figure.supxlabel("score of shuffled answers; the line is what was observed", fontsize=10)
    return figure
