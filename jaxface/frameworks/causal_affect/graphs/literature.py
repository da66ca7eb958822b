"""What psychology says of action units and expressions, as graphs, and how a learnt one agrees (Table 2)."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.causal_affect.graphs.scores import agreement
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph


@dataclass(frozen=True)
class Source:
    """One table of the literature.

    Attributes:
        key: short name.
        citation: who says so; quoted: where we have it from, "" = from there.
        units: expression -> numbers of the units that excite it.
        inhibit: expression -> numbers of the units that inhibit it; {} where nothing is said.
        between: cause, effect, and 1 or -1; () where nothing is said.
    """

    key: str
    citation: str
    quoted: str
    units: Mapping[str, tuple[int, ...]]
    inhibit: Mapping[str, tuple[int, ...]]
    between: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Comparison:
    """A learnt graph beside a source, on the units and expressions that the learnt one has.

    Attributes:
        key: of the source.
        jaccard: shared excitatory edges by those of either; nan where neither has any.
        signed: of the source's edges that the graph has too, the share with the same sign; nan for none.
        shared, learnt, listed: excitatory edges of both, of the graph, of the source.
    """

    key: str
    jaccard: float
    signed: float
    shared: int
    learnt: int
    listed: int


@functools.cache
def sources() -> tuple[Source, ...]:
    """All sources, the oldest first; the last is the paper's own result."""
    text = files("jaxface.frameworks.causal_affect.graphs").joinpath("literature.toml").read_text("utf-8")
    return tuple(
        Source(
            table["key"],
            table["citation"],
            table["quoted"],
            _sets(table["units"]),
            _sets(table.get("inhibit", {})),
            tuple((cause, effect, sign) for cause, effect, sign in table.get("between", ())),
        )
        for table in tomllib.loads(text)["sources"]
    )


def source(key: str) -> Source:
    """The source of this key.

    Raises:
        ConfigError: there is none.
    """
    known = {each.key: each for each in sources()}
    if key not in known:
        raise ConfigError(f"no source {key!r} of action units{suggestion(key, known)}")
    return known[key]


def as_graph(of: Source, units: Sequence[int], expressions: Sequence[str] = BASE_EXPRESSIONS) -> SignedGraph:
    """What a source says of these units and expressions, weights 1 and -1; of others it is not told."""
    between = np.zeros((len(units), len(units)))
    to_expressions = np.zeros((len(units), len(expressions)))
    for cause, effect, sign in of.between:
        if cause in units and effect in units:
            between[units.index(cause), units.index(effect)] = sign
    for sets, weight in ((of.units, 1.0), (of.inhibit, -1.0)):
        for name, members in sets.items():
            if name in expressions:
                rows = [row for row, unit in enumerate(units) if unit in members]
                to_expressions[rows, expressions.index(name)] = weight
    return SignedGraph(tuple(units), tuple(expressions), between, to_expressions)


def compare(graph: SignedGraph, with_: Sequence[Source] | None = None) -> tuple[Comparison, ...]:
    """A learnt graph's edges to expressions beside those of each source (None = all).

    Threshold the graph first. Expressions that a source does not know, such as neutral, are left out.
    """
    return tuple(_compared(graph, each) for each in (sources() if with_ is None else with_))


def _compared(graph: SignedGraph, of: Source) -> Comparison:
    names = [name for name in graph.expressions if name in of.units]
    listed = as_graph(of, graph.units, names)
    _, any_sign = agreement(graph, listed)
    excitatory = [
        SignedGraph(each.units, each.expressions, each.between, np.maximum(each.to_expressions, 0.0))
        for each in (graph, listed)
    ]
    _, found = agreement(*excitatory)
    learnt, known = (
        sum(edge.weight > 0.0 and edge.target in names for edge in each.edges()) for each in (graph, listed)
    )
    return Comparison(of.key, found.jaccard, any_sign.signed, found.shared, learnt, known)


def _sets(table: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(numbers) for name, numbers in table.items()}
