"""What JAA-Net minimises beside the classifiers' loss (Shao et al. 2018, section 3.4), of one face each."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face._landmarks import COUNT, inner
from jaxface.frameworks.common.framework import Batch
from jaxface.frameworks.pm2.backbones.attention_maps import POINTS

ALIGNMENT = 0.5
"""Weight of the landmarks (lambda_1)."""

REFINEMENT = 2e-4
"""Weight of the refined attention (lambda_2), of means over its pixels as in the authors' code."""

_SMOOTH, _LEAST = 1.0, 1e-6
_EYES = (slice(19, 25), slice(25, 31))


def balance(rates: Array) -> Array:
    """Weights (U,) of units that occur at these rates (U,): the rarer the more, one on average (Eq. 5)."""
    rare = 1.0 / jnp.maximum(rates, _LEAST)
    return rare * rates.shape[0] / jnp.sum(rare)


def weighted_cross_entropy(logits: Array, units: Array, known: Array, weights: Array) -> Array:
    """E_softmax (Eq. 4): mean over the units (U,) that are known of their weighted cross-entropy, ()."""
    each = jax.nn.softplus(logits) - units * logits
    return jnp.sum(jnp.where(known, weights * each, 0.0)) / jnp.maximum(jnp.sum(known), 1)


def weighted_dice(logits: Array, units: Array, known: Array, weights: Array) -> Array:
    """E_dice (Eq. 6): mean over the units that are known of 1 - (2 p q + 1) / (p^2 + q^2 + 1), weighted, ()."""
    answer = jax.nn.sigmoid(logits)
    each = 1.0 - (2.0 * units * answer + _SMOOTH) / (units**2 + answer**2 + _SMOOTH)
    return jnp.sum(jnp.where(known, weights * each, 0.0)) / jnp.maximum(jnp.sum(known), 1)


def alignment_loss(found: Array, true: Array) -> Array:
    """E_align (Eq. 7): squared distances of landmarks (49, 2), over twice the squared distance of the eyes,
    ()."""
    right, left = (jnp.mean(true[each], axis=0) for each in _EYES)
    apart = jnp.sum((right - left) ** 2)
    return jnp.sum((found - true) ** 2) / (2.0 * jnp.maximum(apart, _LEAST))


def refinement_loss(refined: Array, initial: Array) -> Array:
    """E_r (Eq. 3): cross-entropy between refined and initial attention (n, n, U), summed over units, mean over
    pixels, ()."""
    answer, wanted = jnp.clip(refined, _LEAST, 1.0 - _LEAST), jax.lax.stop_gradient(initial)
    each = wanted * jnp.log(answer) + (1.0 - wanted) * jnp.log1p(-answer)
    return -jnp.sum(jnp.mean(each, axis=(0, 1)))


def jaa_loss(net: Any, faces: Array, batch: Batch) -> Array:
    """The mean over a batch of all four, of the net's own answer, landmarks and attention.

    Units are weighted by how often they occur in the batch.

    Args:
        net: a `JaaNet`.
        faces: (B, size, size, 3) as it sees them.
        batch: `units` (B, U), `units_known`, and `landmarks` (B, 49 or 68, 2) in widths of these faces.

    Raises:
        ConfigError: a batch without landmarks.
    """
    if "landmarks" not in batch:
        raise ConfigError(
            "JAA-Net learns landmarks, which the source does not have; a rendered source has them with "
            "landmarks = true in its recipe"
        )
    marks = batch["landmarks"]
    marks = inner(marks) if marks.shape[1] == COUNT else marks
    if marks.shape[1:] != (POINTS, 2):
        raise ConfigError(f"landmarks have shape {marks.shape}, wanted (batch, 49 or 68, 2)")
    seen, units = net.seen(faces), batch["units"]
    known = batch.get("units_known", jnp.ones_like(units, bool))
    rates = (jnp.sum(units * known, axis=0) + 1.0) / (jnp.sum(known, axis=0) + 2.0)
    weights = balance(jax.lax.stop_gradient(rates))
    logits = seen.logits.astype(jnp.float32)
    answered = sum(
        jax.vmap(each, (0, 0, 0, None))(logits, units, known, weights)
        for each in (weighted_cross_entropy, weighted_dice)
    )
    aligned = jax.vmap(alignment_loss)(seen.landmarks.astype(jnp.float32), marks)
    refined = jax.vmap(refinement_loss)(seen.refined.astype(jnp.float32), seen.initial.astype(jnp.float32))
    return jnp.mean(answered + ALIGNMENT * aligned + REFINEMENT * refined)
