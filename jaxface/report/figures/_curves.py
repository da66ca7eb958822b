"""Answers to the full expression from the unchanged to the changed face (Facing Asymmetry, Fig. 5)."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from jaxface.interventions import Axis
from jaxface.report.figures.style import STYLE, FigureFactory, add_grid, colour, panels_width, write_unknown


def curves(
    dose: Axis,
    answers: np.ndarray,
    errors: np.ndarray,
    expressions: Sequence[str],
    accent: str,
    intervals: np.ndarray | None = None,
    create: FigureFactory = Figure,
) -> Figure:
    """Draw one classifier: a panel for each expression, side by side, unchanged faces on the left.

    Args:
        dose: axis with S levels.
        answers: (X, N, S) probability of the expression at its peak for N people, NaN = no answer.
        errors: (X, S) share of people whose top class is another.
        accent: colour.
        intervals: (X, 2, S) low and high ends of the mean's interval; None = draw one standard deviation.
        create: pyplot.figure for a figure that pyplot shows.
    """
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(dose, expressions, create)
        for index, panel in enumerate(panels):
            interval = None if intervals is None else intervals[index]
            _draw(panel, dose, answers[index], errors[index], accent, interval)
    return figure


def paired_curves(dose: Axis, before: np.ndarray, after: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw means of two runs, the first dashed, the second with one standard deviation.

    Args:
        dose: axis with S levels.
        before, after: (X, N, S) probabilities at the peak of the expression.
    """
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(dose, labels)
        no_errors = np.zeros(len(dose.levels))
        for panel, old, new in zip(panels, before, after, strict=True):
            _draw(panel, dose, new, no_errors, colour(0))
            valid = old[np.isfinite(old).all(axis=-1)]
            if len(valid):
                panel.plot(dose.values, valid.mean(axis=0), color=colour(1), linewidth=2, linestyle="--")
    return figure


def _panels(dose: Axis, titles: Sequence[str], create: FigureFactory = Figure) -> tuple[Figure, Sequence[Axes]]:
    """Return panels of probabilities over the dose, the unchanged level on the left."""
    first, last = dose.levels[0], dose.levels[-1]
    unchanged_last = abs(dose.unchanged - last) < abs(dose.unchanged - first)
    ends = (last, first) if unchanged_last else (first, last)
    ticks = (ends[0], (first + last) / 2, ends[1])
    figure = create(figsize=(panels_width(len(titles)), 1.9), layout="constrained")
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title)
        panel.set(xlim=ends, ylim=(0.0, 1.0), xticks=ticks, yticks=(0, 0.5, 1))
        panel.set_xticklabels([f"{tick:g}".replace("0.", ".") for tick in ticks])
        add_grid(panel)
    panels[0].set_ylabel("probability")
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(wspace=0.08)  # the last tick of a panel does not touch the next one
    figure.supxlabel(dose.name, fontsize=10)
    return figure, panels


def _draw(
    panel: Axes,
    dose: Axis,
    values: np.ndarray,
    errors: np.ndarray,
    accent: str,
    interval: np.ndarray | None = None,
) -> None:
    """Draw the mean with its interval or a standard deviation; hatched where most top classes are wrong."""
    valid = values[np.isfinite(values).all(axis=-1)]
    if not len(valid):
        write_unknown(panel)
        return
    levels = dose.values
    mean, deviation = valid.mean(axis=0), valid.std(axis=0)
    band = np.stack([mean - deviation, mean + deviation]).clip(0, 1) if interval is None else interval
    panel.fill_between(levels, *band, color=accent, alpha=0.22, linewidth=0)
    fine = np.linspace(levels[0], levels[-1], 201)
    wrong = np.interp(fine, levels, errors) > 0.5
    line = np.interp(fine, levels, mean)
    panel.fill_between(
        fine, 0, line, where=wrong, facecolor="none", edgecolor=accent, hatch="////", linewidth=0, alpha=0.8
    )
    panel.plot(levels, mean, color=accent, linewidth=2)
