"""Print the tables of docs/interventions.md from the folder of a survey.

python -m tools.survey_tables runs/survey
"""

import sys
from pathlib import Path

import pandas

MEAN = "all"
"""The row of an intervention that is the mean over expressions."""


def rows_of(folder: Path, table: str) -> pandas.DataFrame:
    """Return a table of a survey; "null" is a name there, not a missing value."""
    return pandas.read_csv(folder / f"{table}.csv", keep_default_na=False, na_values=[""])


def points(value: float) -> str:
    """Return a change of probability in points, with its sign."""
    digits = 0 if abs(value) >= 0.0995 else 1
    return f"{100 * value:+.{digits}f}".replace("-", "−")


def star(p_value: float) -> str:
    """Return a mark where a corrected p-value is no chance."""
    return "\\*" if p_value < 0.05 else ""


def means(effects: pandas.DataFrame) -> str:
    """Return each intervention's mean effect over the expressions, with interval and flips, by classifier."""
    classifiers = list(dict.fromkeys(effects["classifier"]))
    head = "".join(f" {name} | flips |" for name in classifiers)
    lines = [f"| intervention |{head} far end |", "|---|" + "---|---|" * len(classifiers) + "---|"]
    for name, group in effects[effects["expression"] == MEAN].groupby("intervention", sort=False):
        cells = []
        for row in group.itertuples():
            change = f"{points(row.mean)}{star(row.adjusted_p)} ({points(row.low)} to {points(row.high)})"
            cells += [change, f"{100 * row.flipped:.0f} %"]
        ends = list(dict.fromkeys(group["end"]))
        lines.append(f"| `{name}` | {' | '.join(cells)} | {', '.join(ends)} |")
    return "\n".join(lines)


def expressions(effects: pandas.DataFrame, classifier: str) -> str:
    """Return the effects of one classifier by expression."""
    own = effects[(effects["classifier"] == classifier) & (effects["expression"] != MEAN)]
    names = list(dict.fromkeys(own["expression"]))
    lines = [f"| {classifier} | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for name, group in own.groupby("intervention", sort=False):
        by_name = {
            row.expression: f"{points(row.mean)}{star(row.adjusted_p)}" if row.identities else "–"
            for row in group.itertuples()
        }
        lines.append(f"| `{name}` | {' | '.join(by_name.get(each, '–') for each in names)} |")
    return "\n".join(lines)


def interactions(contrasts: pandas.DataFrame) -> str:
    """Return the mean interactions of the crosses."""
    lines = [
        "| first, at a level of the second | classifier | alone | there | difference |",
        "|---|---|---|---|---|",
    ]
    for row in contrasts[contrasts["expression"] == MEAN].itertuples():
        interval = f"({points(row.contrast_low)} to {points(row.contrast_high)})"
        place = f"`{row.first}` at `{row.second}` {row.level:g}".replace("-", "−")
        change = f"{points(row.contrast_mean)}{star(row.adjusted_p)} {interval}"
        cells = (place, row.classifier, points(row.unchanged_mean), points(row.held_mean), change)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    folder = Path(sys.argv[1])
    effects = rows_of(folder, "interventions")
    print(means(effects), end="\n\n")
    for classifier in dict.fromkeys(effects["classifier"]):
        print(expressions(effects, classifier), end="\n\n")
    if (folder / "interactions.csv").is_file():
        print(interactions(rows_of(folder, "interactions")))


if __name__ == "__main__":
    main()
