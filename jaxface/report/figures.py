"""Figures as inline SVG: text stays text, and ink takes the page's colour, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours for all kinds of colour vision, without black, white's neighbour yellow last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
DASHES = ("-", "--", ":", "-.")
INK = "#010203"  # stands for the page's text colour until the SVG is written

STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "legend.frameon": False,
}


def style_of(index: int) -> dict[str, Any]:
    """Colour and dashes of the classifier with this index; they repeat only after 28."""
    return {"color": COLOURS[index % 7], "linestyle": DASHES[index // 7 % 4]}


def activation_panel(
    symmetry: np.ndarray, activation: np.ndarray, classifiers: Sequence[str], expression: str
) -> str:
    """Mean probability of one expression over symmetry, at full expression, with one deviation.

    Args:
        symmetry: (S,) in [0, 1].
        activation: (C, N, S) probability for N identities, NaN = unknown.

    Returns:
        SVG text, without a legend: the page has one for all panels.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.5), layout="constrained")
        panel = figure.subplots()
        for index, name in enumerate(classifiers):
            draw_band(panel, symmetry, activation[index], index, name)
        panel.set_title(expression)
        panel.set(xlim=(0.0, 1.0), ylim=(-0.02, 1.02), xlabel="symmetry", ylabel="probability")
        panel.grid(alpha=0.15, color=INK, linewidth=0.6)
        return svg(figure, f"activation-{expression}")


def draw_band(panel: Axes, symmetry: np.ndarray, values: np.ndarray, index: int, label: str) -> None:
    """One classifier's line: (N, S) values, mean and one deviation over the known of N."""
    known = values[np.isfinite(values).all(axis=-1)]
    if not len(known):
        return
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    panel.plot(symmetry, mean, label=label, linewidth=1.8, **style_of(index))
    band = (np.clip(mean - deviation, 0, 1), np.clip(mean + deviation, 0, 1))
    panel.fill_between(symmetry, *band, color=COLOURS[index % 7], alpha=0.15, linewidth=0)


def forest(
    mean: np.ndarray, low: np.ndarray, high: np.ndarray, expressions: Sequence[str], per: str = "step"
) -> str:
    """Scores with their intervals, expressions from top to bottom, classifiers below one another.

    Args:
        mean, low, high: (C, E), NaN = unknown.
        per: what the change is over.

    Returns:
        SVG text, without a legend.
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
                color=COLOURS[index % 7],
            )
        panel.set_yticks(np.arange(count), expressions)
        panel.invert_yaxis()
        panel.grid(axis="x", alpha=0.15, color=INK, linewidth=0.6)
        panel.set_xlabel(f"score: change of probability per {per} of symmetry")
        return svg(figure, "forest")


def svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element; `name` keeps its ids apart from those of other figures of a page."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # only marks and clips are referred to; their ids are salted
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img" aria-label="' + name + '">', text
    )
    return text.replace(INK, "currentColor").replace('xlink:href="', 'href="')
