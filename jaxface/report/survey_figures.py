"""The figures of a survey, for its page and for a paper; and its tables as CSV and LaTeX."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxface.audit import SurveyResult
from jaxface.audit.designs import Cross
from jaxface.audit.full_expression import ALL, Answers
from jaxface.audit.summary import Effect
from jaxface.core.io import write_bytes, write_text
from jaxface.core.progress import ProgressLike, choose
from jaxface.report import figures, tables_of_paper
from jaxface.report.exporting import file_name
from jaxface.report.figures import Line, colour
from jaxface.report.tables_of_paper import Table
from jaxface.report.text import p_value, percent, points

_MARGIN = 3.0  # points beyond the largest change


def dose_figure(result: SurveyResult, name: str, classifiers: Sequence[str] = ()) -> Figure:
    """Return the change along the levels of one intervention, a panel for each classifier.

    Args:
        classifiers: those that are shown; none = all.
    """
    answers = result.answers[name]
    panels = [
        (classifier, _expression_lines(answers, index))
        for index, classifier in enumerate(answers.classifiers)
        if not classifiers or classifier in classifiers
    ]
    return figures.dose_panels(answers.axis, panels, _limits(result))


def cross_figure(result: SurveyResult, cross: Cross, classifiers: Sequence[str] = ()) -> Figure:
    """Return the mean change along the first intervention, a line for each level of the second.

    Args:
        classifiers: those that are shown; none = all.
    """
    answers = [result.answers[run] for run in cross.runs]
    panels = []
    for index, classifier in enumerate(answers[0].classifiers):
        if classifiers and classifier not in classifiers:
            continue
        lines = [
            Line(f"{cross.second} {level:g}", *_mean_and_band(one, index), accent=colour(number))
            for number, (level, one) in enumerate(zip(cross.levels, answers, strict=True))
        ]
        panels.append((classifier, lines))
    return figures.dose_panels(answers[0].axis, panels, _limits(result))


def export_survey(result: SurveyResult, folder: Path, progress: ProgressLike = None) -> list[Path]:
    """Write figures as PNG and SVG, and tables as CSV and LaTeX; return the paths."""
    progress = choose(progress)
    paths = []
    for table in survey_tables(result):
        for ending, text in (
            ("csv", tables_of_paper.as_csv(table)),
            ("tex", tables_of_paper.as_latex(table)),
        ):
            paths.append(folder / f"{table.name}.{ending}")
            write_text(paths[-1], text)
    several = list(_figures(result))
    progress.start("figures", len(several))
    for name, figure, description in several:
        file = file_name(name, paths)
        paths.append(folder / f"{file}.svg")
        write_text(paths[-1], figures.standalone(figures.svg(figure, file, description)))
        paths.append(folder / f"{file}.png")
        write_bytes(paths[-1], figures.png(figure))
        progress.advance(1, file)
    progress.close()
    return paths


def survey_tables(result: SurveyResult) -> Iterator[Table]:
    """Yield the means over expressions, every expression, and the interactions, as text."""
    classifiers = next(iter(result.answers.values())).classifiers
    columns = ("intervention", "far end", *(f"{name}{part}" for name in classifiers for part in ("", " flips")))
    for kind in dict.fromkeys((ALL, *(row.expression for row in result.effects))):
        rows = []
        for name in result.design.names:
            own = [row for row in result.effects if row.intervention == name and row.expression == kind]
            ends = " / ".join(dict.fromkeys(row.end for row in own))
            cells = [
                cell
                for row in own
                for cell in (_effect_text(row.effect, row.adjusted_p, result), percent(row.flip_share))
            ]
            rows.append((name, ends, *cells))
        caption = (
            f"Change of the probability from the unchanged face to the far end, in points ({kind}), with its "
            "interval; * significant after correction for all interventions. Flips: people who are no "
            "longer recognised."
        )
        yield Table(f"interventions-{kind}", caption, columns, tuple(rows), 2)
    if result.interactions:
        rows = [
            (
                f"{row.first} at {row.second} {row.level:g}",
                row.classifier,
                points(row.base_effect.mean),
                points(row.held_effect.mean),
                _effect_text(row.contrast, row.adjusted_p, result),
                p_value(row.adjusted_p),
            )
            for row in result.interactions
            if row.expression == ALL
        ]
        columns = ("cross", "classifier", "unchanged", "there", "difference", "p, corrected")
        yield Table("interactions", "Effects that depend on another, in points.", columns, tuple(rows), 2)


def _figures(result: SurveyResult) -> Iterator[tuple[str, Figure, str]]:
    for name in result.design.names:
        yield f"doses-{name}", dose_figure(result, name), f"{name}: change over its levels"
    for cross in result.design.crosses:
        yield f"cross-{cross.name}", cross_figure(result, cross), f"{cross.name}: change over levels"


def _effect_text(effect: Effect, adjusted_p: float, result: SurveyResult) -> str:
    if not effect.is_valid:
        return "–"
    star = "*" if adjusted_p <= result.config.alpha else ""
    if not effect.has_enough_people:
        return points(effect.mean)
    return f"{points(effect.mean)}{star} ({points(effect.low)} to {points(effect.high)})"


def _expression_lines(answers: Answers, classifier: int) -> list[Line]:
    """Return a thin line for each measurable expression, and the mean with its interval."""
    lines = []
    for column, expression in enumerate(answers.expressions[:-1]):
        mean, _ = _mean_and_band(answers, classifier, column)
        if np.isfinite(mean).all():
            lines.append(Line(expression, mean, None, colour(column)))
    return [*lines, Line("mean", *_mean_and_band(answers, classifier), accent=figures.INK)]


def _mean_and_band(answers: Answers, classifier: int, column: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Return mean change (L,) and its interval (2, L), percentage points."""
    column %= len(answers.expressions)
    each = [answers.effects[classifier, column, index] for index in range(len(answers.axis.levels))]
    return (
        100 * np.array([one.mean for one in each]),
        100 * np.array([[one.low for one in each], [one.high for one in each]]),
    )


def _limits(result: SurveyResult) -> tuple[float, float]:
    """Return limits of all mean changes, percentage points: the same for all figures."""
    means: Sequence[float] = [
        100 * float(answers.effects[row, -1, level].mean)
        for answers in result.answers.values()
        for row in range(len(answers.classifiers))
        for level in range(len(answers.axis.levels))
    ]
    means = [*(100 * row.effect.mean for row in result.levels), *means]
    finite = [value for value in means if np.isfinite(value)]
    return min([*finite, 0.0]) - _MARGIN, max([*finite, 0.0]) + _MARGIN
