"""The losses of the paper, Eq. 2 to 6, of one example each (D features, U action units), and its
baselines' domain discrepancies, of a batch, in their form for several labels at once.

Maximum mean discrepancy: DAN (Long et al. 2015, arXiv:1502.02791), JAN (Long et al. 2017,
arXiv:1605.06636); the estimate is the unbiased one over all pairs, so it may be a little below
zero. Adversarial: DANN (Ganin et al. 2016, arXiv:1505.07818), CDAN (Long et al. 2018,
arXiv:1705.10667). Moments: M3SDA (Peng et al. 2019, arXiv:1812.01754).
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

Over = Literal["mean", "sum"]

PREDICTION_STD = 0.92
"""Of the single kernel on predictions in JAN."""

_NARROWEST = -3  # exponent of the first factor on the mean squared distance


def unit_loss(logits: Array, units: Array, mask: Array, over: Over) -> Array:
    """Eq. 2: binary cross-entropy of action units (U,) with a label (the mask), () >= 0.

    `over`: their sum, as written, or their mean.
    """
    margins = jnp.where(units > 0.5, logits, -logits)
    losses = jnp.where(mask, -jax.nn.log_sigmoid(margins), 0.0)
    count = jnp.maximum(mask.sum(), 1).astype(jnp.float32) if over == "mean" else 1.0
    return losses.sum() / count


def discrepancy(first: Array, second: Array, over: Over) -> Array:
    """Eq. 3: the distance of the probabilities of two classifiers, from their logits (U,)."""
    gap = jnp.abs(jax.nn.sigmoid(first) - jax.nn.sigmoid(second))
    return gap.mean() if over == "mean" else gap.sum()


def moment_distance(one: Array, other: Array, over: Over) -> Array:
    """Eq. 5: |a - b| + |a^2 - b^2| of two images' features (D,), powers by element; gradient 0 at 0."""
    difference = one - other
    # a^2 - b^2, fused, is not 0 where a = b
    return norm(difference, over) + norm(difference * (one + other), over)


def paired_moments(face: Array, female: Array, male: Array, over: Over) -> Array:
    """Eq. 6: the mean distance between the features (D,) of a face and of its two avatars."""
    pairs = ((face, female), (face, male), (female, male))
    return sum((moment_distance(*pair, over) for pair in pairs), jnp.zeros(())) / 3.0


def norm(vector: Array, over: Over) -> Array:
    """The Euclidean length of (D,), or the root of the mean square; its gradient at 0 is 0."""
    square = jnp.sum(vector**2) if over == "sum" else jnp.mean(vector**2)
    return jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)


def dan(source: Array, target: Array, kernels: int = 5) -> Array:
    """Return the discrepancy of features, source (B, D) and target (B', D), in the sum of several kernels."""
    return kernel_discrepancy(multi_kernel(jnp.concatenate([source, target]), kernels), source.shape[0])


def jan(source: tuple[Array, Array], target: tuple[Array, Array], kernels: int = 5) -> Array:
    """Return the joint discrepancy, by the product of their kernels, of features (B, D) and
    predictions (B, U): sigmoids of several labels instead of a softmax."""
    features, predictions = (jnp.concatenate(pair) for pair in zip(source, target, strict=True))
    joint = multi_kernel(features, kernels) * gaussian(squared_distances(predictions), PREDICTION_STD**2)
    return kernel_discrepancy(joint, source[0].shape[0])


def multi_kernel(features: Array, kernels: int) -> Array:
    """Return the kernel matrix (N, N) of features (N, D): Gaussians of 2^-3, 2^-2, ... times the
    mean squared distance of all N^2 pairs, through which no gradient passes."""
    squares = squared_distances(features)
    mean = jax.lax.stop_gradient(squares.mean())
    factors = [2.0 ** (_NARROWEST + index) for index in range(kernels)]
    return sum((gaussian(squares, factor * mean) for factor in factors), jnp.zeros_like(squares))


def gaussian(squares: Array, variance: Array | float) -> Array:
    """Return exp(-d / (2 variance)) of squared distances d; 1 everywhere where all are 0."""
    return jnp.exp(-squares / jnp.maximum(2.0 * jnp.asarray(variance, jnp.float32), 1e-12))


def squared_distances(features: Array) -> Array:
    """Return squared Euclidean distances (N, N) between rows (N, D)."""
    return jnp.sum((features[:, None] - features[None]) ** 2, axis=-1)


def kernel_discrepancy(kernel: Array, count: int) -> Array:
    """Return MMD^2 from the kernel matrix (N, N) of `count` examples of one domain, then others."""
    source, target, cross = kernel[:count, :count], kernel[count:, count:], kernel[:count, count:]
    return _off_diagonal_mean(source) + _off_diagonal_mean(target) - 2.0 * cross.mean()


def _off_diagonal_mean(kernel: Array) -> Array:
    """Return the mean of (n, n) without the diagonal."""
    count = kernel.shape[0]
    return (kernel.sum() - jnp.trace(kernel)) / max(count * (count - 1), 1)


def reversal_scale(step_fraction: Array, rate: float) -> Array:
    """Return the scale of the reversed gradient, 2 / (1 + exp(-rate p)) - 1, 0 at first."""
    return 2.0 * jax.nn.sigmoid(rate * step_fraction) - 1.0


def domain_loss(source: Array, target: Array) -> Array:
    """Return the binary cross-entropy of a discriminator's logits, source (B, 1) and target (B', 1); () >= 0.

    Both domains weigh alike, so that chance level is log 2.
    """
    return -(jax.nn.log_sigmoid(source).mean() + jax.nn.log_sigmoid(-target).mean()) / 2.0


def joint(features: Array, probabilities: Array) -> Array:
    """Return the input of CDAN's discriminator for an example: the outer product of (D,) and (U,), (D U,).

    No gradient passes through the probabilities, which are sigmoids of all action units instead of a softmax.
    """
    return jnp.outer(features, jax.lax.stop_gradient(probabilities)).reshape(-1)


def moments(features: Array, orders: int, central: bool, mask: Array | None = None) -> Array:
    """Return the first `orders` moments of each feature, (orders, D) from (B, D); mask (B,).

    `central`: those from the second on are about the mean, not about zero.
    """
    if mask is None:
        mask = jnp.ones(features.shape[0])
    weights = mask.astype(features.dtype)
    weights = (weights / jnp.maximum(weights.sum(), 1.0))[:, None]
    mean = (weights * features).sum(0)
    deviations = features - mean[None] if central else features
    higher = [(weights * deviations**order).sum(0) for order in range(2, orders + 1)]
    return jnp.stack([mean, *higher])


def moment_gap(one: Array, other: Array, over: Over) -> Array:
    """Eq. 4 of PM2: the sum over orders of the distance between two domains' moments (orders, D)."""
    return sum((norm(row, over) for row in one - other), jnp.zeros(()))


def multi_source(sources: Sequence[Array], target: Array, over: Over) -> Array:
    """Return M3SDA's mean distance of moments (orders, D) to the target, and between sources."""
    to_target = [moment_gap(source, target, over) for source in sources]
    between = [moment_gap(one, other, over) for one, other in itertools.combinations(sources, 2)]
    return _mean(to_target) + _mean(between)


def _mean(values: Sequence[Array]) -> Array:
    return sum(values, jnp.zeros(())) / max(len(values), 1)
