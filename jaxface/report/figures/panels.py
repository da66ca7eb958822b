"""Figures made of panels: intervals, contact sheets, null distributions and surfaces in space."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.interventions import Axis
from jaxface.report.figures.maps import ANSWER, IMPACT
from jaxface.report.figures.style import INK, STYLE, FigureFactory, add_grid, colour, panels_width


def forest(
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    expressions: Sequence[str],
    label: str = "score",
    width: float = 6.4,
    create: FigureFactory = Figure,
) -> Figure:
    """Draw scores with their intervals, expressions from top to bottom, classifiers below one another.

    Args:
        mean, low, high: (C, E), NaN = no score.
        label: of the axis of scores.
        width: inches.
        create: pyplot.figure for a figure that pyplot shows.

    Returns:
        a figure without a legend.
    """
    classifiers, count = mean.shape
    with matplotlib.rc_context(STYLE):
        figure = create(figsize=(width, 0.7 + count * max(0.42, 0.16 * classifiers)), layout="constrained")
        panel = figure.subplots()
        panel.axvline(0.0, color=INK, linewidth=0.8)
        for index in range(classifiers):
            height = np.arange(count) + (index - (classifiers - 1) / 2) * 0.7 / classifiers
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
        panel.set_ylim(count - 0.45, -0.55)  # no line lies on the axis
        panel.locator_params(axis="x", nbins=6)
        panel.grid(axis="x", alpha=0.15, color=INK, linewidth=0.6)
        panel.set_xlabel(label)
    return figure


def sheet(
    pictures: Sequence[Sequence[np.ndarray | None]], rows: Sequence[str], columns: Sequence[str]
) -> Figure:
    """Draw a contact sheet of faces (Facing Asymmetry, Figs. 2, 9-14, 23-26).

    Args:
        pictures: (H, W, 3) uint8 each, row by row; None = empty.
        rows, columns: their names.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.3 + 1.15 * len(columns), 0.3 + 1.15 * len(rows)), layout="constrained")
        grid = figure.add_gridspec(len(rows), len(columns))
        for i, row in enumerate(pictures):
            for j, picture in enumerate(row):
                panel = figure.add_subplot(grid[i, j])
                panel.set(xticks=(), yticks=())
                panel.spines[:].set_visible(False)
                if picture is not None:
                    panel.imshow(picture)
                if i == 0:
                    panel.set_title(columns[j])
                if j == 0:
                    panel.set_ylabel(rows[i], rotation=0, ha="right", va="center")
    return figure


def null_panels(
    null: np.ndarray,
    scores: np.ndarray,
    p_values: np.ndarray,
    titles: Sequence[str],
    accent: str,
    reach: float,
) -> Figure:
    """Draw what the permutation test compares each score with (Facing Asymmetry, Fig. 6).

    A histogram for each surface: scores of shuffled answers, and a line at the surface's own score.

    Args:
        null: (X, K) scores of shuffles, NaN = no score.
        scores, p_values: (X,).
        accent: colour of the line.
        reach: end of the axis of scores on both sides.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(panels_width(len(titles)), 1.9), layout="constrained")
        panels = figure.subplots(1, len(titles), squeeze=False)[0]
        for values, score, p, title, panel in zip(null, scores, p_values, titles, panels, strict=True):
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
            add_grid(panel)
        label = "score of shuffled answers; line: observed score" if len(titles) > 1 else "score"
        figure.supxlabel(label, fontsize=10)
    return figure


def solids(
    dose: Axis,
    time: Axis,
    surfaces: np.ndarray,
    titles: Sequence[str],
    label: str,
    largest: float | None = None,
    sheets: np.ndarray | None = None,
) -> Figure:
    """Draw surfaces in space, side by side (Facing Asymmetry, Figs. 3 and 15-22).

    Args:
        dose, time: axes with S and T levels.
        surfaces: (X, S, T); those with NaN are left out.
        label: of the height.
        largest: limit of the height in both directions, for changes; None = probabilities in [0, 1].
        sheets: (X, S, T) surfaces of an unbiased classifier, half transparent.
    """
    count = len(titles)
    low, high, colours = (0.0, 1.0, ANSWER) if largest is None else (-largest, largest, IMPACT)
    x, y = np.meshgrid(time.values, dose.values)
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
            panel.set(
                xlabel=time.name,
                ylabel=dose.name,
                zlim=(low, high),
                xticks=(time.levels[0], time.levels[-1]),
                yticks=(dose.levels[0], dose.levels[-1]),
            )
            panel.view_init(elev=25, azim=-125)
        figure.text(0.01, 0.5, label, rotation=90, va="center")
    return figure
