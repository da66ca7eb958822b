"""The truth test: every method's graph scored against the known one, by the same rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from jaxface.data.rendered.causal_world import CausalWorld, distribution
from jaxface.frameworks.causal_affect.graphs import baselines, notears, pc
from jaxface.frameworks.causal_affect.graphs.baselines import Found, Labels
from jaxface.frameworks.causal_affect.graphs.scores import score
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

ON_LABELS: dict[str, Callable[[Labels], Found]] = {
    "co-occurrence": baselines.cooccurrence,
    "partial correlation": baselines.partial_correlation,
    "NOTEARS, squares": lambda seen: notears.notears(seen, "squares"),
    "NOTEARS, logistic": lambda seen: notears.notears(seen, "logistic"),
    "PC": pc.pc,
}
"""Name of each method that is given labels -> the method."""


def on_labels(seen: Labels) -> dict[str, Found]:
    """What each method finds; without PC where causal-learn is not installed."""
    return {name: method(seen) for name, method in ON_LABELS.items() if method is not pc.pc or pc.available()}


def row(found: Found, truth: SignedGraph, onwards: Found | None = None) -> dict[str, float]:
    """All scores of a graph by name: `units_auroc`, `expressions_sign` ..., without what has no meaning.

    Args:
        onwards: whose edges to expressions count in place of those of `found`.
    """
    between, _ = score(found.graph, truth, found.threshold)
    other = found if onwards is None else onwards
    _, rules = score(other.graph, truth, other.threshold)
    told: dict[str, float] = {}
    for kind, scores in (("units", between), ("expressions", rules)):
        told |= {f"{kind}_{name}": float(value) for name, value in dataclasses.asdict(scores).items()}
    return {name: value for name, value in told.items() if not np.isnan(value)}


def f1_from_others(causes: CausalWorld) -> np.ndarray:
    """(U,) the highest F1 with which each unit can be told from the true states of all other units.

    Who is better at it, from features of the other units alone, reads the unit itself in them.
    """
    states, probability = distribution(causes)
    found = []
    for place in range(len(causes.units)):
        order = np.lexsort((states[:, place], *np.delete(states, place, axis=1).T))
        absent, present = probability[order].reshape(-1, 2).T  # each row one state of the others
        first = np.argsort(-present / (absent + present))  # the likeliest are told to be present first
        hits, told = np.cumsum(present[first]), np.cumsum((absent + present)[first])
        found.append((2.0 * hits / (told + present.sum())).max())
    return np.array(found)
