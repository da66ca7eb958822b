"""Two runs side by side: one classifier before and after, with tests on the same people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.core.errors import ConfigError
from jaxface.report.tables import mean, names, text_table
from jaxface.report.text import p_value, percent, signed
from jaxface.report.verdict import Effect, effect_of

_SAME = ("symmetry_steps", "estimator", "unit", "side")


@dataclass(frozen=True)
class Change:
    """What became of one expression, or of all that both know.

    Attributes:
        before, after: mean score.
        difference: after less before, within people.
        first: share of first answers with a side frozen, before and after.
        activation: probability on a whole face, before and after.
    """

    expression: str
    before: float
    after: float
    difference: Effect
    first: tuple[float, float]
    activation: tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """A classifier of the first run and its counterpart in the second.

    Attributes:
        changes: for each expression that both know; `whole` is their mean.
    """

    before: str
    after: str
    whole: Change
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        return self.before if self.before == self.after else f"{self.before} and {self.after}"

    @property
    def sentence(self) -> str:
        """What changed, with effect, interval, p and n."""
        said = {
            1: f"{self.after} leans on symmetry more in the second run",
            0: f"{self.after} is not surely different in the second run",
            -1: f"{self.after} leans on symmetry less in the second run",
        }[self.whole.difference.direction]
        return f"{said}: the score's difference within people is {self.whole.difference.figures}."


def pairs(first: AuditResult, second: AuditResult) -> list[Pair]:
    """The classifiers that both runs hold; where each holds one, these two, whatever they are called.

    Raises:
        ConfigError: the runs measured other things, on other people, or share no classifier or expression.
    """
    people = same_people(first, second)
    known, others = (names(run.data, "classifier") for run in (first, second))
    shared = [(name, name) for name in known if name in others]
    if not shared and len(known) == len(others) == 1:
        shared = [(known[0], others[0])]
    if not shared:
        raise ConfigError(
            f"the runs share no classifier: {', '.join(known)} and {', '.join(others)}; runs of one classifier "
            "each are compared under any names"
        )
    found = [pair for before, after in shared if (pair := _pair(first, second, before, after, people))]
    if not found:
        raise ConfigError("the runs share no expression that was examined in both")
    return found


def same_people(first: AuditResult, second: AuditResult) -> int:
    """How many people, from the first on, both runs examined.

    Raises:
        ConfigError: what was measured differs, or the people do.
    """
    for key in _SAME:
        values = [getattr(run.config, key) for run in (first, second)]
        if values[0] != values[1]:
            raise ConfigError(f"the runs measured other things: {key} is {values[0]!r} and {values[1]!r}")
    count = min(len(run.data["identity"]) for run in (first, second))
    for name in ("identity_parameters", "albedo_parameters"):
        values = [run.data[name].isel(identity=slice(count)).values for run in (first, second)]
        if values[0].shape != values[1].shape or not np.array_equal(*values):
            raise ConfigError(
                "the runs examined other people, so nothing can be paired; audit with the same head and seed"
            )
    return count


def _pair(first: AuditResult, second: AuditResult, before: str, after: str, people: int) -> Pair | None:
    runs = ((first, before), (second, after))
    expressions = [name for name in names(first.data, "expression") if name in names(second.data, "expression")]
    scores = np.stack(
        [
            run.scores.sel(classifier=name, expression=expressions)
            .transpose("expression", "identity")
            .values[:, :people]
            for run, name in runs
        ]
    )
    known = np.isfinite(scores).all(0).any(-1)
    if not known.any():
        return None
    some = [name for name, one in zip(expressions, known, strict=True) if one]
    scores = np.where(np.isfinite(scores).all(0), scores, np.nan)[:, known]

    def change(label: str, which: list[str], values: np.ndarray) -> Change:
        def of(variable: str, **where: object) -> tuple[float, float]:
            pair = [
                mean(getattr(run, variable).sel(classifier=name, expression=which).isel(**where).values)
                for run, name in runs
            ]
            return pair[0], pair[1]

        difference = effect_of(first, values[1] - values[0])
        first_answers = of("accuracy", checked_symmetry=0)
        return Change(label, mean(values[0]), mean(values[1]), difference, first_answers, of("activation"))

    changes = tuple(change(label, [label], scores[:, index]) for index, label in enumerate(some))
    return Pair(before, after, change("all", some, scores.mean(1)), changes)


def headline(found: list[Pair]) -> str:
    """The page's first line."""
    ways = {pair.whole.difference.direction for pair in found}
    whose = found[0].name if len(found) == 1 else "All classifiers"
    verb = "leans" if len(found) == 1 and found[0].before == found[0].after else "lean"
    if ways == {0}:
        return "The second run is not surely different from the first"
    if len(ways) == 1:
        amount = "less" if ways == {-1} else "more"
        if len(found) == 1 and found[0].before != found[0].after:
            return f"{found[0].after} leans on facial symmetry {amount} than {found[0].before}"
        return f"{whose} {verb} on facial symmetry {amount} in the second run"
    fewer = sum(pair.whole.difference.direction < 0 for pair in found)
    return f"{fewer} of {len(found)} classifiers lean on facial symmetry less in the second run"


def comparison_table(first: AuditResult, second: AuditResult) -> str:
    """The comparison for a terminal."""
    columns = ["classifier", "expression", "before", "after", "difference", "95 % interval", "p", "people"]
    lines = []
    for pair in pairs(first, second):
        for change in (*pair.changes, pair.whole):
            effect = change.difference
            lines.append(
                [
                    pair.name,
                    change.expression,
                    signed(change.before),
                    signed(change.after),
                    signed(effect.mean),
                    f"{signed(effect.low)} .. {signed(effect.high)}",
                    p_value(effect.p),
                    str(effect.people),
                ]
            )
    return text_table(columns, lines)


def shares(values: tuple[float, float]) -> str:
    """Two shares, before and after."""
    return f"{percent(values[0])} → {percent(values[1])}"
