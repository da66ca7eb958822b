"""The search space: its box, its prior, and which points of it are plausible."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.arrays import on_device
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array, action_unit
from jaxface.face.model import ExpressionSpace
from jaxface.search.config import SearchConfig

_USED_ACTIVATION = 0.05
"""A unit that a prototype activates further than this belongs to the expression."""

EDGE = 3.0
"""Standard deviations from neutral to the edge of the box (the paper's [-3, 3])."""


@pytree
class SearchSpace:
    """A box with a Gaussian prior of one or more centres for each class.

    Its numbers may change without compiling again.

    Attributes:
        lower, upper: (E,) the box.
        std: (E,) one standard deviation of each coefficient.
        units: (E, N) coefficients @ units = activations, each in [0, 1] if plausible; None without units.
        to_coefficients: (N, E) the least-squares inverse; None without units.
        prototypes: (K, P, E) hand-set expressions of each class, padded with zeros; first all at the first
            of `SearchConfig.strengths`, then all at the second, ...
        has_prototype: (K, P) bool, False for padding.
        activation_limits: (K, N) largest activation of each unit for each class; None without units.
        prior_on_prototypes: () bool, whether the prior is centred on the prototypes or on neutral.
        prior_weight, plausibility_weight: () as in `SearchConfig`.
    """

    lower: Array
    upper: Array
    std: Array
    units: Array | None
    to_coefficients: Array | None
    prototypes: Array
    has_prototype: Array
    activation_limits: Array | None
    prior_on_prototypes: Array
    prior_weight: Array
    plausibility_weight: Array
    projections: int = static()


def box(lower: Array, upper: Array, config: SearchConfig, classes: int = 1) -> SearchSpace:
    """Return a space without units and prototypes.

    Args:
        lower, upper: (E,) with lower <= 0 <= upper: zero is the neutral face.
        classes: K, the number of possible targets.
    """
    widest = np.maximum(np.abs(np.asarray(lower)), np.abs(np.asarray(upper)))
    std = on_device(np.where(widest > 0, widest, np.float32(1)) * (np.float32(1) / np.float32(EDGE)))
    empty = on_device(np.zeros((classes, 1, lower.shape[0]), np.float32))
    return SearchSpace(
        lower=lower,
        upper=upper,
        std=std,
        units=None,
        to_coefficients=None,
        prototypes=empty,
        has_prototype=on_device(np.zeros((classes, 1), bool)),
        activation_limits=None,
        prior_on_prototypes=on_device(config.prior_centre == "prototype"),
        prior_weight=on_device(config.prior_weight, np.float32),
        plausibility_weight=on_device(config.plausibility_weight, np.float32),
        projections=config.projections,
    )


def of_model(expressions: ExpressionSpace, labels: tuple[str, ...], config: SearchConfig) -> SearchSpace:
    """Return the expression space of a face model, with its prototypes sorted by the classes `labels`.

    Each prototype appears once at every strength of the config.
    """
    rows = [_prototypes(expressions, label) for label in labels]
    most = max([len(row) for row in rows] + [1])
    size = expressions.lower.shape[0]
    prototypes = np.zeros((len(labels), most, size), np.float32)
    has_prototype = np.zeros((len(labels), most), bool)
    for index, row in enumerate(rows):
        prototypes[index, : len(row)] = row
        has_prototype[index, : len(row)] = True
    strengths = np.asarray(config.strengths, np.float32)
    prototypes = (strengths[None, :, None, None] * prototypes[:, None]).reshape(len(labels), -1, size)
    has_prototype = np.tile(has_prototype, (1, len(strengths)))
    units = expressions.units
    space = box(expressions.lower, expressions.upper, config)
    if units is not None:
        space = dataclasses.replace(
            space,
            units=units,
            to_coefficients=on_device(np.linalg.pinv(np.asarray(units)), np.float32),
            activation_limits=_activation_limits(prototypes @ np.asarray(units), has_prototype, config),
        )
    limits = space.activation_limits
    inside = _clip(space, prototypes, None if limits is None else np.asarray(limits)[:, None])
    return dataclasses.replace(space, prototypes=inside, has_prototype=on_device(has_prototype))


def _prototypes(expressions: ExpressionSpace, label: str) -> np.ndarray:
    """(n, E): the hand-set ones of an expression; for an action unit, each facial unit that shows it."""
    number = action_unit(label)
    if number is None:
        rows = [i for i, name in enumerate(expressions.prototype_labels) if name == label]
        return np.asarray(expressions.prototypes)[rows]
    if expressions.units is None:
        return np.zeros((0, expressions.lower.shape[0]), np.float32)
    shows = [i for i, numbers in enumerate(expressions.action_units) if number in numbers]
    return np.linalg.pinv(np.asarray(expressions.units))[shows]


def _activation_limits(activations: np.ndarray, has_prototype: np.ndarray, config: SearchConfig) -> Array:
    """(K, N): 1 for the units that a class's prototypes use, `off_prototype_limit` for the others.

    Args:
        activations: (K, P, N) of the prototypes; has_prototype: (K, P).
    """
    is_used = (activations > _USED_ACTIVATION).any(axis=1)
    is_free = is_used | ~np.any(has_prototype, axis=1, keepdims=True)
    return on_device(np.where(is_free, 1.0, config.off_prototype_limit), np.float32)


def penalty(space: SearchSpace, target: Array | int, coefficients: Array) -> Array:
    """Return the implausibility of a candidate, (): Gaussian prior and excess of the implied activations.

    Args:
        target: () class index.
        coefficients: (E,).
    """
    total = space.prior_weight * prior_distance(space, target, coefficients)
    if space.units is None:
        return total
    return total + space.plausibility_weight * jnp.sum(excess(space, coefficients, target) ** 2)


def prior_distance(space: SearchSpace, target: Array | int, coefficients: Array) -> Array:
    """Return |phi - centre|^2 / E in standard units, (): to the nearest centre of the class."""
    standard = coefficients / space.std
    from_neutral = jnp.mean(standard**2)
    centres = space.prototypes[target] / space.std[None, :]
    distances = jnp.mean((standard[None, :] - centres) ** 2, axis=-1)
    is_centre = space.has_prototype[target] & space.prior_on_prototypes
    nearest = jnp.min(jnp.where(is_centre, distances, jnp.inf))
    return jnp.where(jnp.any(is_centre), nearest, from_neutral)


def excess(space: SearchSpace, coefficients: Array, target: Array | int) -> Array:
    """Return how far each implied activation is outside [0, limit], (N,); (0,) for a space without units."""
    if space.units is None or space.activation_limits is None:
        return jnp.zeros(0)
    activations = coefficients @ space.units
    return jax.nn.relu(-activations) + jax.nn.relu(activations - space.activation_limits[target])


def clip(space: SearchSpace, coefficients: Array, limit: Array | None = None) -> Array:
    """Move each of (..., E) to a nearby point of the box whose implied activations lie in [0, limit].

    Args:
        limit: (..., N), of as many axes as `coefficients`; 1 where it is None.

    Alternating projections approach both sets. Five leave an excess of about .01 on the bundled head, from
    .3 for standard normal coefficients (measured). The result is always inside the box.
    """
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    lower, upper = space.lower.reshape(shape), space.upper.reshape(shape)
    coefficients = jnp.clip(coefficients, lower, upper)
    if space.units is None or space.to_coefficients is None:
        return coefficients
    for _ in range(space.projections):
        activations = jnp.clip(coefficients @ space.units, 0.0, 1.0 if limit is None else limit)
        coefficients = jnp.clip(activations @ space.to_coefficients, lower, upper)
    return coefficients


_clip = jax.jit(clip)


def at_bound(space: SearchSpace, coefficients: Array) -> Array:
    """Return which coefficients are on an edge of the box that is not neutral, (..., E) bool."""
    shape = (1,) * (coefficients.ndim - 1) + (-1,)
    lower, upper = space.lower.reshape(shape), space.upper.reshape(shape)
    slack = 1e-6 * (upper - lower)
    return ((coefficients <= lower + slack) & (lower < 0)) | (coefficients >= upper - slack)
