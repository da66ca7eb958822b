"""The truth test: every method's graph scored against the known one, by the same rules."""

import dataclasses
from collections.abc import Callable

import numpy as np

from jaxface.data.rendered.causal_world import CausalWorld, distribution
from jaxface.frameworks.causal_affect.graphs import SignedGraph, score
from studies.causal_affect import baselines, notears, pc
from studies.causal_affect.baselines import Discovery, Labels

ON_LABELS: dict[str, Callable[[Labels], Discovery]] = {
    "co-occurrence": baselines.cooccurrence,
    "partial correlation": baselines.partial_correlation,
    "NOTEARS, squares": lambda labels: notears.fit_notears(labels, "squares"),
    "NOTEARS, logistic": lambda labels: notears.fit_notears(labels, "logistic"),
    "PC": pc.fit_pc,
}
"""Name of each method on labels -> the method."""


def discover_from_labels(labels: Labels) -> dict[str, Discovery]:
    """Return the graph of each method; without PC where causal-learn is not installed."""
    return {
        name: method(labels) for name, method in ON_LABELS.items() if method is not pc.fit_pc or pc.available()
    }


def score_row(
    discovery: Discovery, truth: SignedGraph, to_expressions: Discovery | None = None
) -> dict[str, float]:
    """Return all scores of a graph by name: `units_auroc`, `expressions_sign` ..., without undefined ones.

    Args:
        to_expressions: whose edges to expressions are scored instead of those of `discovery`.
    """
    unit_scores, _ = score(discovery.graph, truth, discovery.threshold)
    other = discovery if to_expressions is None else to_expressions
    _, expression_scores = score(other.graph, truth, other.threshold)
    row: dict[str, float] = {}
    for kind, scores in (("units", unit_scores), ("expressions", expression_scores)):
        row |= {f"{kind}_{name}": float(value) for name, value in dataclasses.asdict(scores).items()}
    return {name: value for name, value in row.items() if not np.isnan(value)}


def f1_from_others(causes: CausalWorld) -> np.ndarray:
    """Return the highest F1 with which each unit can be predicted from the true states of all others, (U,).

    A prediction from features of the other units that exceeds it must read the unit itself in them.
    """
    states, probability = distribution(causes)
    best = []
    for unit in range(len(causes.units)):
        order = np.lexsort((states[:, unit], *np.delete(states, unit, axis=1).T))
        absent, present = probability[order].reshape(-1, 2).T  # each row one state of the others
        ranking = np.argsort(-present / (absent + present))  # the most probable are predicted present first
        hits, positives = np.cumsum(present[ranking]), np.cumsum((absent + present)[ranking])
        best.append((2.0 * hits / (positives + present.sum())).max())
    return np.array(best)
