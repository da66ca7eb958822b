"""The paper's tables for one run, as CSV and LaTeX."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jaxface.audit import AuditResult
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


def paper_tables(result: AuditResult, rows: list[ScoreRow]) -> list[Table]:
    """Return Tables 2 to 5, every score with its interval, the tests, the transfer and the search."""
    config, wording = result.config, result.intervention.wording
    dose = result.intervention.axes[0]
    expressions = tuple(names(result.data, "expression"))
    classifiers = names(result.data, "classifier")
    by_key = {(row.classifier, row.expression): row for row in rows}

    def wide(name: str, caption: str, show: Callable[[ScoreRow], str]) -> Table:
        cells = tuple(
            (c, *(show(by_key[c, e]) if by_key[c, e].cell.has_score else "–" for e in expressions))
            for c in classifiers
        )
        return Table(name, caption, ("classifier", *expressions), cells)

    several = [
        wide(
            "table2-scores",
            f"Mean change of the probability per {config.unit} of {dose.name}; n. m.: not measurable, "
            "as the target was not reached.",
            lambda row: f"{row.cell.score:+.4f}" if row.is_measurable else "n. m.",
        ),
        wide(
            "table3-significant",
            f"People whose score is significant at {config.alpha:g} after {correction(result)} correction, of "
            f"{config.identities}.",
            lambda row: str(row.cell.significant) if row.is_measurable else "n. m.",
        ),
    ]
    for index, level in enumerate(result.intervention.probe_levels):
        several.append(
            wide(
                f"table4-accuracy-{dose.symbol}{level:g}",
                f"Accuracy at full expression, {dose.name} {level:g}.",
                partial(_accuracy, index=index),
            )
        )
    several.append(
        wide(
            "table5-activation",
            f"Probability of {wording.unchanged_face} faces at full expression, mean over people.",
            lambda row: fixed(row.cell.activation),
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


def _accuracy(row: ScoreRow, index: int) -> str:
    return percent(row.accuracy[index])


def as_csv(table: Table) -> str:
    """Return the table as CSV text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return buffer.getvalue()


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
    "<": "$<$",
    ">": "$>$",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def escaped(text: str) -> str:
    """Return text for LaTeX: special characters, and signs that its fonts lack, are escaped."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)
