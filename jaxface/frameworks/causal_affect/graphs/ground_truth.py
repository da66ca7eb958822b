"""The true graph of a causal world."""

import numpy as np

from jaxface.data.rendered.causal_world import CausalWorld, edge_strengths, rule_weights
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph


def world_graph(world: CausalWorld) -> SignedGraph:
    """Return the edges of a world and its expression rule, each divided by its strongest weight.

    The neutral expression is left out: it has no rule, but is shown where no other expression is.
    """
    between, rule = edge_strengths(world), rule_weights(world, world.expressions)
    return SignedGraph(world.units, world.expressions, _normalize(between), _normalize(rule))


def _normalize(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0.0 else values
