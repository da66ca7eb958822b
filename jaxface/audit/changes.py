"""What changed between two audits of the same people: every number that their comparison and its gate show."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from jaxface.audit.effects import effect_of, finite_mean
from jaxface.audit.result import AuditResult
from jaxface.audit.summary import Effect
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Change:
    """The change of one expression, or of all that are measurable in both runs.

    Attributes:
        before, after: mean score.
        difference: after minus before, within people; NaN where a run could not measure it.
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
class ClassifierChange:
    """A classifier of the first run and its counterpart in the second.

    Attributes:
        before, after: their names.
        overall: the mean over the expressions that both runs measured.
        expressions: one for each expression that has a score in both.
    """

    before: str
    after: str
    overall: Change
    expressions: tuple[Change, ...]

    @property
    def name(self) -> str:
        return self.before if self.before == self.after else f"{self.before} and {self.after}"


def changes_between(first: AuditResult, second: AuditResult) -> list[ClassifierChange]:
    """Return the classifiers of both runs; where each run has one, these two, whatever their names.

    Raises:
        ConfigError: the runs differ in intervention, score, head, pictures or people, or share no classifier or
            expression.
    """
    people = same_people(first, second)
    before, after = ([str(name) for name in run.data["classifier"].values] for run in (first, second))
    common = [(name, name) for name in before if name in after]
    if not common and len(before) == len(after) == 1:
        common = [(before[0], after[0])]
    if not common:
        raise ConfigError(
            f"the runs share no classifier: {', '.join(before)} and {', '.join(after)}; runs of one classifier "
            "each can be compared under any names"
        )
    rows = [_classifier_change((first, one), (second, other), people) for one, other in common]
    valid = [row for row in rows if row is not None]
    if not valid:
        raise ConfigError("the runs share no expression with a score in both")
    return valid


def same_people(first: AuditResult, second: AuditResult) -> int:
    """Return the number of people, from the first on, that both runs have.

    Raises:
        ConfigError: the runs differ in intervention, score, head or pictures, or have different people.
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
    return {
        "intervention": run.intervention.name,
        **run.intervention.settings,
        "estimator": run.config.estimator,
        "unit": run.config.unit,
        "head": run.data.attrs["head"]["sha256"],
        **{f"render.{name}": value for name, value in asdict(run.config.render).items()},
    }


def _classifier_change(
    before: tuple[AuditResult, str], after: tuple[AuditResult, str], people: int
) -> ClassifierChange | None:
    """Return the change of one classifier; None where no expression has a score in both runs.

    Args:
        before, after: a run, and the classifier's name there.
        people: the first of the run, who are in both.
    """
    runs = before, after
    first = before[0]
    in_second = set(after[0].data["expression"].values)
    labels = [str(name) for name in first.data["expression"].values if name in in_second]
    scores = np.stack([_scores(*run, labels)[:, :people] for run in runs])  # (2, X, N)
    valid = np.isfinite(scores).all(0)
    kept = np.flatnonzero(valid.any(-1))
    if not len(kept):
        return None
    labels = [labels[index] for index in kept]
    scores = np.where(valid, scores, np.nan)[:, kept]
    cells = [[run.summary.cell(name, label) for label in labels] for run, name in runs]
    measurable = np.array([one.measurable and other.measurable for one, other in zip(*cells, strict=True)])

    def change(expression: str, columns: Sequence[int], values: np.ndarray) -> Change:
        """Return the change of (2, N) scores, one a person, over the expressions in some columns."""
        accuracy, activation = (
            tuple(finite_mean([getattr(row[column], name) for column in columns]) for row in cells)
            for name in ("accuracy_changed", "activation")
        )
        is_measurable = bool(len(columns) and measurable[list(columns)].all())
        difference = values[1] - values[0] if is_measurable else np.full(people, np.nan)
        return Change(
            expression=expression,
            before=finite_mean(values[0]),
            after=finite_mean(values[1]),
            difference=effect_of(difference, first.config, first.intervention.dose_range_steps),
            accuracy=(accuracy[0], accuracy[1]),
            activation=(activation[0], activation[1]),
        )

    both = np.flatnonzero(measurable)
    means = scores[:, both].mean(1) if len(both) else np.full((2, people), np.nan)
    return ClassifierChange(
        before[1],
        after[1],
        overall=change("all", both.tolist(), means),
        expressions=tuple(change(name, [index], scores[:, index]) for index, name in enumerate(labels)),
    )


def _scores(run: AuditResult, classifier: str, expressions: Sequence[str]) -> np.ndarray:
    """Return (X, N) scores."""
    scores = run.scores.sel(classifier=classifier, expression=list(expressions))
    return np.asarray(scores.transpose("expression", "identity").values)
