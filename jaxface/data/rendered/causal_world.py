"""A causal world with known truth: action units that cause and inhibit each other, and a rule.

Unit j is present where its log-odds, moved by its present causes, pass logistic noise of scale s:

    A_j = [ s logit(base_j) + sum_i strength_ij A_i + s L_j > 0 ],   L_j standard logistic
"""

import itertools
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import Gt, Interval, OneOf, check, require
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import EXPRESSIONS, Array
from jaxface.data.rendered.config import load_shipped

NEUTRAL = "neutral"
RULED = tuple(name for name in EXPRESSIONS if name != NEUTRAL)
"""Expressions that can have a rule."""


@dataclass(frozen=True)
class CausalWorld:
    """A signed structural model of action units, and a rule of expressions. One TOML file each.

    Attributes:
        units: numbers of the action units.
        base: how often each unit is present while none of its causes is.
        edges: cause, effect, and how far it moves the effect's log-odds (below 0: inhibits).
        expressions: names. "neutral" is what remains and has no rule.
        rule: expression, unit, and weight of the unit's presence. The largest sum gives the label.
        threshold: a face is neutral unless the largest sum passes this.
        noise: scale of the logistic noise.
    """

    units: tuple[int, ...]
    base: tuple[Annotated[float, Interval(gt=0, lt=1)], ...]
    edges: tuple[tuple[int, int, float], ...]
    expressions: tuple[Annotated[str, OneOf(RULED)], ...]
    rule: tuple[tuple[str, int, float], ...]
    threshold: float
    noise: Annotated[float, Gt(0)] = 1.0

    def __post_init__(self) -> None:
        check(self)
        require(
            len(self.base) == len(self.units),
            "base",
            list(self.base),
            f"one rate for each of {list(self.units)}",
        )
        edges, rule = [edge[:2] for edge in self.edges], [entry[:2] for entry in self.rule]
        names = {"units": self.units, "expressions": self.expressions, "edges": edges, "rule": rule}
        for field, values in names.items():
            require(len(set(values)) == len(values), field, list(values), "without duplicates")
        for unit in itertools.chain(*edges, (unit for _, unit in rule)):
            if unit not in self.units:
                raise ConfigError(
                    f"action unit {unit} is in an edge or rule but not in units {list(self.units)}"
                )
        for name, _ in rule:
            if name not in self.expressions:
                raise ConfigError(f"no expression {name!r} of a rule{suggestion(name, self.expressions)}")
        self.order()

    def order(self) -> tuple[int, ...]:
        """Return the units' indices, causes before effects; ConfigError if there is a cycle."""
        sorter = TopologicalSorter(dict.fromkeys(range(len(self.units)), ()))
        for cause, effect, _ in self.edges:
            sorter.add(self.units.index(effect), self.units.index(cause))
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            cycle = " -> ".join(f"AU{self.units[index]}" for index in reversed(error.args[1]))
            raise ConfigError(f"edges have a cycle, {cycle}; causes need an order") from None


@pytree
class Mechanism:
    """A world's numbers as arrays, for U units and C classes.

    Attributes:
        log_odds: (U,) of each unit without causes, in units of the noise.
        strength: (U, U) from cause to effect, in units of the noise.
        rule: (U, C) weights.
        constant: (C,) added to the sum of each class.
        order: indices of units, causes first.
    """

    log_odds: Array
    strength: Array
    rule: Array
    constant: Array
    order: tuple[int, ...] = static()


def load_world(name: str | Path) -> CausalWorld:
    """Load a world of jaxface by its name, or a world of yours by its path.

    Raises:
        ConfigError: no such world or file, or one that does not describe a world.
    """
    return load_shipped(CausalWorld, "world", name)


def build_mechanism(world: CausalWorld, labels: tuple[str, ...]) -> Mechanism:
    """Return a world's arrays, a class for each of `labels`; ConfigError if it lacks one."""
    if sorted(labels) != sorted((*world.expressions, NEUTRAL)):
        raise ConfigError(f"labels = {list(labels)}: must be the world's, {[*world.expressions, NEUTRAL]}")
    constant = [world.threshold if label == NEUTRAL else 0.0 for label in labels]
    return Mechanism(
        log_odds=jnp.asarray(_log_odds(world), jnp.float32),
        strength=jnp.asarray(edge_strengths(world) / world.noise, jnp.float32),
        rule=jnp.asarray(rule_weights(world, labels), jnp.float32),
        constant=jnp.asarray(constant, jnp.float32),
        order=world.order(),
    )


def sample_presence(uniform: Array, mechanism: Mechanism) -> Array:
    """Turn uniform numbers (U,) into the presence of each unit, (U,) of 0 and 1."""
    noise = jnp.log(uniform) - jnp.log1p(-uniform)
    presence = jnp.zeros_like(mechanism.log_odds)
    # Causes come first, so each unit sees the presence of its causes.
    for unit in mechanism.order:
        log_odds = mechanism.log_odds[unit] + presence @ mechanism.strength[:, unit] + noise[unit]
        presence = presence.at[unit].set((log_odds > 0.0).astype(presence.dtype))
    return presence


def expression_class(presence: Array, mechanism: Mechanism) -> Array:
    """Return the class, () int32, of a face that shows units (U,) of 0 and 1."""
    return jnp.argmax(presence @ mechanism.rule + mechanism.constant).astype(jnp.int32)


def distribution(world: CausalWorld) -> tuple[np.ndarray, np.ndarray]:
    """Return all states (2^U, U) of 0 and 1, and their exact probabilities (2^U,)."""
    states = np.array(list(itertools.product((0.0, 1.0), repeat=len(world.units))))
    rate = 1.0 / (1.0 + np.exp(-(_log_odds(world) + states @ edge_strengths(world) / world.noise)))
    return states, np.where(states > 0.0, rate, 1.0 - rate).prod(axis=1)


def edge_strengths(world: CausalWorld) -> np.ndarray:
    """Return (U, U) strengths, from the cause of a row to the effect of a column; 0 = no edge."""
    matrix = np.zeros((len(world.units), len(world.units)))
    for cause, effect, strength in world.edges:
        matrix[world.units.index(cause), world.units.index(effect)] = strength
    return matrix


def rule_weights(world: CausalWorld, labels: tuple[str, ...]) -> np.ndarray:
    """Return (U, C) weights of the rule, from the unit of a row to the class of a column."""
    matrix = np.zeros((len(world.units), len(labels)))
    for name, unit, weight in world.rule:
        matrix[world.units.index(unit), labels.index(name)] = weight
    return matrix


def _log_odds(world: CausalWorld) -> np.ndarray:
    rate = np.asarray(world.base)
    return np.log(rate) - np.log1p(-rate)
