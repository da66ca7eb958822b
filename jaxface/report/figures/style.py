"""Figures as inline SVG: text stays text, and ink takes the page's colour, light or dark."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours for all kinds of colour vision, without black, white's neighbour yellow last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
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
    "axes.titlesize": 10.0,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
}


def colour(index: int) -> str:
    """The accent of the classifier with this index; it repeats after seven."""
    return COLOURS[index % len(COLOURS)]


def svg(figure: Figure, name: str, about: str = "") -> str:
    """The figure as an SVG element.

    Args:
        name: keeps its ids apart from those of other figures of a page.
        about: what a reader who sees no pictures is told.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # only marks and clips are referred to; their ids are salted
    wide = round(figure.get_figwidth() * 96)
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        rf'<svg viewBox="\1" role="img" aria-label="{escape(about or name)}" style="--wide:{wide}px">',
        text,
    )
    return text.replace(INK, "currentColor").replace('xlink:href="', 'href="')


def standalone(text: str) -> str:
    """An `svg` of a page as a file of its own, in black ink."""
    return text.replace("currentColor", "#000").replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def png(figure: Figure, dots: int = 200) -> bytes:
    """The figure for a document, on white, so many dots an inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def quiet(panel: Axes) -> None:
    """Thin lines behind the data."""
    panel.grid(alpha=0.15, color=INK, linewidth=0.6)
    panel.set_axisbelow(True)
