"""Moments of whole domains: M3SDA (Peng et al. 2019, arXiv:1812.01754)."""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.frameworks.pm2.losses import Over, norm


def moments(features: Array, orders: int, central: bool, mask: Array | None = None) -> Array:
    """Return the first `orders` moments of each feature, (orders, D) from (B, D).

    Args:
        central: take those from the second on about the mean, not about zero.
        mask: (B,) the examples to count; None = all.
    """
    if mask is None:
        mask = jnp.ones(features.shape[0])
    weights = mask.astype(features.dtype)
    weights = (weights / jnp.maximum(weights.sum(), 1.0))[:, None]
    mean = (weights * features).sum(0)
    deviations = features - mean[None] if central else features
    higher = [(weights * deviations**order).sum(0) for order in range(2, orders + 1)]
    return jnp.stack([mean, *higher])


def distance(one: Array, other: Array, over: Over) -> Array:
    """Eq. 4 of PM2: the sum over orders of the distance between two domains' moments (orders, D)."""
    return sum((norm(row, over) for row in one - other), jnp.zeros(()))


def multi_source(sources: Sequence[Array], target: Array, over: Over) -> Array:
    """Return M3SDA's moment distance: the mean over sources to the target, and the mean over pairs of sources.

    Args:
        sources, target: (orders, D) each, from `moments`.
    """
    to_target = [distance(source, target, over) for source in sources]
    between = [distance(one, other, over) for one, other in itertools.combinations(sources, 2)]
    return _mean(to_target) + _mean(between)


def _mean(values: Sequence[Array]) -> Array:
    return sum(values, jnp.zeros(())) / max(len(values), 1)
