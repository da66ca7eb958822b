"""The figures of a run as matplotlib axes: `result.plot.forest()`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxface.audit import AuditResult
from jaxface.report import figure_data, figures, tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ResultPlots:
    """Figures of one run. Each call makes a figure of pyplot's, which a notebook shows by itself."""

    result: AuditResult = field(repr=False)

    def forest(self) -> "Axes":
        """Return all scores that count, with their intervals; a colour for each classifier."""
        from matplotlib import pyplot

        figure = figure_data.forest(self.result, tables.score_rows(self.result), create=pyplot.figure)
        (panel,) = figure.axes
        names = tables.names(self.result.data, "classifier")
        panel.legend(
            panel.containers,
            names,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),  # above the panel
            ncols=len(names),
            frameon=False,
            fontsize=9,
        )
        return panel

    def curves(self, classifier: str | None = None) -> "np.ndarray[Any, Any]":
        """Return (X,) axes: probability at the full expression over the dose, a panel for each expression.

        Args:
            classifier: may be left out if the run has only one.

        Raises:
            ConfigError: no such classifier, or several and none is chosen.
        """
        from matplotlib import pyplot

        name = self.result.choose("classifier", classifier)
        (one,) = figure_data.curves(self.result, classifiers=(name,), create=pyplot.figure)
        return np.array(one.figure.axes)

    def surface(
        self, classifier: str | None = None, expression: str | None = None, change: bool = False
    ) -> "Axes":
        """Return a map over dose and time: mean probability of the expression over people.

        Args:
            classifier, expression: may be left out if the run has only one.
            change: of the probability per step of the dose, instead.

        Raises:
            ConfigError: no such classifier or expression, or several and none is chosen.
        """
        from matplotlib import pyplot

        where = self.result.choose("classifier", classifier), self.result.choose("expression", expression)
        row, column = (
            tables.names(self.result.data, dimension).index(name)
            for dimension, name in zip(("classifier", "expression"), where, strict=True)
        )
        dose, time = self.result.intervention.axes
        maps, largest = figure_data.mean_surfaces(self.result), None
        if change:
            maps, largest = figure_data.mean_impacts(self.result)
        label = "change per step" if change else "probability"
        title = f"{where[0]}, {where[1]}"
        surface = maps[row, column][None]
        figure = figures.heat_maps(dose, time, surface, [title], label, largest, create=pyplot.figure)
        return figure.axes[0]
