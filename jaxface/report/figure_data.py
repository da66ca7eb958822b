"""The figures of a run, made from its store: each has a name, a caption and a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jaxface.audit.result import AuditResult
from jaxface.report import figures
from jaxface.report.null_distribution import shuffled_scores
from jaxface.report.tables import ScoreRow, names


class ReportFigure(NamedTuple):
    """A figure and what it is called.

    Attributes:
        name: of its file, without an ending.
        classifier: whom it is about.
        colour: the classifier's.
        about: what it shows, in a sentence.
    """

    name: str
    classifier: str
    colour: str
    figure: Figure
    about: str


def forest(result: AuditResult, rows: list[ScoreRow]) -> Figure:
    """All scores with their intervals; expressions that nobody knows are left out."""
    shape = len(names(result.data, "classifier")), len(names(result.data, "expression"))
    score, low, high = (
        np.array([getattr(row, name) for row in rows]).reshape(shape) for name in ("score", "low", "high")
    )
    known = np.isfinite(score).any(axis=0)
    named = [name for name, some in zip(names(result.data, "expression"), known, strict=True) if some]
    return figures.forest(score[:, known], low[:, known], high[:, known], named, result.config.unit)


def curves(result: AuditResult) -> Iterator[ReportFigure]:
    """Fig. 5 for each classifier."""
    known = known_expressions(result)
    peak = result.surfaces.isel(time=-1).transpose("classifier", "expression", "identity", "symmetry").values
    missed = missed_share(result)
    symmetry = result.data["symmetry"].values
    for index, name in enumerate(names(result.data, "classifier")):
        some = [position for position, _ in known]
        figure = figures.curves(
            symmetry,
            peak[index][some],
            missed[index][some],
            [label for _, label in known],
            figures.colour(index),
        )
        about = f"{name}: probability of each expression at its peak over falling symmetry"
        yield ReportFigure(f"curves-{name}", name, figures.colour(index), figure, about)


def missed_share(result: AuditResult) -> np.ndarray:
    """(C, X, S) share of people whose first answer at full expression is another than the target."""
    first = result.first.isel(time=-1).transpose("classifier", "expression", "identity", "symmetry").values
    answers = names(result.data, "answer")
    target = np.array([answers.index(name) for name in names(result.data, "expression")])
    known = first >= 0
    wrong = ((first != target[:, None, None]) & known).sum(2)
    return np.asarray(wrong / np.maximum(known.sum(2), 1))


def mean_surfaces(result: AuditResult) -> np.ndarray:
    """(C, X, S, T) mean over the people who are known; NaN where nobody is."""
    surfaces = result.surfaces.mean("identity")
    return np.asarray(surfaces.transpose("classifier", "expression", "symmetry", "time").values)


def surfaces(result: AuditResult) -> Iterator[ReportFigure]:
    """Figs. 15-18 for each classifier: mean activation over symmetry and time."""
    yield from _maps(result, mean_surfaces(result), "surface", "probability", None)


def impacts(result: AuditResult) -> Iterator[ReportFigure]:
    """Figs. 19-22 for each classifier: how the mean activation changes with a step of symmetry."""
    gradient = np.gradient(mean_surfaces(result), axis=2)
    largest = float(np.nanmax(np.abs(gradient), initial=1e-9))
    yield from _maps(result, gradient, "impact", "change a step", largest)


def _maps(
    result: AuditResult, values: np.ndarray, kind: str, label: str, largest: float | None
) -> Iterator[ReportFigure]:
    known = known_expressions(result)
    for index, name in enumerate(names(result.data, "classifier")):
        some = values[index][[position for position, _ in known]]
        figure = figures.heat_maps(some, [expression for _, expression in known], label, largest)
        yield ReportFigure(
            f"{kind}-{name}", name, figures.colour(index), figure, f"{name}: {label} over time and symmetry"
        )


def nulls(result: AuditResult, identity: int = 0) -> Iterator[ReportFigure]:
    """Fig. 6 for each classifier: one person's scores among those of shuffled answers."""
    known = known_expressions(result)
    person = result.data[["probability", "score", "p_value"]].isel(identity=identity)
    person = person.transpose("classifier", "expression", "symmetry", "time").load()
    for index, name in enumerate(names(result.data, "classifier")):
        some = person.isel(classifier=index, expression=[position for position, _ in known])
        null = np.stack([shuffled_scores(one, result.config) for one in some["probability"].values])
        figure = figures.null_panels(
            null,
            some["score"].values,
            some["p_value"].values,
            [label for _, label in known],
            figures.colour(index),
        )
        yield ReportFigure(
            f"null-{name}",
            name,
            figures.colour(index),
            figure,
            f"{name}: observed scores among those of shuffled answers",
        )


def known_expressions(result: AuditResult) -> list[tuple[int, str]]:
    """Positions and names of the expressions that some classifier has a score for."""
    known = np.isfinite(result.scores.transpose("expression", ...).values).any(axis=(1, 2))
    return [(index, name) for index, name in enumerate(names(result.data, "expression")) if known[index]]
