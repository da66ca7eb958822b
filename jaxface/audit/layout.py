"""What a run's Zarr store holds: dimensions, variables, and how they are cut into files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from jaxface.audit.interventions import PROBE_LEVELS
from jaxface.core.types import EXPRESSIONS, action_unit
from jaxface.stats import SCHEMES


class CellStatus(IntEnum):
    """What became of a cell: one classifier, expression and identity."""

    PENDING = -1
    """Not reached yet."""
    DONE = 0
    SKIPPED = 1
    """The classifier does not know this expression."""
    SEARCH_FAILED = 2
    """The search found no face with a finite answer."""
    NOT_FINITE = 3
    """An answer on the surface is NaN or infinite."""


class Variable(NamedTuple):
    """One array of the store.

    Attributes:
        dimensions: names.
        dtype: NumPy's name.
        fill: what stands there before anything is written.
        about: what it is, for the reader of the file.
    """

    dimensions: tuple[str, ...]
    dtype: str
    fill: Any
    about: str


_CELL = ("classifier", "expression", "identity")
_NAN = float("nan")

SURFACES: dict[str, Variable] = {
    "probability": Variable((*_CELL, "symmetry", "time"), "float32", _NAN, "answer for the target expression"),
    "logit": Variable((*_CELL, "symmetry", "time"), "float32", _NAN, "answer before softmax or sigmoid"),
    "first": Variable((*_CELL, "symmetry", "time"), "int8", -1, "position in `answer` of the top class"),
}

CELLS: dict[str, Variable] = {
    "expression_parameters": Variable((*_CELL, "parameter"), "float32", _NAN, "what the search found"),
    "checked_probability": Variable(
        (*_CELL, "checked_symmetry", "answer"), "float32", _NAN, "all answers at time 1"
    ),
    "predicted": Variable(
        (*_CELL, "checked_symmetry"), "int8", -1, "position in `answer` of the top class at time 1"
    ),
    "judge_probability": Variable(
        (*_CELL, "judge"), "float32", _NAN, "what each classifier says of the found face"
    ),
    "judge_predicted": Variable((*_CELL, "judge"), "int8", -1, "position in `answer` of its top class"),
    "search_probability": Variable(_CELL, "float32", _NAN, "target's probability as searched"),
    "search_probability_shifted": Variable(_CELL, "float32", _NAN, "mean under sub-pixel shifts"),
    "search_probability_shifted_min": Variable(_CELL, "float32", _NAN, "lowest under sub-pixel shifts"),
    "search_forward_calls": Variable(_CELL, "int32", 0, "renders looked at"),
    "search_gradient_calls": Variable(_CELL, "int32", 0, "renders with gradient"),
    "search_share_at_bound": Variable(_CELL, "float32", _NAN, "share of coefficients on the box"),
    "search_norm": Variable(_CELL, "float32", _NAN, "norm of the coefficients in deviations"),
    "search_excess": Variable(_CELL, "float32", _NAN, "largest activation outside [0, 1]"),
    "search_status": Variable(_CELL, "int8", -1, "jaxface.search.Status"),
    "search_cpu_seconds": Variable(_CELL, "float32", _NAN, "process time; differs from run to run"),
    "status": Variable(_CELL, "int8", int(CellStatus.PENDING), "jaxface.audit.CellStatus"),
}

PEOPLE: dict[str, Variable] = {
    "identity_parameters": Variable(("identity", "shape"), "float32", _NAN, "identity coefficients"),
    "albedo_parameters": Variable(("identity", "colour"), "float32", _NAN, "albedo coefficients"),
    "population": Variable(("identity",), "int16", -1, "position in the attribute `populations`"),
}

DONE = Variable(_CELL, "bool", False, "written last: the cell is complete")

STATISTICS: dict[str, Variable] = {
    "score": Variable(_CELL, "float64", _NAN, "Eq. 6, change of probability with symmetry"),
    "p_value": Variable(_CELL, "float64", _NAN, "permutation test of the run's scheme"),
    "adjusted": Variable(_CELL, "float64", _NAN, "that p-value, corrected for all identities"),
    "scheme_p_value": Variable((*_CELL, "scheme"), "float64", _NAN, "permutation test of every scheme"),
    "mean_probability": Variable(_CELL, "float64", _NAN, "mean of the surface"),
}

VARIABLES: dict[str, Variable] = {**SURFACES, **CELLS, **PEOPLE, **STATISTICS, "done": DONE}


@dataclass(frozen=True)
class Layout:
    """The sizes and the names along each dimension.

    Attributes:
        classifiers, expressions: names.
        answers: names of all that may be answered: `vocabulary` of the classifiers' labels.
        identities: N.
        symmetry, time: (S,), (T,) steps.
        parameters, shapes, colours: how many expression, identity and albedo coefficients.
        attributes: what is known of classifiers and head, JSON-ready; part of what must match on resuming.
    """

    classifiers: tuple[str, ...]
    expressions: tuple[str, ...]
    answers: tuple[str, ...]
    identities: int
    symmetry: np.ndarray
    time: np.ndarray
    parameters: int
    shapes: int
    colours: int
    attributes: dict[str, Any]

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """Values along the named dimensions."""
        text = np.dtypes.StringDType()
        return {
            "classifier": np.array(self.classifiers, dtype=text),
            "expression": np.array(self.expressions, dtype=text),
            "identity": np.arange(self.identities),
            "symmetry": self.symmetry,
            "time": self.time,
            "checked_symmetry": np.array(PROBE_LEVELS, np.float32),
            "answer": np.array(self.answers, dtype=text),
            "judge": np.array(self.classifiers, dtype=text),
            "scheme": np.array(list(SCHEMES), dtype=text),
        }

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """The variable's full shape."""
        sizes = {name: len(values) for name, values in self.coordinates.items()}
        sizes |= {"parameter": self.parameters, "shape": self.shapes, "colour": self.colours}
        return tuple(sizes[name] for name in variable.dimensions)

    def chunks(self, name: str) -> tuple[int, ...]:
        """What lies in one file: a surface a cell; of all else what is written at once, a group or a person."""
        variable = VARIABLES[name]
        whole = (
            ("expression", "identity") if name in STATISTICS else () if name in SURFACES else ("expression",)
        )
        single = {"classifier", "expression", "identity"} - set(whole)
        return tuple(
            1 if dimension in single else max(size, 1)
            for dimension, size in zip(variable.dimensions, self.shape(variable), strict=True)
        )


def answer_names(labels: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All names that classifiers with these labels may answer with: the expressions, and after them the action
    units that any of them detects, by number."""
    units = {name for each in labels for name in each if action_unit(name) is not None}
    return (*EXPRESSIONS, *sorted(units, key=lambda name: action_unit(name) or 0))
