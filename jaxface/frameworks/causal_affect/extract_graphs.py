"""Graphs from a trained network: the global graph, that of each sample, and the effects of interventions.

Nothing in the paper's equations ties the sign of an edge to the sign of what it does: W+ and W- are free, and
so is the classifier behind them. `effects` measures what the edges do.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph, normalize
from jaxface.frameworks.causal_affect.networks import GraphBranch
from jaxface.frameworks.common.config import Task


def global_graph(network: Any, task: Task) -> SignedGraph:
    """Return the edges of the global graph (Eq. 3); raise ConfigError for a network without one."""
    units, expressions = network.units, network.expressions
    if units is None or units.global_graph is None:
        raise ConfigError("these networks have no global graph; train with parts.global_graph")
    rules = None
    if expressions is not None and expressions.global_graph is not None:
        rules = np.asarray(expressions.global_graph())
    return _to_signed_graph(task, np.asarray(units.global_graph()), rules)


def sample_graphs(network: Any, task: Task, features: Array) -> list[SignedGraph]:
    """Return the graph of each sample (Eq. 9), from the features (B, U, d) of its units; raise
    ConfigError for a network without one."""
    if network.units is None or network.units.sample_graph is None:
        raise ConfigError("these networks have no graphs of samples; train with parts.sample_graph")
    branches = [branch for branch in (network.units, network.expressions) if branch is not None]
    edges = jax.jit(lambda features: [branch(features).edges[:, -1] for branch in branches])(features)
    unit_edges, *expression_edges = (np.asarray(array) for array in edges)
    rules = expression_edges[0] if expression_edges else [None] * len(unit_edges)
    return [_to_signed_graph(task, *pair) for pair in zip(unit_edges, rules, strict=True)]


def effects(network: Any, task: Task, features: Array, units: Array, mask: Array) -> SignedGraph:
    """Measure the effect of each unit on each target: do(present) minus do(absent), mean over faces.

    The features (B, U, d) of unit i are set to the mean of those of the faces that show it, then of
    those that do not, by the labels `units` (B, U) where the mask is True; all other features stay.
    An edge is the mean change of the target's logit over the graphs that there are, over the
    largest among edges of its kind.

    Raises:
        ConfigError: a unit that no face, or every face, with a label shows.
    """
    if network.units is None:
        raise ConfigError("these networks have no graphs whose effects could be measured")
    present, absent = (units > 0.5) & mask, (units <= 0.5) & mask
    for name, group in (("without it", present), ("with it", absent)):
        empty = ~np.asarray(group.any(0))
        if empty.any():
            raise ConfigError(
                f"every labelled face is {name}: AU{task.units[int(empty.argmax())]}; give more faces"
            )
    of_present, of_absent = _group_mean(features, present), _group_mean(features, absent)
    unit_edges = np.array(_logit_changes(network.units, features, of_present, of_absent))
    np.fill_diagonal(unit_edges, 0.0)
    rules = None
    if network.expressions is not None:
        rules = normalize(np.asarray(_logit_changes(network.expressions, features, of_present, of_absent)))
    return _to_signed_graph(task, normalize(unit_edges), rules)


def _group_mean(features: Array, group: Array) -> Array:
    """Return the mean features of each unit over the faces of its group (B, U): (U, d)."""
    weight = group / group.sum(0, keepdims=True)
    return jnp.einsum("bu,bud->ud", weight, features)


def _logit_changes(branch: GraphBranch, features: Array, present: Array, absent: Array) -> Array:
    """Return the mean change of each target's logit from each unit's absence to its presence: (T, U)."""

    def logits(features: Array) -> Array:
        return branch(features).logits.mean((0, 1))

    def change(unit: Array) -> Array:
        return logits(features.at[:, unit].set(present[unit])) - logits(features.at[:, unit].set(absent[unit]))

    return jax.jit(lambda units: jax.lax.map(change, units))(jnp.arange(features.shape[1])).T


def _to_signed_graph(task: Task, unit_edges: np.ndarray, rules: np.ndarray | None) -> SignedGraph:
    """Turn edges with targets in rows into a graph with sources in rows, without self-loops."""
    unit_edges = np.array(unit_edges, np.float64)
    np.fill_diagonal(unit_edges, 0.0)
    if rules is None:
        return SignedGraph(task.units, (), unit_edges.T, np.zeros((len(task.units), 0)))
    return SignedGraph(task.units, task.labels, unit_edges.T, np.asarray(rules, np.float64).T)
