"""Signed graphs among action units, and from action units to expressions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from jaxface.core.errors import LabelError, ShapeError
from jaxface.data.rendered.causal_world import CausalWorld, edge_strengths, rule_weights

_ROUNDING = 1e-6  # a weight may exceed 1 by this: tanh in float32


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
        for nodes in (self.units, self.expressions):
            if len(set(nodes)) != len(nodes):
                raise LabelError(f"nodes of a graph are {list(nodes)}: must be unique")
        count = len(self.units)
        for name, shape in (("between", (count, count)), ("to_expressions", (count, len(self.expressions)))):
            object.__setattr__(self, name, _weights(name, getattr(self, name), shape))
        if np.diagonal(self.between).any():
            raise ShapeError("between has weights on its diagonal; no unit causes itself: set them to 0")

    def edges(self) -> Iterator[Edge]:
        """Yield every weight that is not 0, row by row; those between units first."""
        for targets, weights in ((self.units, self.between), (self.expressions, self.to_expressions)):
            for row, column in np.argwhere(weights):
                yield Edge(self.units[row], targets[column], float(weights[row, column]))


def empty(units: Sequence[int], expressions: Sequence[str] = ()) -> SignedGraph:
    """Return the graph without edges."""
    between, to_expressions = (np.zeros((len(units), len(targets))) for targets in (units, expressions))
    return SignedGraph(tuple(units), tuple(expressions), between, to_expressions)


def world_graph(world: CausalWorld) -> SignedGraph:
    """Return the edges of a world and its expression rule, each divided by its strongest weight.

    The neutral expression is left out: it has no rule, but is shown where no other expression is.
    """
    between, rule = edge_strengths(world), rule_weights(world, world.expressions)
    return SignedGraph(world.units, world.expressions, normalize(between), normalize(rule))


def normalize(weights: np.ndarray) -> np.ndarray:
    """Return weights over the largest magnitude among them, which may be 0."""
    largest = np.abs(weights).max(initial=0.0)
    return weights / largest if largest > 0.0 else weights


def threshold_graph(graph: SignedGraph, at: float) -> SignedGraph:
    """Return the edges of magnitude `at` or above, with their weights; `at` in [0, 1]."""
    between, to_expressions = (
        np.where(np.abs(weights) >= at, weights, 0.0) for weights in (graph.between, graph.to_expressions)
    )
    return replace(graph, between=between, to_expressions=to_expressions)


def strongest(graph: SignedGraph, between: int, to_expressions: int) -> SignedGraph:
    """Return the strongest edges of each kind, as many and none of 0; of equal ones the first."""
    return replace(
        graph,
        between=_strongest(graph.between, between),
        to_expressions=_strongest(graph.to_expressions, to_expressions),
    )


def restrict(graph: SignedGraph, units: Sequence[int], expressions: Sequence[str] = ()) -> SignedGraph:
    """Return the edges among these nodes, in this order; raise LabelError for a missing node."""
    for names, nodes in ((units, graph.units), (expressions, graph.expressions)):
        missing = [name for name in names if name not in nodes]
        if missing:
            raise LabelError(f"the graph has no node {missing[0]!r}, it has {list(nodes)}")
    rows = [graph.units.index(unit) for unit in units]
    columns = [graph.expressions.index(name) for name in expressions]
    between, to_expressions = graph.between[np.ix_(rows, rows)], graph.to_expressions[np.ix_(rows, columns)]
    return SignedGraph(tuple(units), tuple(expressions), between, to_expressions)


def mean(graphs: Sequence[SignedGraph]) -> SignedGraph:
    """Return the mean weights of graphs of the same nodes, such as those of several images or seeds."""
    first = graphs[0]
    same = [restrict(graph, first.units, first.expressions) for graph in graphs]
    between = np.mean([graph.between for graph in same], axis=0)
    return replace(
        first,
        between=between,
        to_expressions=np.mean([graph.to_expressions for graph in same], axis=0),
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
    indices = np.argsort(-np.abs(flat), kind="stable")[:count]
    result = np.zeros_like(flat)
    result[indices] = flat[indices]
    return result.reshape(weights.shape)
