"""Utility against bias: what each candidate of a mending costs and gains."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxface.report.figures.style import STYLE, add_grid, colour

_MARKS = "osD^v"


def tradeoff(
    biases: Mapping[str, np.ndarray],
    utilities: Mapping[str, np.ndarray],
    names: Sequence[str],
    choice: int | None,
) -> Figure:
    """Draw a panel for each intervention: shares of faces over the bias, a mark for each network.

    Args:
        biases: by intervention (C,) bias of C networks.
        utilities: by measure (C,) shares in [0, 1], such as accuracy.
        names: of the networks; the first is the original.
        choice: index of the network that was chosen, which is filled; None = none was.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.7 + 3.4 * len(biases), 3.0), layout="constrained")
        places = figure.subplots(1, len(biases), sharey=True, squeeze=False)[0]
        for place, (title, bias) in zip(places, biases.items(), strict=True):
            for index, (measure, values) in enumerate(utilities.items()):
                accent, mark = colour(index), _MARKS[index % len(_MARKS)]
                place.plot(bias, values, color=accent, linewidth=1, alpha=0.6)
                for number, (x, y) in enumerate(zip(bias, values, strict=True)):
                    face = accent if number == choice else "none"
                    place.plot(x, y, mark, color=accent, markerfacecolor=face, markersize=7, clip_on=False)
                place.plot([], [], mark + "-", color=accent, markerfacecolor="none", label=measure)
            top = np.max(list(utilities.values()), axis=0)
            for name, x, y in zip(names, bias, top, strict=True):
                place.annotate(name, (x, y), (0, 8), textcoords="offset points", ha="center", fontsize=8)
            place.set(title=title, xlabel="bias", xlim=(0, 1.15 * bias.max()))
            place.margins(y=0.15)
            add_grid(place)
        places[0].set_ylabel("share of unchanged faces")
        figure.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure
