"""The paper's tables for one run, as CSV and LaTeX."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jaxface import classify
from jaxface.audit import AuditResult
from jaxface.audit.effects import finite_mean
from jaxface.core import files
from jaxface.core.errors import StoreError
from jaxface.core.io import spreadsheet_cell
from jaxface.core.sums import require_undamaged
from jaxface.core.tables import csv_text
from jaxface.report import tables
from jaxface.report.prose import correction
from jaxface.report.tables import ScoreRow, names
from jaxface.report.text import fixed, percent


@dataclass(frozen=True)
class Table:
    """A table with names on the left and numbers on the right.

    Attributes:
        name: of its file, without an ending.
        columns: their heads.
        rows: as text, each as long as `columns`.
        left: number of columns with names.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


NOT_PUBLISHED = "†"
"""After the name of a classifier whose authors publish no weights: whoever audits it trained it."""


def paper_tables(result: AuditResult, rows: list[ScoreRow], observation: Path | None = None) -> list[Table]:
    """Return Tables 2 to 5, every score with its interval, the tests, the transfer and the search.

    Args:
        observation: folder of `jaxface observe`, whose photographs become the other half of Table 4.

    Raises:
        StoreError: the folder holds no observation.
    """
    config, wording = result.config, result.intervention.wording
    dose = result.intervention.axes[0]
    expressions = tuple(names(result.data, "expression"))
    classifiers = names(result.data, "classifier")
    by_key = {(row.classifier, row.expression): row for row in rows}

    def wide(
        name: str, caption: str, value: Callable[[ScoreRow], float], text: Callable[[float], str]
    ) -> Table:
        values = {
            one: {x: value(by_key[one, x]) if by_key[one, x].cell.has_score else math.nan for x in expressions}
            for one in classifiers
        }
        return by_data_set(Table(name, caption, ("classifier", *expressions), (), 2), values, result, text)

    several = [
        wide(
            "table2-scores",
            f"Mean change of the probability per {config.unit} of {dose.name}. Left out where it is not "
            "measurable, as the target was not reached.",
            lambda row: row.cell.score if row.is_measurable else math.nan,
            "{:+.4f}".format,
        ),
        wide(
            "table3-significant",
            f"People whose score is significant at {config.alpha:g} after {correction(result)} correction, of "
            f"{config.identities}.",
            lambda row: row.cell.significant if row.is_measurable else math.nan,
            "{:.4g}".format,
        ),
    ]
    for index, level in enumerate(result.intervention.probe_levels):
        several.append(
            wide(
                f"table4-accuracy-{dose.symbol}{level:g}",
                f"Accuracy at full expression, {dose.name} {level:g}.",
                lambda row, index=index: row.accuracy[index],  # type: ignore[misc]
                percent,
            )
        )
    if observation is not None:
        for group, accuracy in observed_accuracy(observation).items():
            values = {one: {x: accuracy.get((one, x), math.nan) for x in expressions} for one in classifiers}
            caption = f"Accuracy on photographs, {group}."
            table = Table(f"table4-accuracy-{group}", caption, ("classifier", *expressions), (), 2)
            several.append(by_data_set(table, values, result, percent))
    several.append(
        wide(
            "table5-activation",
            f"Probability of {wording.unchanged_face} faces at full expression, mean over people.",
            lambda row: row.cell.activation,
            fixed,
        )
    )
    several.append(
        Table(
            "intervals",
            f"Scores with their {tables.interval_name(result)} over people.",
            ("classifier", "expression", "score", "low", "high", "significant", "people"),
            tuple(
                (
                    row.classifier,
                    row.expression,
                    *(f"{value:+.4f}" for value in (row.cell.score, row.cell.low, row.cell.high)),
                    str(row.cell.significant),
                    str(row.cell.identities),
                )
                for row in rows
                if row.is_measurable
            ),
            left=2,
        )
    )
    several.append(
        Table(
            "tests",
            "People with a significant score under each scheme; p-value of the population by sign flips.",
            ("classifier", "expression", *names(result.data, "scheme"), "people", "population p"),
            tuple(
                (
                    row.classifier,
                    row.expression,
                    *map(str, row.scheme_counts),
                    str(row.cell.identities),
                    f"{row.cell.population_p:.2g}",
                )
                for row in rows
                if row.is_measurable
            ),
            left=2,
        )
    )
    if len(classifiers) > 1:
        several.append(
            Table(
                "transfer",
                "Mean probability of each classifier for the faces searched for another.",
                ("searched for", "expression", *classifiers),
                tuple(
                    (row.searched_for, row.expression, *(fixed(cell.probability) for cell, _ in row.cells))
                    for row in tables.transfer_rows(result)
                ),
                left=2,
            )
        )
    several.append(
        Table(
            "search",
            "The search for the expressions.",
            tables.SEARCH_COLUMNS,
            tuple(tables.search_rows(result)),
            left=2,
        )
    )
    return several


def by_data_set(
    table: Table,
    values: Mapping[str, Mapping[str, float]],
    result: AuditResult,
    text: Callable[[float], str],
) -> Table:
    """Return the table with a row for each classifier, grouped by training data, with the paper's averages.

    Args:
        table: its name, caption and columns after the training data's.
        values: by classifier and expression; NaN = nothing to show.
    """
    groups: dict[str, list[str]] = {}
    for one in values:
        groups.setdefault(_fact(result, one, "dataset"), []).append(one)

    def row(data_set: str, name: str, members: Sequence[str]) -> tuple[str, ...]:
        columns = list(zip(*(values[one].values() for one in members), strict=True))
        means = [finite_mean(column) for column in columns]
        cells = ["–" if math.isnan(value) else text(value) for value in (*means, finite_mean(means))]
        return (data_set, name, *cells)

    rows = []
    for data_set, members in groups.items():
        rows += [row(data_set, one + _dagger(result, one), [one]) for one in members]
        if len(members) > 1 and len(groups) > 1:
            rows.append(row(data_set, "average", members))
    if len(values) > 1:
        rows.append(row("all", "average", list(values)))
    columns = ("training data", *table.columns, "average")
    return replace(table, columns=columns, rows=tuple(rows))


def observed_accuracy(folder: Path) -> dict[str, dict[tuple[str, str], float]]:
    """Return by group of people, then by classifier and label, the accuracy that an observation measured.

    Raises:
        StoreError: the folder holds no observation, or one of its files has changed.
    """
    path = folder / "accuracy.csv"
    require_undamaged(folder, StoreError, "observe again with this --out")
    try:
        text = files.read_text(path, StoreError, what="table of an observation")
        rows = list(csv.DictReader(text.splitlines()))
        groups: dict[str, dict[tuple[str, str], float]] = {}
        for row in rows:
            groups.setdefault(row["group"], {})[row["classifier"], row["label"]] = float(row["accuracy"])
    except (StoreError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise StoreError(f"{folder} holds no observation of photographs: {path.name}: {error}") from None
    return groups


def _fact(result: AuditResult, classifier: str, key: str) -> str:
    return str(result.data.attrs["classifiers"].get(classifier, {}).get(key, "unknown"))


def _dagger(result: AuditResult, classifier: str) -> str:
    card = {row["name"]: row for row in classify.describe()}.get(classifier)
    return NOT_PUBLISHED if card is not None and card["weights"] == "train" else ""


def as_csv(table: Table) -> str:
    """Return the table as CSV text."""
    names, *rows = [[spreadsheet_cell(value) for value in row] for row in (table.columns, *table.rows)]
    return csv_text(names, rows)


def as_latex(table: Table) -> str:
    """Return the table as a LaTeX `table` with `booktabs` rules."""
    columns = "l" * table.left + "r" * (len(table.columns) - table.left)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped(table.caption)}}}",
        rf"  \label{{tab:{table.name}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        f"    {' & '.join(map(escaped, table.columns))} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(map(escaped, row))} \\\\" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "<": "$<$",
    ">": "$>$",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def escaped(text: str) -> str:
    """Return text for LaTeX: special characters, and signs that its fonts lack, are escaped."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)
