"""Figures of an observation: distributions by group (Fig. 7) and window regressions (Fig. 8)."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxface.audit.observe.analysis import Curve, Distribution
from jaxface.report.figures import INK, STYLE, colour, svg

_MOST_DOTS = 400  # of one group in one figure


def distributions(parts: Sequence[Distribution], groups: Sequence[str], expression: str) -> Figure:
    """Draw the logits of one expression by classifier and group, as violins with quartiles.

    Two groups share a violin, one side each; more groups have a violin each.

    Args:
        parts: of that expression, of any classifiers.
    """
    classifiers = list(dict.fromkeys(part.classifier for part in parts))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 1.5 * max(len(classifiers), 2), 3.2), layout="constrained")
        panel = figure.subplots()
        for part in parts:
            place = classifiers.index(part.classifier)
            _violin(panel, part.logits, place, groups.index(part.group), len(groups))
        panel.set_xticks(range(len(classifiers)), classifiers)
        panel.set(xlim=(-0.6, len(classifiers) - 0.4), ylabel=f"logit of {expression}")
        panel.grid(axis="y", alpha=0.15, color=INK, linewidth=0.6)
        if len(groups) > 1:
            marks = [Line2D([], [], color=colour(i), marker="o", label=name) for i, name in enumerate(groups)]
            figure.legend(handles=marks, loc="outside upper center", ncols=min(len(groups), 4))
    return figure


def _violin(panel: Axes, logits: np.ndarray, place: float, index: int, groups: int) -> None:
    accent = colour(index)
    two_groups = groups == 2
    centre = place if two_groups else place + 0.8 * ((index + 0.5) / groups - 0.5)
    width = 0.7 if two_groups else 0.7 / groups
    if len(logits) > 1 and np.ptp(logits) > 0:  # a density needs two different numbers
        side: Literal["both", "low", "high"] = ("low" if index == 0 else "high") if two_groups else "both"
        parts = panel.violinplot([logits], [centre], widths=width, showextrema=False, side=side)
        bodies: Any = parts["bodies"]
        for body in bodies:
            body.set(facecolor=accent, alpha=0.4, linewidth=0)
    low, middle, high = np.quantile(logits, [0.25, 0.5, 0.75])
    shift = (-0.06 if index == 0 else 0.06) if two_groups else 0.0
    panel.plot([centre + shift] * 2, [low, high], color=accent, linewidth=2.0)
    panel.plot([centre + shift], [middle], "o", color=accent, markersize=4.5)


def regression(curve: Curve, groups: Sequence[str]) -> Figure:
    """Draw mean and one standard deviation of a logit over a feature, and the samples by group."""
    window = curve.regression
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.5), layout="constrained")
        panel = figure.subplots()
        member = np.array(curve.group)
        for index, group in enumerate(groups):
            own = np.flatnonzero(member == group)
            own = own[:: max(1, -(-len(own) // _MOST_DOTS))]
            dots: dict[str, Any] = {
                "markersize": 2.5,
                "markeredgewidth": 0,
                "alpha": 0.55,
                "color": colour(index),
            }
            panel.plot(curve.feature[own], curve.logit[own], "o", **dots)
        panel.plot(window.position, window.mean, color=INK, linewidth=1.6)
        band = window.mean - window.deviation, window.mean + window.deviation
        panel.fill_between(window.position, *band, color=INK, alpha=0.12, linewidth=0)
        panel.set_title(f"{curve.classifier}: {curve.expression}")
        panel.set(xlabel=f"asymmetry: {curve.name.removeprefix('column:')}", ylabel="logit")
        panel.grid(alpha=0.15, color=INK, linewidth=0.6)
    return figure


def as_svg(figure: Figure, name: str) -> str:
    """Return the figure as SVG for a page."""
    with matplotlib.rc_context(STYLE):
        return svg(figure, name)
