"""Maximum mean discrepancy: DAN (Long et al. 2015, arXiv:1502.02791), JAN (Long et al. 2017, arXiv:1605.06636).

The estimate is the unbiased one over all pairs, so it may be a little below zero.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

ANSWER_DEVIATION = 0.92
"""Of the single kernel on answers in JAN."""

_NARROWEST = -3  # exponent of the first factor on the mean squared distance


def dan(source: Array, target: Array, kernels: int = 5) -> Array:
    """The discrepancy of features, source (B, D) and target (B', D), in several kernels' sum."""
    return discrepancy(several(jnp.concatenate([source, target]), kernels), source.shape[0])


def jan(source: tuple[Array, Array], target: tuple[Array, Array], kernels: int = 5) -> Array:
    """The discrepancy of features and answers together: the kernel of a pair is the product of theirs.

    Args:
        source, target: features (B, D) and probabilities (B, U): where labels are many, the vector of sigmoids
            is in the place of the softmax.
    """
    features, answers = (jnp.concatenate(pair) for pair in zip(source, target, strict=True))
    joint = several(features, kernels) * gaussian(distances(answers), ANSWER_DEVIATION**2)
    return discrepancy(joint, source[0].shape[0])


def several(features: Array, kernels: int) -> Array:
    """Kernel matrix (N, N) of features (N, D): Gaussians of 2^-3, 2^-2, ... times the mean squared distance.

    The mean is over all N^2 pairs, and no gradient passes through it.
    """
    apart = distances(features)
    mean = jax.lax.stop_gradient(apart.mean())
    factors = [2.0 ** (_NARROWEST + number) for number in range(kernels)]
    return sum((gaussian(apart, factor * mean) for factor in factors), jnp.zeros_like(apart))


def gaussian(apart: Array, variance: Array | float) -> Array:
    """exp(-d / (2 variance)) of squared distances d; 1 everywhere where all are 0."""
    return jnp.exp(-apart / jnp.maximum(2.0 * jnp.asarray(variance, jnp.float32), 1e-12))


def distances(features: Array) -> Array:
    """Squared Euclidean distances (N, N) between rows (N, D)."""
    return jnp.sum((features[:, None] - features[None]) ** 2, axis=-1)


def discrepancy(kernel: Array, count: int) -> Array:
    """MMD^2 from the kernel matrix (N, N) of `count` examples of one domain and then those of the other."""
    own, other, across = kernel[:count, :count], kernel[count:, count:], kernel[:count, count:]
    return _apart(own) + _apart(other) - 2.0 * across.mean()


def _apart(kernel: Array) -> Array:
    """The mean of (n, n) without the diagonal."""
    count = kernel.shape[0]
    return (kernel.sum() - jnp.trace(kernel)) / max(count * (count - 1), 1)
