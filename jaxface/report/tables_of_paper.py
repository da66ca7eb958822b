"""The paper's tables of one run, as CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from jaxface.audit.result import AuditResult
from jaxface.report import tables
from jaxface.report.tables import ScoreRow, names
from jaxface.report.text import fixed, percent


@dataclass(frozen=True)
class Table:
    """Names on the left, numbers on the right.

    Attributes:
        name: of its file, without an ending.
        columns: their heads.
        rows: as text, each as long as `columns`.
        left: how many columns hold names.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def paper_tables(result: AuditResult, rows: list[ScoreRow]) -> list[Table]:
    """Tables 2 to 5, every score with its interval, the tests, the transfer and the search."""
    config = result.config
    expressions = tuple(names(result.data, "expression"))
    classifiers = names(result.data, "classifier")
    found = {(row.classifier, row.expression): row for row in rows}

    def wide(name: str, caption: str, show) -> Table:  # type: ignore[no-untyped-def]
        cells = tuple(
            (c, *(show(found[c, e]) if found[c, e].known else "–" for e in expressions)) for c in classifiers
        )
        return Table(name, caption, ("classifier", *expressions), cells)

    checked = [float(value) for value in result.data["checked_symmetry"].values]
    made = [
        wide(
            "table2-scores",
            f"Mean change of the probability per {config.unit} of symmetry.",
            lambda row: f"{row.score:+.4f}",
        ),
        wide(
            "table3-significant",
            f"People whose score is significant at {config.alpha:g} after correction, of {config.identities}.",
            lambda row: str(row.significant),
        ),
    ]
    for index, symmetry in enumerate(checked):
        made.append(
            wide(
                f"table4-accuracy-s{symmetry:g}",
                f"Share of faces at full expression whose first answer is it, symmetry {symmetry:g}.",
                lambda row, index=index: percent(row.accuracy[index]),
            )
        )
    made.append(
        wide(
            "table5-activation",
            "Probability reached with a whole face at full expression, mean over people.",
            lambda row: fixed(row.activation),
        )
    )
    made.append(
        Table(
            "intervals",
            "Scores with 95 % BCa intervals over people.",
            ("classifier", "expression", "score", "low", "high", "significant", "people"),
            tuple(
                (
                    row.classifier,
                    row.expression,
                    *(f"{value:+.4f}" for value in (row.score, row.low, row.high)),
                    str(row.significant),
                    str(row.known),
                )
                for row in rows
                if row.known
            ),
            left=2,
        )
    )
    made.append(
        Table(
            "tests",
            "People who are significant under each scheme; p-value of the population by sign flips.",
            ("classifier", "expression", *names(result.data, "scheme"), "people", "population p"),
            tuple(
                (
                    row.classifier,
                    row.expression,
                    *map(str, row.significant),
                    str(row.known),
                    f"{row.population_p:.2g}",
                )
                for row in tables.scheme_rows(result)
            ),
            left=2,
        )
    )
    if len(classifiers) > 1:
        made.append(
            Table(
                "transfer",
                "Mean probability that each classifier gives the faces found for another.",
                ("found for", "expression", *classifiers),
                tuple(
                    (row.finder, row.expression, *(fixed(cell.probability) for cell in row.cells))
                    for row in tables.transfer_rows(result)
                ),
                left=2,
            )
        )
    made.append(
        Table(
            "search",
            "How the expressions were found.",
            tables.SEARCH_COLUMNS,
            tuple(tables.search_rows(result)),
            left=2,
        )
    )
    return made


def as_csv(table: Table) -> str:
    """The table as CSV text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return buffer.getvalue()


def as_latex(table: Table) -> str:
    """The table as a LaTeX `table` with `booktabs` rules."""
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
    """Text for LaTeX: what has a meaning there, and signs that its fonts lack, are spelled out."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)
