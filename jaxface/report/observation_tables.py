"""The tables of an observation for a terminal and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxface.audit.observe import ObserveResult
from jaxface.audit.observe.analysis import AccuracyRow, IndependenceRow
from jaxface.audit.observe.demo import Rate
from jaxface.audit.observe.sampling import groups
from jaxface.report.text import percent

YES, NO, UNKNOWN = "✓", "×", "–"


@dataclass(frozen=True)
class Line:
    """A line of Table 1: one expression, feature and choice of photographs, before every classifier."""

    expression: str
    feature: str
    subset: str
    cells: tuple[IndependenceRow | None, ...]


@dataclass(frozen=True)
class Shares:
    """A line of Table 4: one classifier and label, in every group."""

    classifier: str
    label: str
    cells: tuple[AccuracyRow | None, ...]


def classifiers(result: ObserveResult) -> tuple[str, ...]:
    """The names of the run's classifiers."""
    return tuple(result.measurements.logits)


def significance(result: ObserveResult) -> list[Line]:
    """Table 1, the features as its lines."""
    found = {(v.classifier, v.expression, v.feature, v.subset): v for v in result.rows}
    keys = dict.fromkeys((v.expression, v.feature, v.subset) for v in result.rows)
    return [Line(*key, tuple(found.get((name, *key)) for name in classifiers(result))) for key in keys]


def accuracy(result: ObserveResult) -> list[Shares]:
    """Table 4, classifier by classifier; labels in the order of names."""
    found = {(row.classifier, row.label, row.group): row for row in result.accuracy}
    keys = dict.fromkeys((row.classifier, row.label) for row in result.accuracy)
    return [
        Shares(*key, tuple(found.get((*key, group)) for group in groups(result.photographs))) for key in keys
    ]


def mark(verdict: IndependenceRow | None) -> str:
    """The paper's tick or cross; a dash where nothing was tested."""
    if verdict is None or verdict.dependent is None:
        return UNKNOWN
    return YES if verdict.dependent else NO


def feature_words(name: str) -> str:
    """A feature for a reader."""
    kind, _, rest = name.partition(":")
    words = {
        "group": "group",
        "pixel": "pixel distance of the halves",
        "landmarks": "landmark asymmetry",
        "lpips": "LPIPS of the halves",
        "maps": f"feature distance of the halves, {rest}",
        "column": f"{rest} (from the table)",
    }
    return words.get(kind, name)


def subset_words(line: Line) -> str:
    """Which photographs, and what is conditioned on."""
    known = [cell for cell in line.cells if cell is not None]
    count = max((cell.samples for cell in known), default=0)
    which = f"{line.expression} alone" if line.subset == "matching" else "all"
    given = "" if not known or known[0].conditioned_on == "nothing" else ", given the label"
    return f"{which} ({count}){given}"


def significance_text(result: ObserveResult) -> str:
    """Table 1 for a terminal."""
    names = classifiers(result)
    rows = [["expression", "feature", "photographs", *names]]
    for line in significance(result):
        cells = [_cell(cell) for cell in line.cells]
        rows.append([line.expression, feature_words(line.feature), subset_words(line), *cells])
    tests = ", ".join(result.config.tests)
    title = f"Independence of logit and feature rejected by most of {tests} (p <= {result.config.alpha:g})"
    return f"{title}\n{aligned(rows)}"


def _cell(verdict: IndependenceRow | None) -> str:
    if verdict is None or verdict.dependent is None:
        return UNKNOWN
    votes = " ".join(f"{p:.3f}" for p in verdict.p_value.values())
    return f"{mark(verdict)} {verdict.association:+.2f} ({votes})"


def accuracy_text(result: ObserveResult) -> str:
    """Table 4 for a terminal."""
    rows = [["classifier", "label", *groups(result.photographs)]]
    for line in accuracy(result):
        cells = [
            UNKNOWN if one is None else f"{percent(one.accuracy)} of {one.photographs}" for one in line.cells
        ]
        rows.append([line.classifier, line.label, *cells])
    return f"First answer is the label\n{aligned(rows)}"


def left_out_text(result: ObserveResult, shown: int = 5) -> str:
    """How many photographs were left out, and the first of them by name; empty where none was."""
    lost = result.left_out
    if not lost:
        return ""
    lines = [f"  {path}: {reason}" for path, reason in lost[:shown]]
    more = [f"  and {len(lost) - shown} more, in left_out.csv"] if len(lost) > shown else []
    return "\n".join([f"{len(lost)} of {len(result.photographs)} photographs left out:", *lines, *more])


def rates_text(rates: Sequence[Rate]) -> str:
    """How often each combination was called dependent, by cohort: majority, then each test."""
    tests = list(dict.fromkeys(rate.test for rate in rates if rate.test != "majority"))
    found = {(r.cohort, r.classifier, r.expression, r.feature, r.subset, r.test): r for r in rates}
    keys = dict.fromkeys((r.cohort, r.classifier, r.expression, r.feature, r.subset) for r in rates)
    rows = [["cohort", "classifier", "expression", "feature", "subset", "majority", "95 %", *tests]]
    for key in keys:
        most = found[(*key, "majority")]
        votes = [str(found[(*key, test)].found) for test in tests]
        interval = f"{most.low:.2f}-{most.high:.2f}"
        rows.append([*key, f"{most.found} of {most.cohorts}", interval, *votes])
    return f"Cohorts in which independence was rejected\n{aligned(rows)}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, all but the last padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
