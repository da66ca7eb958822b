"""Signed graphs among action units, and from action units to expressions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxface.core.errors import LabelError, ShapeError

_ROUNDING = 1e-6  # a weight may pass 1 by so much: tanh in float32


class Edge(NamedTuple):
    """One edge; a unit is its number, an expression its name. weight: in [-1, 1], not 0."""

    source: int
    target: int | str
    weight: float


@dataclass(frozen=True, eq=False)
class SignedGraph:
    """Directed edges with a sign: above 0 the source excites its target, below 0 it inhibits it.

    The paper's matrices (Eq. 3) hold targets in rows; these are their transposes.

    Attributes:
        units: U numbers of action units.
        expressions: E names; () = a graph among units alone.
        between: (U, U) float64 in [-1, 1], from the unit of a row to that of a column; the diagonal is 0.
        to_expressions: (U, E) float64 in [-1, 1], from the unit of a row to the expression of a column.

    Raises:
        ShapeError: arrays of other shapes, weights out of range or not finite, a unit that causes itself.
        LabelError: a unit or an expression is named twice.
    """

    units: tuple[int, ...]
    expressions: tuple[str, ...]
    between: np.ndarray
    to_expressions: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(int(unit) for unit in self.units))
        object.__setattr__(self, "expressions", tuple(self.expressions))
        for named in (self.units, self.expressions):
            if len(set(named)) != len(named):
                raise LabelError(f"nodes of a graph are {list(named)}, each may be named once")
        count = len(self.units)
        for name, shape in (("between", (count, count)), ("to_expressions", (count, len(self.expressions)))):
            object.__setattr__(self, name, _weights(name, getattr(self, name), shape))
        if np.diagonal(self.between).any():
            raise ShapeError("between has weights on its diagonal, no unit causes itself; set them to 0")

    def edges(self) -> Iterator[Edge]:
        """Every weight that is not 0, row by row; those between units first."""
        for targets, weights in ((self.units, self.between), (self.expressions, self.to_expressions)):
            for row, column in np.argwhere(weights):
                yield Edge(self.units[row], targets[column], float(weights[row, column]))


def empty(units: Sequence[int], expressions: Sequence[str] = ()) -> SignedGraph:
    """The graph without edges."""
    count = len(units)
    return SignedGraph(
        tuple(units), tuple(expressions), np.zeros((count, count)), np.zeros((count, len(expressions)))
    )


def thresholded(graph: SignedGraph, at: float) -> SignedGraph:
    """The edges of magnitude `at` or above, as strong as they were; `at` in [0, 1]."""
    between, to_expressions = (
        np.where(np.abs(weights) >= at, weights, 0.0) for weights in (graph.between, graph.to_expressions)
    )
    return SignedGraph(graph.units, graph.expressions, between, to_expressions)


def strongest(graph: SignedGraph, between: int, to_expressions: int) -> SignedGraph:
    """So many strongest edges of each kind; of equal ones those of the first rows and columns.

    No edge of weight 0 is chosen, so that a graph of fewer edges keeps fewer.
    """
    return SignedGraph(
        graph.units,
        graph.expressions,
        _strongest(graph.between, between),
        _strongest(graph.to_expressions, to_expressions),
    )


def restricted(graph: SignedGraph, units: Sequence[int], expressions: Sequence[str] = ()) -> SignedGraph:
    """The same edges among these nodes, in this order.

    Raises:
        LabelError: a node that the graph does not have.
    """
    for wanted, known in ((units, graph.units), (expressions, graph.expressions)):
        missing = [name for name in wanted if name not in known]
        if missing:
            raise LabelError(f"the graph has no node {missing[0]!r}, it has {list(known)}")
    rows = [graph.units.index(unit) for unit in units]
    columns = [graph.expressions.index(name) for name in expressions]
    return SignedGraph(
        tuple(units),
        tuple(expressions),
        graph.between[np.ix_(rows, rows)],
        graph.to_expressions[np.ix_(rows, columns)],
    )


def mean(graphs: Sequence[SignedGraph]) -> SignedGraph:
    """The mean weights of graphs of the same nodes, such as those of several images or seeds."""
    first = graphs[0]
    same = [restricted(graph, first.units, first.expressions) for graph in graphs]
    return SignedGraph(
        first.units,
        first.expressions,
        np.mean([graph.between for graph in same], axis=0),
        np.mean([graph.to_expressions for graph in same], axis=0),
    )


def _weights(name: str, value: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    weights = np.array(value, np.float64)
    if weights.shape != shape:
        raise ShapeError(f"{name} is {weights.shape}, wanted {shape}: a row and a column for each node")
    if not np.isfinite(weights).all() or (np.abs(weights) > 1.0 + _ROUNDING).any():
        raise ShapeError(f"{name} has weights that are not in [-1, 1]; scale them first")
    weights = np.clip(weights, -1.0, 1.0)
    weights.flags.writeable = False
    return weights


def _strongest(weights: np.ndarray, count: int) -> np.ndarray:
    flat = weights.reshape(-1)
    chosen = np.argsort(-np.abs(flat), kind="stable")[:count]
    kept = np.zeros_like(flat)
    kept[chosen] = flat[chosen]
    return kept.reshape(weights.shape)
