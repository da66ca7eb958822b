"""The space that is searched: its box, its prior, what is plausible in it."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array, action_unit
from jaxface.face.model import ExpressionSpace
from jaxface.search.config import SearchConfig

_USED = 0.05
"""A unit that a prototype activates further than this belongs to the expression."""

EDGE = 3.0
"""Standard deviations from neutral to the edge of the box (the paper's [-3, 3])."""


@pytree
class SearchSpace:
    """A box with a Gaussian prior of one or more centres for each class; the numbers may change without
    compiling anew.

    Attributes:
        lower, upper: (E,) the box.
        deviation: (E,) one standard deviation of each coefficient.
        units: (E, N) coefficients @ units = activations, each meant to lie in [0, 1]; None without units.
        to_coefficients: (N, E) the least-squares way back; None without units.
        prototypes: (K, P, E) expressions set by hand for each class, zeros where there are fewer; first all
            at the first of `SearchConfig.strengths`, then all at the second, ...
        known: (K, P) which of them are there.
        ceilings: (K, N) how far each unit may be activated for each class; None without units.
        centred: () whether the prior sits on the prototypes; on neutral otherwise.
        prior_weight, plausibility_weight: () as in `SearchConfig`.
    """

    lower: Array
    upper: Array
    deviation: Array
    units: Array | None
    to_coefficients: Array | None
    prototypes: Array
    known: Array
    ceilings: Array | None
    centred: Array
    prior_weight: Array
    plausibility_weight: Array
    projections: int = static()


def box(lower: Array, upper: Array, config: SearchConfig, classes: int = 1) -> SearchSpace:
    """A space without units and prototypes.

    Args:
        lower, upper: (E,) with lower <= 0 <= upper: zero is the neutral face.
        classes: K, the number of targets that may be asked for.
    """
    widest = jnp.maximum(jnp.abs(lower), jnp.abs(upper))
    deviation = jnp.where(widest > 0, widest, 1.0) / EDGE
    empty = jnp.zeros((classes, 1, lower.shape[0]))
    return SearchSpace(
        lower=lower,
        upper=upper,
        deviation=deviation,
        units=None,
        to_coefficients=None,
        prototypes=empty,
        known=jnp.zeros((classes, 1), bool),
        ceilings=None,
        centred=jnp.asarray(config.prior_centre == "prototype"),
        prior_weight=jnp.asarray(config.prior_weight, jnp.float32),
        plausibility_weight=jnp.asarray(config.plausibility_weight, jnp.float32),
        projections=config.projections,
    )


def of_model(expressions: ExpressionSpace, labels: tuple[str, ...], config: SearchConfig) -> SearchSpace:
    """The expression space of a face model, with its prototypes sorted by the classes `labels`; each stands
    there once at every strength of the config."""
    rows = [_prototypes(expressions, label) for label in labels]
    most = max([len(found) for found in rows] + [1])
    size = expressions.lower.shape[0]
    prototypes = np.zeros((len(labels), most, size), np.float32)
    known = np.zeros((len(labels), most), bool)
    for index, found in enumerate(rows):
        prototypes[index, : len(found)] = found
        known[index, : len(found)] = True
    strengths = np.asarray(config.strengths, np.float32)
    prototypes = (strengths[None, :, None, None] * prototypes[:, None]).reshape(len(labels), -1, size)
    known = np.tile(known, (1, len(strengths)))
    plain = box(expressions.lower, expressions.upper, config)
    units = expressions.units
    searched = dataclasses.replace(
        plain,
        units=units,
        to_coefficients=None if units is None else jnp.asarray(np.linalg.pinv(np.asarray(units)), jnp.float32),
        known=jnp.asarray(known),
        ceilings=None if units is None else _ceilings(prototypes @ np.asarray(units), known, config),
    )
    inside = clip(searched, jnp.asarray(prototypes), expand(searched.ceilings, 1))
    return dataclasses.replace(searched, prototypes=inside)


def _prototypes(expressions: ExpressionSpace, label: str) -> np.ndarray:
    """(n, E): those set by hand for an expression; for an action unit, each facial unit that shows it."""
    number = action_unit(label)
    if number is None:
        rows = [i for i, name in enumerate(expressions.prototype_labels) if name == label]
        return np.asarray(expressions.prototypes)[rows]
    if expressions.units is None:
        return np.zeros((0, expressions.lower.shape[0]), np.float32)
    shows = [i for i, numbers in enumerate(expressions.action_units) if number in numbers]
    return np.linalg.pinv(np.asarray(expressions.units))[shows]


def _ceilings(activations: np.ndarray, known: np.ndarray, config: SearchConfig) -> Array:
    """(K, N): 1 for the units that a class's prototypes use, `foreign_units` for the others.

    Args:
        activations: (K, P, N) of the prototypes; known: (K, P).
    """
    used = (activations > _USED).any(axis=1)
    return jnp.asarray(
        np.where(used | ~np.any(known, axis=1, keepdims=True), 1.0, config.foreign_units), jnp.float32
    )


def penalty(space: SearchSpace, target: Array | int, coefficients: Array) -> Array:
    """What makes a candidate implausible, (): Gaussian prior and excess of the implied activations.

    Args:
        target: () class index.
        coefficients: (E,).
    """
    total = space.prior_weight * prior_distance(space, target, coefficients)
    if space.units is None:
        return total
    return total + space.plausibility_weight * jnp.sum(excess(space, coefficients, target) ** 2)


def prior_distance(space: SearchSpace, target: Array | int, coefficients: Array) -> Array:
    """|phi - centre|^2 / E in standard units, (): to the nearest centre of the class."""
    standard = coefficients / space.deviation
    from_neutral = jnp.mean(standard**2)
    centres = space.prototypes[target] / space.deviation[None, :]
    distances = jnp.mean((standard[None, :] - centres) ** 2, axis=-1)
    known = space.known[target] & space.centred
    nearest = jnp.min(jnp.where(known, distances, jnp.inf))
    return jnp.where(jnp.any(known), nearest, from_neutral)


def excess(space: SearchSpace, coefficients: Array, target: Array | int) -> Array:
    """How far each implied unit activation lies outside [0, ceiling], (N,); (0,) for a space without units."""
    if space.units is None or space.ceilings is None:
        return jnp.zeros(0)
    activations = coefficients @ space.units
    return jax.nn.relu(-activations) + jax.nn.relu(activations - space.ceilings[target])


def expand(ceiling: Array | None, axes: int) -> Array | None:
    """A ceiling (n, N) with `axes` axes of length one before the last: for `clip` of (n, ..., E)."""
    return None if ceiling is None else ceiling.reshape(ceiling.shape[0], *(1,) * axes, ceiling.shape[-1])


def clip(space: SearchSpace, coefficients: Array, ceiling: Array | None = None) -> Array:
    """A nearby point of the box whose implied activations lie in [0, ceiling], for each of (..., E).

    Args:
        ceiling: (..., N), of as many axes as `coefficients`; 1 where it is None.

    The two sets are met by alternating projections; five leave an excess of about .01 on the bundled head,
    from .3 for standard normal coefficients (measured). Always inside the box.
    """
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    lower, upper = space.lower.reshape(shape), space.upper.reshape(shape)
    coefficients = jnp.clip(coefficients, lower, upper)
    if space.units is None or space.to_coefficients is None:
        return coefficients
    for _ in range(space.projections):
        activations = jnp.clip(coefficients @ space.units, 0.0, 1.0 if ceiling is None else ceiling)
        coefficients = jnp.clip(activations @ space.to_coefficients, lower, upper)
    return coefficients


def at_bound(space: SearchSpace, coefficients: Array) -> Array:
    """Which coefficients sit on an edge of the box that is not neutral, (..., E) bool."""
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    lower, upper = space.lower.reshape(shape), space.upper.reshape(shape)
    slack = 1e-6 * (upper - lower)
    return ((coefficients <= lower + slack) & (lower < 0)) | (coefficients >= upper - slack)
