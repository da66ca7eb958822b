"""Answers at full expression over falling symmetry (Facing Asymmetry, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxface.report.figures.style import INK, STYLE, colour, quiet


def curves(
    symmetry: np.ndarray, answers: np.ndarray, missed: np.ndarray, expressions: Sequence[str], accent: str
) -> Figure:
    """One classifier: a panel for each expression, side by side, whole faces on the left.

    Args:
        symmetry: (S,) in [0, 1], rising.
        answers: (X, N, S) probability of the expression at time 1 for N people, NaN = unknown.
        missed: (X, S) share of people whose first answer is another.
        accent: colour.
    """
    count = len(expressions)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.5 + 1.75 * count, 1.9), layout="constrained")
        panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
        for index, panel in enumerate(panels):
            _draw(panel, symmetry, answers[index], missed[index], accent)
            panel.set_title(expressions[index])
            panel.set(xlim=(1.0, 0.0), ylim=(0.0, 1.0), xticks=(1, 0.5, 0), yticks=(0, 0.5, 1))
            panel.set_xticklabels(["1", ".5", "0"])
            quiet(panel)
        panels[0].set_ylabel("probability")
        figure.supxlabel("symmetry", fontsize=10)
    return figure


def _draw(panel: Axes, symmetry: np.ndarray, values: np.ndarray, missed: np.ndarray, accent: str) -> None:
    """Mean and one deviation over the known of N; hatched below where most people's first answer is another."""
    known = values[np.isfinite(values).all(axis=-1)]
    if not len(known):
        panel.text(0.5, 0.5, "unknown", ha="center", va="center", color=INK, alpha=0.6)
        return
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    band = np.clip(mean - deviation, 0, 1), np.clip(mean + deviation, 0, 1)
    panel.fill_between(symmetry, *band, color=accent, alpha=0.22, linewidth=0)
    fine = np.linspace(symmetry[0], symmetry[-1], 201)
    wrong = np.interp(fine, symmetry, missed) > 0.5
    line = np.interp(fine, symmetry, mean)
    panel.fill_between(
        fine, 0, line, where=wrong, facecolor="none", edgecolor=accent, hatch="////", linewidth=0, alpha=0.8
    )
    panel.plot(symmetry, mean, color=accent, linewidth=2)


def paired_curves(symmetry: np.ndarray, before: np.ndarray, after: np.ndarray, labels: Sequence[str]) -> Figure:
    """Means of two runs over falling symmetry, the first dashed, the second with one deviation.

    Args:
        symmetry: (S,).
        before, after: (X, N, S) probabilities at time 1.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.5 + 1.75 * len(labels), 1.9), layout="constrained")
        panels = figure.subplots(1, len(labels), sharey=True, squeeze=False)[0]
        nobody = np.zeros(len(symmetry))
        for panel, label, old, new in zip(panels, labels, before, after, strict=True):
            _draw(panel, symmetry, new, nobody, colour(0))
            known = old[np.isfinite(old).all(axis=-1)]
            if len(known):
                panel.plot(symmetry, known.mean(axis=0), color=colour(1), linewidth=2, linestyle="--")
            panel.set_title(label)
            panel.set(xlim=(1.0, 0.0), ylim=(0.0, 1.0), xticks=(1, 0.5, 0), yticks=(0, 0.5, 1))
            panel.set_xticklabels(["1", ".5", "0"])
            quiet(panel)
        panels[0].set_ylabel("probability")
        figure.supxlabel("symmetry", fontsize=10)
    return figure
