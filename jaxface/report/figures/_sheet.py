"""Faces in rows and columns, with names (Facing Asymmetry, Figs. 2, 9-14, 23-26)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.style import STYLE


def sheet(
    pictures: Sequence[Sequence[np.ndarray | None]], rows: Sequence[str], columns: Sequence[str]
) -> Figure:
    """A contact sheet.

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
