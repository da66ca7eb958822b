"""The graph of a known world."""

from __future__ import annotations

import numpy as np

from jaxface.data.rendered.causal_world import CausalWorld, edge_strengths, rule_weights
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph


def of_world(causes: CausalWorld) -> SignedGraph:
    """The edges of a world, and its rule, each as a share of the strongest.

    The neutral expression is left out: it has no rule of its own but is what is left over.
    """
    between, rule = edge_strengths(causes), rule_weights(causes, causes.expressions)
    return SignedGraph(causes.units, causes.expressions, _scaled(between), _scaled(rule))


def _scaled(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0.0 else values
