"""What an audit is: one frozen dataclass, the same in Python, TOML and on the command line."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from jaxface.core.checks import Ge, Interval, OneOf, check, require
from jaxface.core.errors import ConfigError, LabelError
from jaxface.core.types import BASE_EXPRESSIONS, EXPRESSIONS, expression_name, split_labels
from jaxface.face.config import HeadConfig
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig
from jaxface.stats import CORRECTIONS, ESTIMATORS, SCHEMES
from jaxface.stats.registry import Unit

if TYPE_CHECKING:
    from jaxface.classify import Classifier
    from jaxface.face import FaceParams
    from jaxface.interventions import Intervention

    ClassifierLike = str | Classifier
    InterventionLike = str | Intervention
    PeopleLike = str | FaceParams
else:
    ClassifierLike = InterventionLike = PeopleLike = str  # what a TOML file and a flag can hold


@dataclass(frozen=True)
class AuditConfig(HeadConfig):
    """If only the symmetry of the face changes, how do these classifiers' answers change?

    In Python `head` may also be a `FaceModel`, `classifiers` may hold `Classifier` objects, `people` may be
    `FaceParams` with a leading axis, and `intervention` may be an `Intervention`, which then has settings of
    its own.
    """

    classifiers: tuple[ClassifierLike, ...] = ("face-api", "fer-mini-xception")
    """Names (`jaxface classifiers` lists them), folders with a card.toml, hf:OWNER/NAME, or .onnx files."""

    labels: tuple[str, ...] = ()
    """Of an .onnx file among the classifiers: a label for each output, in order, such as
    happiness,sadness,other."""

    identities: Annotated[int, Ge(1)] = 200
    """How many people are sampled from the head's population, or taken of `people` if it has more."""

    people: PeopleLike | None = None
    """A file of people instead: .npz, .npy, .json or .csv with shape and texture codes, or a folder of them;
    none = sampled. The run notes what was read."""

    people_rows: tuple[Annotated[int, Ge(0)], ...] = ()
    """Which rows of `people`, from 0; none = from the first."""

    expressions: tuple[str, ...] = BASE_EXPRESSIONS
    """Outputs that are audited; a classifier that has no such output is left out there."""

    expression_from: str | None = None
    """Folder of a finished audit of the same people, head and classifiers: its full expressions are shown
    again, and none is searched. None = searched on the unchanged face."""

    expression_of: str | None = None
    """A classifier of `expression_from`, whose expressions are shown to all: the same faces for each.
    None = each classifier's own."""

    intervention: InterventionLike | tuple[InterventionLike, ...] = "symmetry"
    """What is changed about the face: "symmetry" freezes the expression of one side. docs/interventions.md
    has the others, such as "palsy", "skin_tone", "yaw", "light", "blur" and "null". Several are run one by one
    on the same people and expressions; "symmetry x skin_tone" crosses two."""

    intervention_settings: dict[str, bool | int | float | str] = field(default_factory=dict)
    """Settings of the intervention by name, such as steps = 7 or largest = 20: a table in a file, pairs as a
    flag (`--intervention-settings steps 7`). Of several: "steps" for all that have it, "yaw.steps" for one."""

    side: Literal["left", "right"] = "left"
    """The side that is changed, where one is: the subject's own left or right."""

    symmetry_steps: Annotated[int, Ge(2)] = 10
    """Equidistant degrees of symmetry from 0 (frozen) to 1 (untouched)."""

    time_steps: Annotated[int, Ge(2)] = 90
    """Equidistant steps from neutral (0) to the full expression (1)."""

    permutations: Annotated[int, Ge(1)] = 10_000
    """Shuffles of the significance test."""

    scheme: Annotated[str, OneOf(SCHEMES)] = "per-time"
    """How answers are shuffled: "per-time" (the paper's), "whole-row" or "slope" (recommended: exact level)."""

    estimator: Annotated[str, OneOf(ESTIMATORS)] = "gradient"
    """Which change the score is: "gradient" (the paper's), "gradient-2", "slope", "endpoints" or "area"."""

    unit: Unit = "step"
    """The score is the change per "step" of the grid (the paper's), or over the "range" of all levels."""

    p_estimate: Literal["valid", "paper"] = "valid"
    """p = (b + 1) / (K + 1), or the paper's b / K."""

    alpha: Annotated[float, Interval(gt=0, lt=1)] = 0.05
    """Error level of one classifier and expression, over identities."""

    correction: Annotated[str, OneOf(CORRECTIONS)] = "holm"
    """For many people: "holm" limits the chance of any false alarm, "benjamini-hochberg" their share."""

    reached_probability: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    """A person's unchanged face reaches the target where it is the top class with at least this probability.
    What fewer than half of the people reach is not measurable: it counts in no verdict."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """What the classifiers compute in; `jaxface bench audit` says what bfloat16 changes."""

    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    """All random numbers follow from it."""

    search: SearchConfig = field(default_factory=SearchConfig)
    """How the full expression of each person is searched."""

    render: RenderConfig = field(default_factory=RenderConfig)
    """How faces are rendered."""

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "expressions", _expressions(self.expressions))
        object.__setattr__(self, "classifiers", _classifiers(self.classifiers))
        object.__setattr__(self, "labels", split_labels(self.labels))
        has_onnx = any(str(one).lower().endswith(".onnx") for one in self.classifiers if isinstance(one, str))
        require(
            has_onnx or not self.labels, "labels", self.labels, "() without an .onnx file among classifiers"
        )
        require(
            self.expression_of is None or self.expression_from is not None,
            "expression_of",
            self.expression_of,
            "None without expression_from",
        )
        object.__setattr__(self, "people_rows", tuple(self.people_rows))
        if isinstance(self.intervention, tuple | list):
            object.__setattr__(self, "intervention", _several("intervention", self.intervention))
        require(
            not self.people_rows or self.people is not None,
            "people_rows",
            self.people_rows,
            "() without people",
        )
        is_distinct = len(set(self.people_rows)) == len(self.people_rows)
        require(is_distinct, "people_rows", self.people_rows, "different rows: nobody counts twice")


def _several(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str):
        raise ConfigError(f"{name} = {values!r}: must be a list; write {name} = ({values!r},)")
    if not isinstance(values, Iterable):
        raise ConfigError(f"{name}: got one {type(values).__name__}, must be a list; write {name}=[...]")
    values = tuple(values)
    if not values:
        raise ConfigError(f"{name} = (): must name at least one")
    for index, value in enumerate(values):
        if any(value is other or (isinstance(value, str) and value == other) for other in values[:index]):
            raise ConfigError(f"{name} holds {value!r} twice")
    return values


def _classifiers(values: Any) -> tuple[Any, ...]:
    if isinstance(values, Path) or (callable(values) and not hasattr(values, "card")):
        values = (values,)
    values = tuple(str(one) if isinstance(one, Path) else one for one in _several("classifiers", values))
    for one in values:
        if not (isinstance(one, str) or hasattr(one, "card")):
            from jaxface.classify.registry import no_classifier  # slow to import, and seldom needed

            raise no_classifier(one)
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
