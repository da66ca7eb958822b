"""Graphs that a network has learnt: of all faces, of each face, and by what an intervention does.

Nothing in the paper's equations ties the sign of an edge to the sign of what it does: W+ and W- are free, and
so is the classifier behind them. `effects` measures what the edges do.
"""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from jaxface.frameworks.causal_affect.networks import CausalAffect, GraphBranch
from jaxface.frameworks.common.framework import Task


def graph_of_all(module: nnx.Module, task: Task) -> SignedGraph:
    """The edges of the graph of all faces (Eq. 3).

    Raises:
        ConfigError: the network has none.
    """
    network = cast(CausalAffect, module)
    if network.units is None or network.units.everyone is None:
        raise ConfigError("these networks have no graph of all faces; train with parts.global_graph")
    across = network.expressions
    rules = None if across is None or across.everyone is None else np.asarray(across.everyone())
    return _signed(task, np.asarray(network.units.everyone()), rules)


def graphs_of_faces(module: nnx.Module, task: Task, features: Array) -> list[SignedGraph]:
    """The graph of each face (Eq. 9), from the features (B, U, d) of its units.

    Raises:
        ConfigError: the network has none.
    """
    network = cast(CausalAffect, module)
    if network.units is None or network.units.own is None:
        raise ConfigError("these networks have no graphs of single faces; train with parts.sample_graph")
    branches = [branch for branch in (network.units, network.expressions) if branch is not None]
    found = jax.jit(lambda features: [branch(features).edges[:, -1] for branch in branches])(features)
    between, *across = (np.asarray(each) for each in found)
    rules = across[0] if across else [None] * len(between)
    return [_signed(task, *both) for both in zip(between, rules, strict=True)]


def effects(module: nnx.Module, task: Task, features: Array, units: Array, known: Array) -> SignedGraph:
    """What each unit does to each target, measured: do(present) minus do(absent), on the mean over faces.

    The features of unit i become the mean of those of the faces that have it, then of those that do not, all
    other features staying; an edge is the mean change of the target's logit over the graphs that there are,
    divided by the largest such change among edges of its kind.

    Args:
        features: (B, U, d); units, known: (B, U), whose labels are looked at where they are known.

    Raises:
        ConfigError: a unit of which no face, or every face, is known to have it.
    """
    network = cast(CausalAffect, module)
    if network.units is None:
        raise ConfigError("these networks have no graphs whose effects could be measured")
    there = (units > 0.5) & known
    for name, group in (("without it", there), ("with it", known & ~there)):
        empty = ~np.asarray(group.any(0))
        if empty.any():
            raise ConfigError(
                f"every known face is {name}: AU{task.units[int(empty.argmax())]}; give more faces"
            )
    present, absent = _mean_of(features, there), _mean_of(features, known & ~there)
    between = np.array(_changes(network.units, features, present, absent))
    np.fill_diagonal(between, 0.0)
    across = network.expressions
    rules = None if across is None else np.asarray(_changes(across, features, present, absent))
    return _signed(task, _scaled(between), None if rules is None else _scaled(rules))


def _mean_of(features: Array, group: Array) -> Array:
    """(U, d): of each unit, its features' mean over the faces of its group (B, U)."""
    weight = group / group.sum(0, keepdims=True)
    return jnp.einsum("bu,bud->ud", weight, features)


def _changes(branch: GraphBranch, features: Array, present: Array, absent: Array) -> Array:
    """(T, U): the mean change of each target's logit as each unit comes to be present."""

    def logits(features: Array) -> Array:
        return branch(features).logits.mean((0, 1))

    def one(unit: Array) -> Array:
        return logits(features.at[:, unit].set(present[unit])) - logits(features.at[:, unit].set(absent[unit]))

    return jax.jit(lambda units: jax.lax.map(one, units))(jnp.arange(features.shape[1])).T


def _scaled(changes: np.ndarray) -> np.ndarray:
    largest = np.abs(changes).max(initial=0.0)
    return changes / largest if largest > 0.0 else changes


def _signed(task: Task, between: np.ndarray, rules: np.ndarray | None) -> SignedGraph:
    """From edges with targets in rows to the graph with sources in rows; no unit causes itself there."""
    between = np.array(between, np.float64)
    np.fill_diagonal(between, 0.0)
    if rules is None:
        return SignedGraph(task.units, (), between.T, np.zeros((len(task.units), 0)))
    return SignedGraph(task.units, task.labels, between.T, np.asarray(rules, np.float64).T)
