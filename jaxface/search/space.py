"""The space that is searched: its box, its prior, what is plausible in it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytree import pytree
from jaxface.core.types import Array
from jaxface.face.model import ExpressionSpace
from jaxface.search.config import SearchConfig

EDGE = 3.0
"""Standard deviations from neutral to the edge of the box (the paper's [-3, 3])."""


@pytree
class SearchSpace:
    """A box with a Gaussian prior of one or more centres for each class.

    Attributes:
        lower, upper: (E,) the box.
        deviation: (E,) one standard deviation of each coefficient.
        units: (E, N) coefficients @ units = activations, each meant to lie in [0, 1]; None without units.
        prototypes: (K, P, E) expressions set by hand for each class, zeros where there are fewer than P.
        known: (K, P) which of them are there.
    """

    lower: Array
    upper: Array
    deviation: Array
    units: Array | None
    prototypes: Array
    known: Array


def box(lower: Array, upper: Array, classes: int = 1) -> SearchSpace:
    """A space without units and prototypes.

    Args:
        lower, upper: (E,) with lower <= 0 <= upper: zero is the neutral face.
        classes: K, the number of targets that may be asked for.
    """
    deviation = jnp.maximum(jnp.abs(lower), jnp.abs(upper)) / EDGE
    empty = jnp.zeros((classes, 1, lower.shape[0]))
    return SearchSpace(lower, upper, deviation, None, empty, jnp.zeros((classes, 1), bool))


def of_model(expressions: ExpressionSpace, labels: tuple[str, ...]) -> SearchSpace:
    """The expression space of a face model, with its hand-set prototypes sorted by the classes `labels`."""
    rows = [[i for i, name in enumerate(expressions.prototype_labels) if name == label] for label in labels]
    most = max([len(found) for found in rows] + [1])
    prototypes = np.zeros((len(labels), most, expressions.lower.shape[0]), np.float32)
    known = np.zeros((len(labels), most), bool)
    for index, found in enumerate(rows):
        prototypes[index, : len(found)] = np.asarray(expressions.prototypes)[found]
        known[index, : len(found)] = True
    plain = box(expressions.lower, expressions.upper)
    prototypes = np.clip(prototypes, np.asarray(plain.lower), np.asarray(plain.upper))
    return SearchSpace(
        plain.lower,
        plain.upper,
        plain.deviation,
        expressions.units,
        jnp.asarray(prototypes),
        jnp.asarray(known),
    )


def penalty(space: SearchSpace, target: Array, coefficients: Array, config: SearchConfig) -> Array:
    """What makes a candidate implausible, (): Gaussian prior and excess of the implied activations.

    Args:
        target: () class index.
        coefficients: (E,).
    """
    total = config.prior_weight * prior_distance(space, target, coefficients, config)
    if space.units is None:
        return total
    return total + config.plausibility_weight * jnp.sum(excess(space, coefficients) ** 2)


def prior_distance(space: SearchSpace, target: Array, coefficients: Array, config: SearchConfig) -> Array:
    """|phi - centre|^2 / E in standard units, (): to the nearest centre of the class."""
    standard = coefficients / space.deviation
    from_neutral = jnp.mean(standard**2)
    if config.prior_centre == "neutral":
        return from_neutral
    centres = space.prototypes[target] / space.deviation[None, :]
    distances = jnp.mean((standard[None, :] - centres) ** 2, axis=-1)
    nearest = jnp.min(jnp.where(space.known[target], distances, jnp.inf))
    return jnp.where(jnp.any(space.known[target]), nearest, from_neutral)


def excess(space: SearchSpace, coefficients: Array) -> Array:
    """How far each implied unit activation lies outside [0, 1], (N,); (0,) for a space without units."""
    if space.units is None:
        return jnp.zeros(0)
    activations = coefficients @ space.units
    return jax.nn.relu(-activations) + jax.nn.relu(activations - 1.0)


def clip(space: SearchSpace, coefficients: Array) -> Array:
    """The nearest point of the box to each of (..., E)."""
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    return jnp.clip(coefficients, space.lower.reshape(shape), space.upper.reshape(shape))


def at_bound(space: SearchSpace, coefficients: Array) -> Array:
    """Which coefficients sit on an edge of the box that is not neutral, (..., E) bool."""
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    lower, upper = space.lower.reshape(shape), space.upper.reshape(shape)
    slack = 1e-6 * (upper - lower)
    return ((coefficients <= lower + slack) & (lower < 0)) | (coefficients >= upper - slack)
