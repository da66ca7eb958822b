"""Figures as inline SVG. Text stays text; black takes the text colour of the page, light or dark."""

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours for all kinds of colour vision. Black is left out; yellow, close to white, comes last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
FigureFactory = Callable[..., Figure]
INK = "#010203"  # placeholder for the page's text colour

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
    """Return the accent colour of the classifier with this index; colours repeat after seven."""
    return COLOURS[index % len(COLOURS)]


def svg(figure: Figure, name: str, description: str = "") -> str:
    """Return the figure as an SVG element.

    Args:
        name: unique on the page; part of the element's ids.
        description: the text for screen readers; empty = the name.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # only markers and clips are referenced; their ids are salted
    width = round(figure.get_figwidth() * 96)
    label = escape(description or name)  # not part of a pattern: a name may hold "\\g<x>"
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda tag: f'<svg viewBox="{tag[1]}" role="img" aria-label="{label}" style="--wide:{width}px">',
        text,
    )
    return text.replace(INK, "currentColor").replace('xlink:href="', 'href="')


def standalone(text: str) -> str:
    """Return an `svg` of a page as the text of a file, in black."""
    return text.replace("currentColor", "#000").replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def png(figure: Figure, dpi: int = 200) -> bytes:
    """Return the bytes of a PNG file, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def panels_width(count: int) -> float:
    """Return the width of a figure of small panels, inches; two alone fit side by side on a phone."""
    return 0.5 + 1.75 * count if count > 1 else 1.85


def add_grid(panel: Axes) -> None:
    """Draw thin lines behind the data."""
    panel.grid(alpha=0.15, color=INK, linewidth=0.6)
    panel.set_axisbelow(True)


def write_unknown(panel: Axes) -> None:
    """Write "unknown" in the middle of a panel without data."""
    panel.text(0.5, 0.5, "unknown", color=INK, alpha=0.6, ha="center", va="center", transform=panel.transAxes)
