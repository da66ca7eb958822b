"""The figures of a run, made from its store: each has a name, a description and a classifier.

A figure of a classifier has a panel for each expression, as in the paper. `split=True` makes a figure of each
panel, which a page lays out as its width allows.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

from jaxface.audit import AuditResult
from jaxface.report import figures
from jaxface.report.figures.style import FigureFactory
from jaxface.report.tables import ScoreRow, names
from jaxface.stats import null_scores


class ReportFigure(NamedTuple):
    """A figure with its name.

    Attributes:
        name: of its file, without an ending.
        classifier: the classifier it shows.
        colour: the classifier's.
        description: what it shows, in a sentence.
    """

    name: str
    classifier: str
    colour: str
    figure: Figure
    description: str


def forest(
    result: AuditResult, rows: list[ScoreRow], width: float = 6.4, create: FigureFactory = Figure
) -> Figure:
    """Return all scores that count, with their intervals; expressions without any are left out.

    Args:
        width: inches.
        create: pyplot.figure for a figure that pyplot shows.
    """
    shape = len(names(result.data, "classifier")), len(names(result.data, "expression"))
    nothing = (np.nan,) * 3
    ends = [(row.cell.score, row.cell.low, row.cell.high) if row.is_measurable else nothing for row in rows]
    score, low, high = (np.array(values).reshape(shape) for values in zip(*ends, strict=True))
    mask = np.isfinite(score).any(axis=0)
    labels = [name for name, some in zip(names(result.data, "expression"), mask, strict=True) if some]
    dose, _ = result.intervention.axes
    label = f"score: change of probability per {result.config.unit} of {dose.name}"
    return figures.forest(score[:, mask], low[:, mask], high[:, mask], labels, label, width, create)


def curves(
    result: AuditResult,
    split: bool = False,
    classifiers: Sequence[str] | None = None,
    create: FigureFactory = Figure,
) -> Iterator[ReportFigure]:
    """Yield Fig. 5 for each classifier.

    Args:
        classifiers: None = all of the run.
        create: pyplot.figure for figures that pyplot shows.
    """
    dose, time = result.intervention.axes
    indices, labels = scored_expressions(result)
    peak_data = result.surfaces.isel({time.name: -1})
    peak = peak_data.transpose("classifier", "expression", "identity", dose.name).values
    errors = error_rates(result)
    for index, name in enumerate(names(result.data, "classifier")):
        if classifiers is not None and name not in classifiers:
            continue
        colour = figures.colour(index)
        own = [
            [row for row in result.summary.doses if (row.classifier, row.expression) == (name, x)]
            for x in labels
        ]
        intervals = np.array([[[row.low for row in rows], [row.high for row in rows]] for rows in own])
        answers, wrong = peak[index][indices], errors[index][indices]
        for part, suffix in _parts(labels, split):
            figure = figures.curves(
                dose, answers[part], wrong[part], labels[part], colour, intervals[part], create
            )
            description = f"{name}: probability of {_subject(labels[part])} at its peak over {dose.name}"
            yield ReportFigure(f"curves-{name}{suffix}", name, colour, figure, description)


def error_rates(result: AuditResult) -> np.ndarray:
    """Return (C, X, D) share of people whose top class at full expression is not the target."""
    dose, time = result.intervention.axes
    peak_data = result.top_class.isel({time.name: -1})
    top_class = peak_data.transpose("classifier", "expression", "identity", dose.name).values
    answers = names(result.data, "answer")
    target = np.array([answers.index(name) for name in names(result.data, "expression")])
    valid = top_class >= 0
    wrong = ((top_class != target[:, None, None]) & valid).sum(2)
    return np.asarray(wrong / np.maximum(valid.sum(2), 1))


def mean_surfaces(result: AuditResult) -> np.ndarray:
    """Return (C, X, D, T) means over the people with an answer; NaN where there are none."""
    surfaces = result.surfaces.mean("identity")
    axes = (axis.name for axis in result.intervention.axes)
    return np.asarray(surfaces.transpose("classifier", "expression", *axes).values)


def surfaces(result: AuditResult, split: bool = False) -> Iterator[ReportFigure]:
    """Yield Figs. 15-18 for each classifier: mean probability over dose and time."""
    yield from _maps(result, mean_surfaces(result), "surface", "probability", None, split)


def impacts(result: AuditResult, split: bool = False) -> Iterator[ReportFigure]:
    """Yield Figs. 19-22 for each classifier: the change of the mean probability per step of the dose."""
    gradient, largest = mean_impacts(result)
    yield from _maps(result, gradient, "impact", "change per step", largest, split)


def mean_impacts(result: AuditResult) -> tuple[np.ndarray, float]:
    """Return (C, X, D, T) changes of the mean probability per step of the dose, and the largest one."""
    gradient = np.gradient(mean_surfaces(result), axis=2)
    return gradient, float(np.nanmax(np.abs(gradient), initial=1e-9))


def _maps(
    result: AuditResult, values: np.ndarray, kind: str, label: str, largest: float | None, split: bool
) -> Iterator[ReportFigure]:
    dose, time = result.intervention.axes
    indices, labels = scored_expressions(result)
    for index, name in enumerate(names(result.data, "classifier")):
        maps = values[index][indices]
        for part, suffix in _parts(labels, split):
            scale = "" if split else label  # a page has one for all maps
            figure = figures.heat_maps(dose, time, maps[part], labels[part], scale, largest)
            description = f"{name}: {label} of {_subject(labels[part])} over {time.name} and {dose.name}"
            yield ReportFigure(f"{kind}-{name}{suffix}", name, figures.colour(index), figure, description)


_NULL_SHUFFLES = 10
"""Times the shuffles of the test: Fig. 6 has 100,000."""


def nulls(result: AuditResult, split: bool = False, identity: int = 0) -> Iterator[ReportFigure]:
    """Yield Fig. 6 for each classifier: one person's scores among the scores of shuffled answers."""
    config = result.config
    axes = (axis.name for axis in result.intervention.axes)
    indices, labels = scored_expressions(result)
    person = result.data[["probability", "score", "p_value"]].isel(identity=identity)
    person = person.transpose("classifier", "expression", *axes).load()
    for index, name in enumerate(names(result.data, "classifier")):
        cells = person.isel(classifier=index, expression=indices)
        null = null_scores(
            cells["probability"].values,
            jax.random.key(config.seed),
            _NULL_SHUFFLES * config.permutations,
            scheme=config.scheme,
            estimator=config.estimator,
            unit=config.unit,
        )
        score, p_value, colour = cells["score"].values, cells["p_value"].values, figures.colour(index)
        reach = 1.1 * np.nanmax(np.abs(np.append(null, score)), initial=1e-9)
        for part, suffix in _parts(labels, split):
            figure = figures.null_panels(null[part], score[part], p_value[part], labels[part], colour, reach)
            description = f"{name}: observed score of {_subject(labels[part])} among scores of shuffled answers"
            yield ReportFigure(f"null-{name}{suffix}", name, colour, figure, description)


def _parts(labels: list[str], split: bool) -> list[tuple[slice, str]]:
    """Return the panels of each figure, and what is added to its name: all panels in one, or one in each."""
    if split or not labels:
        return [(slice(index, index + 1), f"-{label}") for index, label in enumerate(labels)]
    return [(slice(None), "")]


def _subject(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else "each expression"


def scored_expressions(result: AuditResult) -> tuple[list[int], list[str]]:
    """Return indices and names of the expressions for which any classifier has a score."""
    mask = np.isfinite(result.scores.transpose("expression", ...).values).any(axis=(1, 2))
    expressions = names(result.data, "expression")
    indices = [index for index in range(len(expressions)) if mask[index]]
    return indices, [expressions[index] for index in indices]
