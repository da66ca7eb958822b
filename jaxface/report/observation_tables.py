"""The tables of an observation, for a terminal and a page."""

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
    """A row of Table 1: one expression, feature and subset of photographs, for every classifier."""

    expression: str
    feature: str
    subset: str
    cells: tuple[IndependenceRow | None, ...]


@dataclass(frozen=True)
class AccuracyLine:
    """A row of Table 4: one classifier and label, in every group."""

    classifier: str
    label: str
    cells: tuple[AccuracyRow | None, ...]


def classifiers(result: ObserveResult) -> tuple[str, ...]:
    """Return the names of the run's classifiers."""
    return tuple(result.measurements.logits)


def significance(result: ObserveResult) -> list[Line]:
    """Return Table 1, with features as its rows."""
    by_key = {(row.classifier, row.expression, row.feature, row.subset): row for row in result.rows}
    keys = dict.fromkeys((row.expression, row.feature, row.subset) for row in result.rows)
    return [Line(*key, tuple(by_key.get((name, *key)) for name in classifiers(result))) for key in keys]


def accuracy(result: ObserveResult) -> list[AccuracyLine]:
    """Return Table 4, classifier by classifier, labels in alphabetical order."""
    by_key = {(row.classifier, row.label, row.group): row for row in result.accuracy}
    keys = dict.fromkeys((row.classifier, row.label) for row in result.accuracy)
    names = groups(result.photographs)
    return [AccuracyLine(*key, tuple(by_key.get((*key, group)) for group in names)) for key in keys]


def finding(result: ObserveResult) -> str:
    """Return which group a classifier recognises less often, of the classifier with the largest gap; or "".

    Shares are means over the labels that every group has.
    """
    gaps = []
    for name in classifiers(result):
        by_group: dict[str, dict[str, float]] = {}
        for row in result.accuracy:
            if row.classifier == name:
                by_group.setdefault(row.group, {})[row.label] = row.accuracy
        labels = set.intersection(*map(set, by_group.values())) if len(by_group) > 1 else set()
        means = [
            (sum(own[x] for x in labels) / len(labels), group) for group, own in by_group.items() if labels
        ]
        if means and min(means)[0] < max(means)[0]:
            gaps.append((max(means)[0] - min(means)[0], name, min(means), max(means)))
    if not gaps:
        return ""
    _, name, (low, worse), (high, better) = max(gaps)
    return (
        f"{name} recognises {percent(low)} of the {worse} photographs, and {percent(high)} of the {better} ones"
    )


def mark(row: IndependenceRow | None) -> str:
    """Return the paper's tick or cross; a dash where nothing was tested."""
    if row is None or row.dependent is None:
        return UNKNOWN
    return YES if row.dependent else NO


def feature_words(name: str) -> str:
    """Return the name of a feature in words."""
    kind, _, rest = name.partition(":")
    words = {
        "group": "group",
        "pixel": "pixel distance of the halves",
        "landmarks": "landmark asymmetry",
        "lpips": "LPIPS of the halves",
        "maps": f"feature distance of the halves, {rest}",
        "column": f"{rest} (from the table)",
        "eye-opening": "opening of the eyes, side against side",
        "brow-height": "height of the brows, side against side",
        "corner-excursion": "excursion of the mouth's corners, side against side",
        "corner-angle": "angle of the mouth's corners, side against side",
    }
    return words.get(kind, name)


def subset_words(line: Line) -> str:
    """Return which photographs were tested, and what the test is conditioned on."""
    cells = [cell for cell in line.cells if cell is not None]
    count = max((cell.samples for cell in cells), default=0)
    which = f"{line.expression} alone" if line.subset == "matching" else "all"
    condition = "" if not cells or cells[0].conditioned_on == "nothing" else ", given the label"
    return f"{which} ({count}){condition}"


def significance_text(result: ObserveResult) -> str:
    """Return Table 1 for a terminal."""
    names = classifiers(result)
    rows = [["expression", "feature", "photographs", *names]]
    for line in significance(result):
        cells = [_cell(cell) for cell in line.cells]
        rows.append([line.expression, feature_words(line.feature), subset_words(line), *cells])
    tests = ", ".join(result.config.tests)
    title = f"Independence of logit and feature rejected by most of {tests} (p <= {result.config.alpha:g})"
    return f"{title}\n{aligned(rows)}"


def _cell(row: IndependenceRow | None) -> str:
    if row is None or row.dependent is None:
        return UNKNOWN
    p_values = " ".join(f"{p:.3f}" for p in row.p_value.values())
    return f"{mark(row)} {row.association:+.2f} ({p_values})"


def accuracy_text(result: ObserveResult) -> str:
    """Return Table 4 for a terminal."""
    rows = [["classifier", "label", *groups(result.photographs)]]
    for line in accuracy(result):
        cells = [
            UNKNOWN if one is None else f"{percent(one.accuracy)} of {one.photographs}" for one in line.cells
        ]
        rows.append([line.classifier, line.label, *cells])
    return f"Accuracy: the top class is the label\n{aligned(rows)}"


def framing_text(result: ObserveResult) -> str:
    """Return a warning where the crops may show no face; empty where every face was located."""
    unframed = result.photographs.unframed
    if not unframed:
        return ""
    return (
        f"WARNING: {unframed} of {len(result.photographs)} photographs have neither eyes nor a box. The "
        "square in their middle was taken for the face: where it is not, every number below is wrong, and a "
        "difference between groups may even be reversed. Add the columns left_eye_x, left_eye_y, "
        "right_eye_x, right_eye_y, or box_left, box_top, box_right, box_bottom, or have the faces found "
        "(--faces detect); look at the crops with --pictures."
    )


def left_out_text(result: ObserveResult, count: int = 5) -> str:
    """Return how many photographs were left out, the first `count` of them, and what the table lacks."""
    rows, table = result.left_out, result.photographs
    notes = list(table.notes)
    if table.ignored:
        notes.append(f"columns that hold no numbers, not used: {', '.join(table.ignored)}")
    if not rows:
        return "\n".join(notes)
    lines = [f"  {path}: {reason}" for path, reason in rows[:count]]
    more = [f"  and {len(rows) - count} more, in left_out.csv"] if len(rows) > count else []
    return "\n".join([f"{len(rows)} of {len(table)} photographs left out:", *lines, *more, *notes])


def rates_text(rates: Sequence[Rate]) -> str:
    """Return how often each combination was found dependent, by cohort: majority, then each test."""
    tests = list(dict.fromkeys(rate.test for rate in rates if rate.test != "majority"))
    by_key = {(r.cohort, r.classifier, r.expression, r.feature, r.subset, r.test): r for r in rates}
    keys = dict.fromkeys((r.cohort, r.classifier, r.expression, r.feature, r.subset) for r in rates)
    rows = [["cohort", "classifier", "expression", "feature", "subset", "majority", "95 %", *tests]]
    for key in keys:
        majority = by_key[(*key, "majority")]
        counts = [str(by_key[(*key, test)].found) for test in tests]
        interval = f"{majority.low:.2f}-{majority.high:.2f}"
        rows.append([*key, f"{majority.found} of {majority.cohorts}", interval, *counts])
    return f"Cohorts in which independence was rejected\n{aligned(rows)}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
