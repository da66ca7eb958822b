"""Maximum mean discrepancy: DAN (Long et al. 2015, arXiv:1502.02791), JAN (Long et al. 2017, arXiv:1605.06636).

The estimate is the unbiased one over all pairs, so it may be a little below zero.
"""

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

PREDICTION_STD = 0.92
"""Of the single kernel on predictions in JAN."""

_NARROWEST = -3  # exponent of the first factor on the mean squared distance


def dan(source: Array, target: Array, kernels: int = 5) -> Array:
    """Return the discrepancy of features, source (B, D) and target (B', D), in the sum of several kernels."""
    return discrepancy(multi_kernel(jnp.concatenate([source, target]), kernels), source.shape[0])


def jan(source: tuple[Array, Array], target: tuple[Array, Array], kernels: int = 5) -> Array:
    """Return the joint discrepancy of features and predictions: the product of their kernels.

    Args:
        source, target: features (B, D) and probabilities (B, U): sigmoids of several labels instead of a
            softmax.
    """
    features, predictions = (jnp.concatenate(pair) for pair in zip(source, target, strict=True))
    joint = multi_kernel(features, kernels) * gaussian(distances(predictions), PREDICTION_STD**2)
    return discrepancy(joint, source[0].shape[0])


def multi_kernel(features: Array, kernels: int) -> Array:
    """Return the kernel matrix (N, N) of features (N, D): Gaussians of 2^-3, 2^-2, ... times the
    mean squared distance.

    The mean is over all N^2 pairs, and no gradient passes through it.
    """
    squares = distances(features)
    mean = jax.lax.stop_gradient(squares.mean())
    factors = [2.0 ** (_NARROWEST + index) for index in range(kernels)]
    return sum((gaussian(squares, factor * mean) for factor in factors), jnp.zeros_like(squares))


def gaussian(squares: Array, variance: Array | float) -> Array:
    """Return exp(-d / (2 variance)) of squared distances d; 1 everywhere where all are 0."""
    return jnp.exp(-squares / jnp.maximum(2.0 * jnp.asarray(variance, jnp.float32), 1e-12))


def distances(features: Array) -> Array:
    """Return squared Euclidean distances (N, N) between rows (N, D)."""
    return jnp.sum((features[:, None] - features[None]) ** 2, axis=-1)


def discrepancy(kernel: Array, count: int) -> Array:
    """Return MMD^2 from the kernel matrix (N, N) of `count` examples of one domain and then those
    of the other."""
    source, target, cross = kernel[:count, :count], kernel[count:, count:], kernel[:count, count:]
    return _off_diagonal_mean(source) + _off_diagonal_mean(target) - 2.0 * cross.mean()


def _off_diagonal_mean(kernel: Array) -> Array:
    """Return the mean of (n, n) without the diagonal."""
    count = kernel.shape[0]
    return (kernel.sum() - jnp.trace(kernel)) / max(count * (count - 1), 1)
