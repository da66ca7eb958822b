"""Two runs compared: one classifier before and after, with tests within the same people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.statistics import effect_of
from jaxface.audit.summary import Effect
from jaxface.core.errors import ConfigError
from jaxface.interventions import Wording
from jaxface.report.tables import finite_mean, names, text_table
from jaxface.report.text import p_value, percent, signed
from jaxface.report.verdict import direction, effect_text


@dataclass(frozen=True)
class Change:
    """The change of one expression, or of all that both runs have.

    Attributes:
        before, after: mean score.
        difference: after minus before, within people.
        accuracy: on changed faces, before and after.
        activation: probability on unchanged faces, before and after.
    """

    expression: str
    before: float
    after: float
    difference: Effect
    accuracy: tuple[float, float]
    activation: tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """A classifier of the first run and its counterpart in the second.

    Attributes:
        before, after: their names.
        overall: the mean over expressions.
        changes: one for each expression that both have.
        direction: 1 if the effect is larger in the second run, -1 if smaller, 0 if the interval includes zero.
        sentence: the overall change, with effect, interval, p and n.
    """

    before: str
    after: str
    overall: Change
    changes: tuple[Change, ...]
    direction: int
    sentence: str

    @property
    def name(self) -> str:
        return self.before if self.before == self.after else f"{self.before} and {self.after}"


def pairs(first: AuditResult, second: AuditResult) -> list[Pair]:
    """Return the classifiers of both runs; where each run has one, these two, whatever their names.

    Raises:
        ConfigError: the runs differ in intervention, score or people, or share no classifier or expression.
    """
    people = same_people(first, second)
    before, after = (names(run.data, "classifier") for run in (first, second))
    common = [(name, name) for name in before if name in after]
    if not common and len(before) == len(after) == 1:
        common = [(before[0], after[0])]
    if not common:
        raise ConfigError(
            f"the runs share no classifier: {', '.join(before)} and {', '.join(after)}; runs of one classifier "
            "each can be compared under any names"
        )
    all_pairs = [_pair(first, second, *classifiers, people) for classifiers in common]
    valid = [pair for pair in all_pairs if pair is not None]
    if not valid:
        raise ConfigError("the runs share no expression with a score in both")
    return valid


def same_people(first: AuditResult, second: AuditResult) -> int:
    """Return the number of people, from the first on, that both runs have.

    Raises:
        ConfigError: the runs differ in intervention or score, or have different people.
    """
    before, after = (_measurement(run) for run in (first, second))
    for key in before | after:
        if before.get(key) != after.get(key):
            raise ConfigError(
                f"the runs cannot be compared: {key} is {before.get(key)!r} and {after.get(key)!r}"
            )
    count = min(len(run.data["identity"]) for run in (first, second))
    for name in ("identity_parameters", "albedo_parameters"):
        one, other = (run.data[name].isel(identity=slice(count)).values for run in (first, second))
        if one.shape != other.shape or not np.array_equal(one, other):
            raise ConfigError(
                "the runs have different people, so nothing can be paired; audit with the same head and seed"
            )
    return count


def _measurement(run: AuditResult) -> dict[str, object]:
    """Return what two runs must have in common to be compared."""
    scores = {"estimator": run.config.estimator, "unit": run.config.unit}
    return {"intervention": run.intervention.name, **run.intervention.settings, **scores}


def _pair(first: AuditResult, second: AuditResult, before: str, after: str, people: int) -> Pair | None:
    runs = (first, before), (second, after)
    expressions = [name for name in names(first.data, "expression") if name in names(second.data, "expression")]
    scores = np.stack(
        [
            run.scores.sel(classifier=name, expression=expressions)
            .transpose("expression", "identity")
            .values[:, :people]
            for run, name in runs
        ]
    )
    valid = np.isfinite(scores).all(0)
    mask = valid.any(-1)
    if not mask.any():
        return None
    labels = [name for name, keep in zip(expressions, mask, strict=True) if keep]
    scores = np.where(valid, scores, np.nan)[:, mask]

    def change(label: str, cells: Sequence[str], values: np.ndarray) -> Change:
        """Return the change of (2, N) scores, one a person, over the expressions `cells`."""
        ends = np.array([[_ends(run, name, expression) for expression in cells] for run, name in runs])
        accuracy, activation = ([finite_mean(run) for run in measure] for measure in ends.transpose(2, 0, 1))
        return Change(
            expression=label,
            before=finite_mean(values[0]),
            after=finite_mean(values[1]),
            difference=effect_of(values[1] - values[0], first.config, first.intervention.dose_range_steps),
            accuracy=(accuracy[0], accuracy[1]),
            activation=(activation[0], activation[1]),
        )

    changes = tuple(change(label, [label], scores[:, index]) for index, label in enumerate(labels))
    overall = change("all", labels, scores.mean(1))
    sign = direction(overall.difference, first)
    effect = first.intervention.wording.effect
    finding = {
        1: f"{after} {effect} more in the second run",
        0: f"No difference between the runs of {after} was found",
        -1: f"{after} {effect} less in the second run",
    }[sign]
    text = effect_text(overall.difference, first)
    sentence = f"{finding}: within people the difference of the scores is {text}."
    return Pair(before, after, overall, changes, sign, sentence)


def _ends(run: AuditResult, classifier: str, expression: str) -> tuple[float, float]:
    """Return accuracy on the most changed faces, and probability on unchanged ones."""
    accuracies = run.summary.accuracies_of(classifier, expression)
    probe = run.intervention.most_changed_probe
    return accuracies[probe].accuracy, run.summary.cell(classifier, expression).activation


def headline(all_pairs: Sequence[Pair], wording: Wording) -> str:
    """Return the first line of the page."""
    signs = {pair.direction for pair in all_pairs}
    if signs == {0}:
        return "No difference between the two runs was found"
    if len(signs) > 1:
        count = f"{sum(pair.direction < 0 for pair in all_pairs)} of {len(all_pairs)} classifiers"
        return f"The effect of {wording.noun} on {count} is smaller in the second run"
    amount = "less" if signs == {-1} else "more"
    pair = all_pairs[0]
    if len(all_pairs) > 1:
        return f"Every classifier {wording.effect} {amount} in the second run"
    if pair.before != pair.after:
        return f"{pair.after} {wording.effect} {amount} than {pair.before}"
    return f"{pair.name} {wording.effect} {amount} in the second run"


def comparison_table(first: AuditResult, second: AuditResult) -> str:
    """Return the comparison for a terminal."""
    columns = ["classifier", "expression", "before", "after", "difference", "95 % interval", "p", "people"]
    lines = []
    for pair in pairs(first, second):
        for change in (*pair.changes, pair.overall):
            effect = change.difference
            lines.append(
                [
                    pair.name,
                    change.expression,
                    signed(change.before),
                    signed(change.after),
                    signed(effect.mean),
                    f"{signed(effect.low)} .. {signed(effect.high)}",
                    p_value(effect.p_value),
                    str(effect.identities),
                ]
            )
    return text_table(columns, lines)


def shares(values: tuple[float, float]) -> str:
    """Return two shares, before and after."""
    return f"{percent(values[0])} → {percent(values[1])}"
