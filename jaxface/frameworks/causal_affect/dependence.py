"""HSIC (Gretton et al. 2005) between the features of many units at once: Eq. 1 of the paper.

A kernel is a (B, B) matrix over the examples of a batch. All kernels are stacked to one (N, B, B) tensor and
centred once, so that the dependence of all pairs is one matrix product.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.edges import without_loops

_TINY = 1e-12  # of a kernel that is the same everywhere, whose HSIC with itself is 0


class Dependences(NamedTuple):
    """The three terms of Eq. 1, () each."""

    bottleneck: Array  # mean HSIC of a unit's features and the embedding
    alignment: Array  # minus the mean HSIC of a unit's features and its label
    decorrelation: Array  # HSIC of two units' features, over all ordered pairs, divided by N^2


def squared_distances(features: Array) -> Array:
    """Return squared distances between rows, (..., B, D) -> (..., B, B), 0 or more, diagonal 0."""
    norms = (features**2).sum(-1)
    product = jnp.einsum("...id,...jd->...ij", features, features)
    squares = norms[..., :, None] + norms[..., None, :] - 2.0 * product
    return without_loops(jnp.maximum(squares, 0.0))


def median_bandwidth(distances: Array) -> Array:
    """Return sigma^2 of each kernel: the median squared distance of two examples, without gradient.

    Of squared distances (..., B, B), B > 1: (...,), at least a tiny number where all are alike.
    """
    first, second = jnp.triu_indices(distances.shape[-1], 1)
    median = jnp.median(jax.lax.stop_gradient(distances)[..., first, second], axis=-1)
    return jnp.maximum(median, _TINY)


def gaussian_kernel(features: Array) -> Array:
    """Return exp(-d^2 / (2 sigma^2)) with the median bandwidth: (..., B, D) -> (..., B, B)."""
    distances = squared_distances(features)
    return jnp.exp(-distances / (2.0 * median_bandwidth(distances)[..., None, None]))


def label_kernel(labels: Array) -> Array:
    """Return the linear kernel of numbers in [0, 1], (..., B) -> (..., B, B).

    Of labels 0 and 1 it is, once centred, half of the kernel of equality.
    """
    return labels[..., :, None] * labels[..., None, :]


def center(kernels: Array) -> Array:
    """Return H K H for symmetric kernels (..., B, B): rows and columns without their means."""
    rows = kernels.mean(-1, keepdims=True)
    return kernels - rows - jnp.swapaxes(rows, -1, -2) + rows.mean(-2, keepdims=True)


def dependence_matrix(kernels: Array, normalize: bool) -> Array:
    """Return HSIC of every pair of kernels (N, B, B), in one product: (N, N).

    Args:
        normalize: tr(K H L H) over the geometric mean of tr(K H K H) and tr(L H L H), in [0, 1]; a kernel that
            is the same everywhere depends on nothing. Otherwise the biased estimate tr(K H L H) / (B - 1)^2.
    """
    flat = center(kernels).reshape(len(kernels), -1)
    products = jnp.einsum("ip,jp->ij", flat, flat)
    if not normalize:
        return products / (kernels.shape[-1] - 1) ** 2
    scale = jax.lax.rsqrt(jnp.diagonal(products) + _TINY)
    return products * scale[:, None] * scale[None, :]


def dependences(features: Array, embedding: Array, labels: Array, normalize: bool) -> Dependences:
    """Eq. 1 of a batch: features (U, B, d), embedding (B, D), labels or probabilities (U, B)."""
    units = len(features)
    kernels = [gaussian_kernel(features), label_kernel(labels), gaussian_kernel(embedding)[None]]
    matrix = dependence_matrix(jnp.concatenate(kernels), normalize)
    unit_pairs = matrix[:units, :units]
    return Dependences(
        bottleneck=matrix[:units, -1].mean(),
        alignment=-jnp.diagonal(matrix[:units, units:-1]).mean(),
        decorrelation=(unit_pairs.sum() - jnp.trace(unit_pairs)) / units**2,
    )
