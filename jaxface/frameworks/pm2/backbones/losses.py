"""JAA-Net's own losses besides the classifiers' (Shao et al. 2018, section 3.4), of one face each."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face._landmarks import COUNT, inner
from jaxface.frameworks.common.framework import Batch
from jaxface.frameworks.common.metrics import masked_mean
from jaxface.frameworks.pm2.backbones.attention_maps import POINTS

ALIGNMENT = 0.5
"""Weight of the landmarks (lambda_1)."""

REFINEMENT = 2e-4
"""Weight of the refined attention (lambda_2), of means over its pixels as in the authors' code."""

_SMOOTH, _LEAST = 1.0, 1e-6
_EYES = (slice(19, 25), slice(25, 31))


def balance(rates: Array) -> Array:
    """Return weights (U,) of units with these rates (U,): rarer ones weigh more, 1 on average (Eq. 5)."""
    rare = 1.0 / jnp.maximum(rates, _LEAST)
    return rare * rates.shape[0] / jnp.sum(rare)


def weighted_cross_entropy(logits: Array, units: Array, mask: Array, weights: Array) -> Array:
    """E_softmax (Eq. 4): mean over the units (U,) with a label of their weighted cross-entropy, ()."""
    return masked_mean(weights * (jax.nn.softplus(logits) - units * logits), mask)


def weighted_dice(logits: Array, units: Array, mask: Array, weights: Array) -> Array:
    """E_dice (Eq. 6): mean over the units with a label of 1 - (2 p q + 1) / (p^2 + q^2 + 1), weighted, ()."""
    probability = jax.nn.sigmoid(logits)
    losses = 1.0 - (2.0 * units * probability + _SMOOTH) / (units**2 + probability**2 + _SMOOTH)
    return masked_mean(weights * losses, mask)


def alignment_loss(landmarks: Array, true: Array) -> Array:
    """E_align (Eq. 7): squared distances of landmarks (49, 2), over twice that of the eyes, ()."""
    right, left = (jnp.mean(true[eye], axis=0) for eye in _EYES)
    eye_distance = jnp.sum((right - left) ** 2)
    return jnp.sum((landmarks - true) ** 2) / (2.0 * jnp.maximum(eye_distance, _LEAST))


def refinement_loss(attention: Array, initial: Array) -> Array:
    """E_r (Eq. 3): cross-entropy with initial attention (n, n, U), pixels' mean, units' sum, ()."""
    probability, target = jnp.clip(attention, _LEAST, 1.0 - _LEAST), jax.lax.stop_gradient(initial)
    log_likelihood = target * jnp.log(probability) + (1.0 - target) * jnp.log1p(-probability)
    return -jnp.sum(jnp.mean(log_likelihood, axis=(0, 1)))


def jaa_loss(net: Any, faces: Array, batch: Batch) -> Array:
    """Return the mean over a batch of all four, for the outputs of a `JaaNet` for its input, faces.

    Units are weighted by how often they occur in the batch.

    Args:
        batch: `units` (B, U), `units_known`, `landmarks` (B, 49 or 68, 2) in widths of the faces.

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
    outputs, units = net.forward(faces), batch["units"]
    mask = batch.get("units_known", jnp.ones_like(units, bool))
    rates = (jnp.sum(units * mask, axis=0) + 1.0) / (jnp.sum(mask, axis=0) + 2.0)
    weights = balance(jax.lax.stop_gradient(rates))
    logits = outputs.logits.astype(jnp.float32)
    unit_losses = sum(
        jax.vmap(loss, (0, 0, 0, None))(logits, units, mask, weights)
        for loss in (weighted_cross_entropy, weighted_dice)
    )
    alignment = jax.vmap(alignment_loss)(outputs.landmarks.astype(jnp.float32), marks)
    attention, initial = (maps.astype(jnp.float32) for maps in (outputs.attention, outputs.initial))
    refinement = jax.vmap(refinement_loss)(attention, initial)
    return jnp.mean(unit_losses + ALIGNMENT * alignment + REFINEMENT * refinement)
