"""What a run's Zarr store holds: dimensions, variables, and how they are cut into files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from jaxface.audit.plan import WorkItem
from jaxface.core.types import EXPRESSIONS, action_unit, is_examined
from jaxface.interventions import Axis, Intervention, Wording
from jaxface.stats import SCHEMES

SCHEMA = 4
"""Version of what is below; it rises with every change of a name, a dimension or a meaning."""


class CellStatus(IntEnum):
    """What became of a cell: one classifier, expression and identity."""

    PENDING = -1
    """Not reached yet."""
    DONE = 0
    SKIPPED = 1
    """The classifier has no such output."""
    SEARCH_FAILED = 2
    """The search found no face with a finite answer."""
    NOT_FINITE = 3
    """An answer on the surface is NaN or infinite."""
    CLASSIFIER_FAILED = 4
    """The classifier raised an error, or returned no scores; `failure` holds its words."""


class Variable(NamedTuple):
    """One array of the store.

    Attributes:
        dimensions: names; `DOSE` and `TIME` stand for the axes of the intervention.
        dtype: NumPy's name.
        fill: what stands there before anything is written.
        description: for the reader of the file.
        split: dimensions along which every file holds a single entry: a file is what is written at once.
    """

    dimensions: tuple[str, ...]
    dtype: str
    fill: Any
    description: str
    split: tuple[str, ...]


POSITION = "position in `answer` of"
"""How the descriptions of such variables begin."""

DOSE, TIME = "<dose>", "<time>"
_CELL = ("classifier", "expression", "identity")
_NAN = float("nan")


def _surface(dtype: str, fill: Any, description: str) -> Variable:
    return Variable((*_CELL, DOSE, TIME), dtype, fill, description, split=_CELL)


def _cell(dtype: str, fill: Any, description: str, *dimensions: str) -> Variable:
    return Variable((*_CELL, *dimensions), dtype, fill, description, split=("classifier", "identity"))


def _person(dtype: str, fill: Any, description: str, *dimensions: str) -> Variable:
    return Variable(("identity", *dimensions), dtype, fill, description, split=("identity",))


def _statistic(description: str, *dimensions: str) -> Variable:
    return Variable((*_CELL, *dimensions), "float64", _NAN, description, split=("classifier",))


SURFACES: dict[str, Variable] = {
    "probability": _surface("float32", _NAN, "answer for the target expression"),
    "logit": _surface("float32", _NAN, "answer before softmax or sigmoid"),
    "top_class": _surface("int8", -1, f"{POSITION} the top class"),
}

CELLS: dict[str, Variable] = {
    "expression_parameters": _cell("float32", _NAN, "result of the search", "parameter"),
    "probe_probability": _cell("float32", _NAN, "all answers at full expression", "probe", "answer"),
    "probe_top_class": _cell("int8", -1, f"{POSITION} the top class there", "probe"),
    "evaluator_probability": _cell(
        "float32", _NAN, "answer of each classifier for the target on the unchanged face", "evaluator"
    ),
    "evaluator_top_class": _cell("int8", -1, f"{POSITION} its top class", "evaluator"),
    "search_probability": _cell("float32", _NAN, "target's probability as searched"),
    "search_probability_shifted": _cell("float32", _NAN, "mean under sub-pixel shifts"),
    "search_probability_shifted_min": _cell("float32", _NAN, "lowest under sub-pixel shifts"),
    "search_forward_calls": _cell("int32", 0, "renders classified"),
    "search_gradient_calls": _cell("int32", 0, "renders with gradient"),
    "search_share_at_bound": _cell("float32", _NAN, "share of coefficients on the box"),
    "search_norm": _cell("float32", _NAN, "norm of the coefficients in deviations"),
    "search_excess": _cell("float32", _NAN, "largest activation outside [0, 1]"),
    "search_status": _cell("int8", -1, "jaxface.search.Status"),
    "search_cpu_seconds": _cell("float32", _NAN, "process time; differs from run to run"),
    "status": _cell("int8", int(CellStatus.PENDING), "jaxface.audit.CellStatus"),
    "failure": _cell("string", "", "the classifier's error, where it raised one"),
}

PEOPLE: dict[str, Variable] = {
    "identity_parameters": _person("float32", _NAN, "identity coefficients", "shape"),
    "albedo_parameters": _person("float32", _NAN, "albedo coefficients", "colour"),
    "population": _person("int16", -1, "position in the attribute `populations`"),
}

DONE = _cell("bool", False, "written last: the cell is complete")

STATISTICS: dict[str, Variable] = {
    "score": _statistic("change of probability with the dose: Eq. 6 of Facing Asymmetry"),
    "p_value": _statistic("permutation test of the run's scheme"),
    "adjusted_p_value": _statistic("that p-value, corrected for all identities"),
    "scheme_p_value": _statistic("permutation test of every scheme", "scheme"),
    "mean_probability": _statistic("mean of the surface"),
}

VARIABLES: dict[str, Variable] = {**SURFACES, **CELLS, **PEOPLE, **STATISTICS, "done": DONE}


class GroupOutput(NamedTuple):
    """What the store keeps of one work item.

    Attributes:
        cells: the variables of `SURFACES` and `CELLS`, a row for each of the item's expressions.
        person: the variables of `PEOPLE`.
    """

    item: WorkItem
    cells: Mapping[str, np.ndarray]
    person: Mapping[str, Any]


@dataclass(frozen=True)
class InterventionRecord:
    """What the store keeps of an intervention: all that is needed to read and report a run without it.

    Attributes:
        axes: dose and time.
        settings: its description, JSON-ready; equal settings mean equal pictures.
    """

    name: str
    axes: tuple[Axis, Axis]
    probe_levels: tuple[float, ...]
    wording: Wording
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, intervention: Intervention) -> InterventionRecord:
        """Return the record of an intervention."""
        return cls(
            intervention.name,
            intervention.axes,
            intervention.probe_levels,
            intervention.wording,
            intervention.description(),
        )

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> InterventionRecord:
        """Return the record that `to_attributes` wrote."""
        dose, time = (
            Axis(**{**axis, "levels": tuple(axis["levels"]), "ends": tuple(axis["ends"])})
            for axis in attributes["axes"]
        )
        return cls(
            attributes["name"],
            (dose, time),
            tuple(attributes["probe_levels"]),
            Wording(**attributes["wording"]),
            attributes["settings"],
        )

    def to_attributes(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return {
            "name": self.name,
            "axes": [
                {**asdict(axis), "levels": list(axis.levels), "ends": list(axis.ends)} for axis in self.axes
            ],
            "probe_levels": list(self.probe_levels),
            "wording": asdict(self.wording),
            "settings": dict(self.settings),
        }

    @property
    def unchanged_dose(self) -> int:
        """Position of the dose at which the face is unchanged."""
        return _position(self.axes[0].levels, self.axes[0].unchanged)

    @property
    def unchanged_probe(self) -> int:
        """Position of that dose among the probe levels."""
        return _position(self.probe_levels, self.axes[0].unchanged)

    @property
    def most_changed_probe(self) -> int:
        """Position of the probe level farthest from it."""
        return int(np.argmax(np.abs(np.array(self.probe_levels) - self.axes[0].unchanged)))

    @property
    def most_changed_dose(self) -> int:
        """Position of that level, or of the one nearest to it, among the doses."""
        level = self.probe_levels[self.most_changed_probe]
        return int(np.argmin(np.abs(np.array(self.axes[0].levels) - level)))

    @property
    def dose_range_steps(self) -> int:
        """Steps from the first dose to the last."""
        return len(self.axes[0].levels) - 1


def _position(levels: Sequence[float], level: float) -> int:
    """Return the position of a level among float32 levels.

    Raises:
        ValueError: it is not among them.
    """
    for index, other in enumerate(levels):
        if math.isclose(other, level, rel_tol=1e-6, abs_tol=1e-6):
            return index
    raise ValueError(f"{level} is not among the levels {levels}")


@dataclass(frozen=True)
class Layout:
    """The sizes and the names along each dimension of one run's store.

    Attributes:
        classifiers, expressions: names.
        answers: names of all that may be answered: `answer_names` of the classifiers' labels.
        identities: N.
        intervention: gives the dimensions of dose and time, and the probe levels.
        parameters, shapes, colours: how many expression, identity and albedo coefficients.
        attributes: facts of classifiers and head, JSON-ready; they must match when a run is resumed.
    """

    classifiers: tuple[str, ...]
    expressions: tuple[str, ...]
    answers: tuple[str, ...]
    identities: int
    intervention: InterventionRecord
    parameters: int
    shapes: int
    colours: int
    attributes: dict[str, Any]

    @property
    def all_attributes(self) -> dict[str, Any]:
        """Everything that describes the store's content."""
        return {
            "schema": SCHEMA,
            "schemes": list(SCHEMES),
            "intervention": self.intervention.to_attributes(),
            **self.attributes,
        }

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """Values along the dimensions that have names or levels."""
        text = np.dtypes.StringDType()
        dose, time = self.intervention.axes
        return {
            "classifier": np.array(self.classifiers, dtype=text),
            "expression": np.array(self.expressions, dtype=text),
            "identity": np.arange(self.identities),
            dose.name: dose.values,
            time.name: time.values,
            "probe": np.array(self.intervention.probe_levels, np.float32),
            "answer": np.array(self.answers, dtype=text),
            "evaluator": np.array(self.classifiers, dtype=text),
            "scheme": np.array(list(SCHEMES), dtype=text),
        }

    def dimensions(self, variable: Variable) -> tuple[str, ...]:
        """Return the names of the variable's dimensions in this run."""
        dose, time = self.intervention.axes
        axis_names = {DOSE: dose.name, TIME: time.name}
        return tuple(axis_names.get(name, name) for name in variable.dimensions)

    def dtype(self, variable: Variable) -> np.dtype:
        """Return the variable's type: positions among many answers need more than a byte."""
        dtype = np.dtype(variable.dtype) if variable.dtype != "string" else np.dtypes.StringDType()
        is_position = variable.description.startswith(POSITION)
        return np.result_type(dtype, np.min_scalar_type(-len(self.answers))) if is_position else dtype

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Return the variable's full shape."""
        sizes = {name: len(values) for name, values in self.coordinates.items()}
        sizes |= {"parameter": self.parameters, "shape": self.shapes, "colour": self.colours}
        return tuple(sizes[name] for name in self.dimensions(variable))

    def chunks(self, variable: Variable) -> tuple[int, ...]:
        """Return the shape of what lies in one file."""
        sizes = zip(variable.dimensions, self.shape(variable), strict=True)
        return tuple(1 if dimension in variable.split else max(size, 1) for dimension, size in sizes)


def identifying_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that must match when a run is resumed: all but the words of the intervention."""
    intervention = attributes.get("intervention")
    if intervention is None:
        return dict(attributes)
    axes = [{key: axis[key] for key in ("name", "levels", "unchanged")} for axis in intervention["axes"]]
    pictures = {name: intervention[name] for name in ("name", "probe_levels", "settings")}
    return {**attributes, "intervention": {**pictures, "axes": axes}}


RESERVED_DIMENSIONS = frozenset(
    {name for variable in VARIABLES.values() for name in variable.dimensions} - {DOSE, TIME} | VARIABLES.keys()
)
"""Names that an axis of an intervention cannot have."""


def answer_names(labels: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return all names that classifiers with these labels may answer with.

    The expressions come first, then the action units that any of the classifiers detects, by number, then the
    answers that are not examined, by name.
    """
    every = {name for each in labels for name in each}
    units = [name for name in every if action_unit(name) is not None]
    others = sorted(name for name in every if not is_examined(name))
    return (*EXPRESSIONS, *sorted(units, key=lambda name: action_unit(name) or 0), *others)
