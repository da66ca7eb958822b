"""Figures of signed graphs (as the paper's Figs. 2 and 3): excitation blue, inhibition orange and dashed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXCITES, INHIBITS = "#0072b2", "#d55e00"  # distinguishable with colour blindness
_QUIET, _FAINT, _NODE, _EXPRESSION, _INK = "#c8ccd2", "#8a9099", "#eef1f5", "#fff6dd", "#1d2329"
_ACROSS = 1.5  # from the units' column to the boxes of expressions
_SIZE = 23.0  # points across a unit's disc, if not too many share the height
_HEIGHT = 5.4  # inches of a panel
_INCH = 72.0 / 2.5 * _HEIGHT  # points for a unit of length, about


def global_figure(graph: SignedGraph, title: str = "") -> Figure:
    """Draw the graph among units on a circle, and next to it the one from units to expressions.

    Every weight that is not 0 is drawn, stronger ones wider: threshold the graph first.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * _HEIGHT, _HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    unit_edges(left, graph)
    expression_edges(right, graph)
    _legend(figure)
    if title:
        figure.suptitle(title, fontsize=13, color=_INK)
    return figure


def face_figure(
    image: np.ndarray,
    global_graph: SignedGraph,
    sample_graph: SignedGraph,
    present: Collection[int],
    expression: str,
) -> Figure:
    """Draw a face (H, W, 3), uint8 or in [0, 1], and the global graph and its own, thresholded.

    Edges among present units and from these to the expression are in colour, the others grey.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.5, 8), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(0.9, 1, 1))
    face = figure.add_subplot(grid[:, 0])
    face.imshow(image, interpolation="nearest")
    face.set_axis_off()
    units = ", ".join(f"AU{unit}" for unit in sample_graph.units if unit in present)
    face.set_title(f"{expression}\n{units or 'no action unit'}", fontsize=13, color=_INK)
    for row, (name, graph) in enumerate((("all faces", global_graph), ("this face", sample_graph))):
        left, right = figure.add_subplot(grid[row, 1]), figure.add_subplot(grid[row, 2])
        unit_edges(left, graph, present)
        expression_edges(right, graph, present, expression)
        left.set_title(f"among action units, {name}", fontsize=11, color=_INK)
        right.set_title(f"on to expressions, {name}", fontsize=11, color=_INK)
    _legend(figure)
    return figure


def unit_edges(axes: Axes, graph: SignedGraph, present: Collection[int] | None = None) -> None:
    """Draw edges among units, on a circle, clockwise from the top; in colour those of `present`."""
    count = len(graph.units)
    angle = np.pi / 2 - 2 * np.pi * np.arange(count) / max(count, 1)
    places = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    strongest = max(float(np.abs(graph.between).max(initial=0.0)), 1e-9)
    order = np.argsort(np.abs(graph.between), axis=None)
    for row, column in zip(*np.unravel_index(order, graph.between.shape), strict=True):
        weight = graph.between[row, column]
        if weight == 0.0:
            continue
        loud = present is None or {graph.units[row], graph.units[column]} <= set(present)
        _arrow(axes, places[row], places[column], weight, strongest, loud, bend=0.16, gap=_gap(_SIZE))
    for unit, place in zip(graph.units, places, strict=True):
        _disc(axes, place, str(unit), present is None or unit in present, _SIZE)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.set_axis_off()
    axes.set_title("among action units", fontsize=11, color=_INK)


def expression_edges(
    axes: Axes, graph: SignedGraph, present: Collection[int] | None = None, expression: str | None = None
) -> None:
    """Draw edges from units, on the left, to expressions, on the right; in colour those of
    `present` that go to `expression`, None = all."""
    heights, targets = _column(len(graph.units)), _column(len(graph.expressions))
    size = min(_SIZE, 0.9 * _INCH * 2.2 / max(len(heights), 1))
    strongest = max(float(np.abs(graph.to_expressions).max(initial=0.0)), 1e-9)
    for row, column in np.argwhere(graph.to_expressions):
        loud = (present is None or graph.units[row] in present) and (
            expression is None or graph.expressions[column] == expression
        )
        start = np.array([_gap(size), heights[row]])
        end = np.array([_ACROSS - 0.06, targets[column] + 0.05 * heights[row]])  # a fan, not a point
        _arrow(axes, start, end, graph.to_expressions[row, column], strongest, loud, bend=0.0, gap=0.0)
    for unit, height in zip(graph.units, heights, strict=True):
        _disc(axes, np.array([0.0, height]), str(unit), present is None or unit in present, size)
    for name, height in zip(graph.expressions, targets, strict=True):
        face, edge, ink = _colours(expression is None or name == expression, _EXPRESSION)
        box = {"boxstyle": "round,pad=0.35", "facecolor": face, "edgecolor": edge}
        axes.text(_ACROSS, height, name, ha="left", va="center", fontsize=10, color=ink, bbox=box)
    axes.set(xlim=(-0.2, 2.1), ylim=(-1.25, 1.25))
    axes.set_axis_off()
    axes.set_title("on to expressions", fontsize=11, color=_INK)


def _arrow(
    axes: Axes,
    start: np.ndarray,
    end: np.ndarray,
    weight: float,
    strongest: float,
    loud: bool,
    bend: float,
    gap: float,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    share = abs(weight) / strongest
    colour = (EXCITES if weight > 0.0 else INHIBITS) if loud else _QUIET
    away = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    axes.add_patch(
        FancyArrowPatch(
            tuple(start + gap * away),
            tuple(end - gap * away),
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>" if weight > 0.0 else "-[,widthB=0.35,lengthB=0",
            mutation_scale=9.0 + 5.0 * share,
            linewidth=0.7 + 2.3 * share,
            linestyle="solid" if weight > 0.0 else (0, (3.0, 1.6)),
            color=colour,
            alpha=1.0 if loud else 0.6,
            zorder=2.0 if loud else 1.0,
            shrinkA=0.0,
            shrinkB=0.0,
        )
    )


def _disc(axes: Axes, place: np.ndarray, text: str, lit: bool, size: float) -> None:
    x, y = float(place[0]), float(place[1])
    face, edge, ink = _colours(lit, _NODE)
    axes.plot(x, y, marker="o", markersize=size, markerfacecolor=face, markeredgecolor=edge, zorder=3.0)
    axes.text(x, y, text, ha="center", va="center", fontsize=min(10.0, 0.5 * size), color=ink, zorder=4.0)


def _colours(lit: bool, face: str) -> tuple[str, str, str]:
    return (face, _INK, _INK) if lit else ("white", _QUIET, _FAINT)


def _gap(size: float) -> float:
    """Return the distance from a disc's centre to where an edge may begin."""
    return 0.75 * size / _INCH


def _column(count: int) -> np.ndarray:
    """Return heights from top to bottom."""
    return np.linspace(1.1, -1.1, count) if count > 1 else np.zeros(count)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=EXCITES, linewidth=2.5, label="excites"),
        Line2D([], [], color=INHIBITS, linewidth=2.5, linestyle=(0, (3.0, 1.6)), label="inhibits"),
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False, fontsize=11)
