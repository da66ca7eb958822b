"""Graphs of action units and expressions from psychology, and their agreement with a learnt one (Table 2)."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.causal_affect.graphs import SignedGraph, agreement


@dataclass(frozen=True)
class Source:
    """One table of the literature.

    Attributes:
        key: short name.
        citation: the publication; via: the publication that quotes it, "" = read in the original.
        units: expression -> numbers of the units that excite it.
        inhibit: expression -> numbers of the units that inhibit it; {} where the source has none.
        between: cause, effect, and 1 or -1; () where the source has none.
    """

    key: str
    citation: str
    via: str
    units: Mapping[str, tuple[int, ...]]
    inhibit: Mapping[str, tuple[int, ...]]
    between: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Comparison:
    """A learnt graph compared with a source, on the units and expressions of the learnt one.

    Attributes:
        key: of the source.
        jaccard: shared excitatory edges by those of either; nan where neither has any.
        same_sign: of the source's edges that the graph has too, the share with the same sign; nan for none.
        n_shared, n_learnt, n_source: excitatory edges of both, of the graph, of the source.
    """

    key: str
    jaccard: float
    same_sign: float
    n_shared: int
    n_learnt: int
    n_source: int


@functools.cache
def sources() -> tuple[Source, ...]:
    """Return all sources, the oldest first; the last is the paper's own result."""
    text = files("studies.causal_affect").joinpath("literature.toml").read_text("utf-8")
    return tuple(
        Source(
            table["key"],
            table["citation"],
            table["via"],
            _sets(table["units"]),
            _sets(table.get("inhibit", {})),
            tuple((cause, effect, sign) for cause, effect, sign in table.get("between", ())),
        )
        for table in tomllib.loads(text)["sources"]
    )


def source(key: str) -> Source:
    """Return the source of this key.

    Raises:
        ConfigError: there is none.
    """
    by_key = {entry.key: entry for entry in sources()}
    if key not in by_key:
        raise ConfigError(f"no source {key!r} of action units{suggestion(key, by_key)}")
    return by_key[key]


def as_graph(
    source: Source, units: Sequence[int], expressions: Sequence[str] = BASE_EXPRESSIONS
) -> SignedGraph:
    """Return a source's edges among these units and expressions, with weights 1 and -1."""
    between = np.zeros((len(units), len(units)))
    to_expressions = np.zeros((len(units), len(expressions)))
    for cause, effect, sign in source.between:
        if cause in units and effect in units:
            between[units.index(cause), units.index(effect)] = sign
    for sets, weight in ((source.units, 1.0), (source.inhibit, -1.0)):
        for name, members in sets.items():
            if name in expressions:
                rows = [row for row, unit in enumerate(units) if unit in members]
                to_expressions[rows, expressions.index(name)] = weight
    return SignedGraph(tuple(units), tuple(expressions), between, to_expressions)


def compare(graph: SignedGraph, with_: Sequence[Source] | None = None) -> tuple[Comparison, ...]:
    """Compare a learnt graph's edges to expressions with those of each source (None = all).

    Threshold the graph first. Expressions that a source does not have, such as neutral, are left out.
    """
    return tuple(_compare(graph, entry) for entry in (sources() if with_ is None else with_))


def _compare(graph: SignedGraph, entry: Source) -> Comparison:
    names = [name for name in graph.expressions if name in entry.units]
    reference = as_graph(entry, graph.units, names)
    _, any_sign = agreement(graph, reference)
    excitatory = [
        SignedGraph(each.units, each.expressions, each.between, np.maximum(each.to_expressions, 0.0))
        for each in (graph, reference)
    ]
    _, overlap = agreement(*excitatory)
    n_learnt, n_source = (
        sum(edge.weight > 0.0 and edge.target in names for edge in each.edges()) for each in (graph, reference)
    )
    return Comparison(entry.key, overlap.jaccard, any_sign.same_sign, overlap.n_shared, n_learnt, n_source)


def _sets(table: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(numbers) for name, numbers in table.items()}
