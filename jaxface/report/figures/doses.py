"""Changes of the answer along the levels of an intervention, one panel for each classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.interventions import Axis
from jaxface.report.figures.style import INK, STYLE, add_grid


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes:
        label: for the legend.
        change: (L,) mean change, percentage points.
        band: (2, L) its interval; None = a thin line without one.
        accent: colour.
    """

    label: str
    change: np.ndarray
    band: np.ndarray | None
    accent: str


def dose_panels(
    axis: Axis, panels: Sequence[tuple[str, Sequence[Line]]], limits: tuple[float, float]
) -> Figure:
    """Draw panels (title, lines) of changes in percentage points over a dose, side by side.

    Args:
        limits: of the changes, the same for all figures of a page.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.7 + 3.0 * len(panels), 2.5), layout="constrained")
        places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for place, (title, lines) in zip(places, panels, strict=True):
            place.set_title(title)
            place.axhline(0, color=INK, alpha=0.4, linewidth=0.8)
            place.axvline(axis.unchanged, color=INK, alpha=0.4, linewidth=0.8, linestyle=":")
            for line in lines:
                width = 1.0 if line.band is None else 2.2
                place.plot(axis.values, line.change, color=line.accent, linewidth=width, label=line.label)
                if line.band is not None:
                    place.fill_between(axis.values, *line.band, color=line.accent, alpha=0.2, linewidth=0)
            place.set(xlim=(axis.levels[0], axis.levels[-1]), ylim=limits)
            add_grid(place)
        places[0].set_ylabel("points")
        figure.supxlabel(f"{axis.name}: {axis.ends[0]} … {axis.ends[1]}", fontsize=10)
        handles, labels = places[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=9)
    return figure
