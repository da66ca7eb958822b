"""A known world: action units that cause and inhibit each other, and expressions by a rule of them.

Unit j is present where its log-odds, moved by the causes that are present, pass logistic noise:

    A_j = [ s logit(base_j) + sum_i strength_ij A_i + s L_j > 0 ],   L_j standard logistic, s the noise's scale.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.resources import as_file, files
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import EXPRESSIONS, Array

NEUTRAL = "neutral"


@dataclass(frozen=True)
class CausalWorld:
    """A signed structural model of action units, and a rule of expressions; a TOML file each."""

    units: tuple[int, ...]
    """Numbers of the action units."""

    base: tuple[float, ...]
    """How often each is present while none of its causes is, in (0, 1)."""

    edges: tuple[tuple[int, int, float], ...]
    """Cause, effect, and how far the cause moves the effect's log-odds; below 0 it inhibits. No cycles."""

    expressions: tuple[str, ...]
    """Names; "neutral" is what is left over and has no rule."""

    rule: tuple[tuple[str, int, float], ...]
    """Expression, unit, and the weight of the unit's presence; of sums over units the largest is the label."""

    threshold: float
    """The sum that the largest must pass for the face not to be neutral."""

    noise: float = 1.0
    """Scale of the logistic noise."""

    def __post_init__(self) -> None:
        if len(self.base) != len(self.units) or not all(0.0 < rate < 1.0 for rate in self.base):
            raise ConfigError(f"base = {list(self.base)} wants a rate in (0, 1) for each of {list(self.units)}")
        if self.noise <= 0.0:
            raise ConfigError(f"noise = {self.noise} wants a number above 0")
        named = [("units", self.units), ("expressions", self.expressions)]
        named += [("edges", tuple(edge[:2] for edge in self.edges)), ("rule", tuple(r[:2] for r in self.rule))]
        for what, names in named:
            if len(set(names)) != len(names):
                raise ConfigError(f"{what} = {list(names)} names one twice")
        for unit in (*(unit for edge in self.edges for unit in edge[:2]), *(unit for _, unit, _ in self.rule)):
            if unit not in self.units:
                raise ConfigError(
                    f"action unit {unit} is in an edge or rule but not in units {list(self.units)}"
                )
        known = [name for name in EXPRESSIONS if name != NEUTRAL]
        for name in self.expressions:
            if name not in known:
                raise ConfigError(f"expression {name!r} cannot have a rule{suggestion(name, known)}")
        for name, _, _ in self.rule:
            if name not in self.expressions:
                raise ConfigError(f"no expression {name!r} of a rule{suggestion(name, self.expressions)}")
        self.order()

    def order(self) -> tuple[int, ...]:
        """Places of the units, causes before effects.

        Raises:
            ConfigError: there is no such order.
        """
        sorter = TopologicalSorter(dict.fromkeys(range(len(self.units)), ()))
        for cause, effect, _ in self.edges:
            sorter.add(self.units.index(effect), self.units.index(cause))
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            cycle = " -> ".join(f"AU{self.units[place]}" for place in reversed(error.args[1]))
            raise ConfigError(f"edges go round in a circle, {cycle}; causes want an order") from None


@pytree
class Mechanism:
    """A model's numbers as arrays, for U units and C classes.

    Attributes:
        odds: (U,) log-odds of each unit without causes, in units of the noise.
        strength: (U, U) from cause to effect, in units of the noise.
        rule: (U, C) weights; constant: (C,) what each class's sum starts from.
        order: places of units, causes first.
    """

    odds: Array
    strength: Array
    rule: Array
    constant: Array
    order: tuple[int, ...] = static()


def load_world(name: str | Path) -> CausalWorld:
    """A model of jaxface by its name, or one of yours by its path.

    Raises:
        ConfigError: no such model or file, or one that does not describe a world.
    """
    if Path(name).suffix == ".toml":
        return load_toml(CausalWorld, name)
    folder = files("jaxface.data.rendered").joinpath("worlds")
    known = sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))
    if str(name) not in known:
        raise ConfigError(f"no world {str(name)!r}{suggestion(str(name), known)}, or give a .toml file")
    with as_file(folder.joinpath(f"{name}.toml")) as path:
        return load_toml(CausalWorld, path)


def mechanism(causes: CausalWorld, labels: tuple[str, ...]) -> Mechanism:
    """The model's arrays, with a class for each of `labels`, in their order.

    Raises:
        ConfigError: labels are not the model's expressions and "neutral".
    """
    if sorted(labels) != sorted((*causes.expressions, NEUTRAL)):
        raise ConfigError(f"labels = {list(labels)}, the world has {[*causes.expressions, NEUTRAL]}")
    constant = [causes.threshold if label == NEUTRAL else 0.0 for label in labels]
    return Mechanism(
        odds=jnp.asarray(_odds(causes), jnp.float32),
        strength=jnp.asarray(strengths(causes) / causes.noise, jnp.float32),
        rule=jnp.asarray(weights(causes, labels), jnp.float32),
        constant=jnp.asarray(constant, jnp.float32),
        order=causes.order(),
    )


def present(even: Array, made: Mechanism) -> Array:
    """Which units are present, (U,) of 0 and 1, from numbers (U,) in (0, 1)."""
    noise = jnp.log(even) - jnp.log1p(-even)
    found = jnp.zeros_like(made.odds)
    for place in made.order:
        odds = made.odds[place] + found @ made.strength[:, place] + noise[place]
        found = found.at[place].set((odds > 0.0).astype(found.dtype))
    return found


def expression(shown: Array, made: Mechanism) -> Array:
    """() int32, the class of a face that shows units (U,) of 0 and 1."""
    return jnp.argmax(shown @ made.rule + made.constant).astype(jnp.int32)


def distribution(causes: CausalWorld) -> tuple[np.ndarray, np.ndarray]:
    """All states (2^U, U) of 0 and 1, and their probabilities (2^U,), exactly."""
    states = np.array(list(itertools.product((0.0, 1.0), repeat=len(causes.units))))
    rate = 1.0 / (1.0 + np.exp(-(_odds(causes) + states @ strengths(causes) / causes.noise)))
    return states, np.where(states > 0.0, rate, 1.0 - rate).prod(axis=1)


def strengths(causes: CausalWorld) -> np.ndarray:
    """(U, U) from the cause of a row to the effect of a column."""
    found = np.zeros((len(causes.units), len(causes.units)))
    for cause, effect, strength in causes.edges:
        found[causes.units.index(cause), causes.units.index(effect)] = strength
    return found


def weights(causes: CausalWorld, labels: tuple[str, ...]) -> np.ndarray:
    """(U, C) of the rule, from the unit of a row to the class of a column; what has no rule weighs 0."""
    found = np.zeros((len(causes.units), len(labels)))
    for name, unit, weight in causes.rule:
        found[causes.units.index(unit), labels.index(name)] = weight
    return found


def _odds(causes: CausalWorld) -> np.ndarray:
    rate = np.asarray(causes.base)
    return np.log(rate) - np.log1p(-rate)
