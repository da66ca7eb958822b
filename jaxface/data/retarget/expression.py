"""What is transferred: how a face moves, apart from whose face it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.example import sample_example
from jaxface.data.rendered.faces import Face
from jaxface.data.rendered.fitting import FitConfig, fit
from jaxface.data.rendered.labels import units_to_activations


@pytree
class Expression:
    """The expression of a face.

    Attributes:
        activations: (N,) of facial units in [0, 1].
        turn: (3,), gaze: (2,), symmetry: (), frozen_left: () as in `rendered.Face`.
    """

    activations: Array
    turn: Array
    gaze: Array
    symmetry: Array
    frozen_left: Array


Transfer = Callable[[SceneAssets, Array, Any, Array, Any], Expression]
"""(studio of the avatars, key, shared, numbers (B,), payload) -> expressions with a leading axis B, of the
source images with these numbers; `shared` and `payload` are what the way of transfer needs."""


def from_labels(
    studio: SceneAssets, key: Array, shared: None, numbers: Array, payload: dict[str, Array]
) -> Expression:
    """Expressions that show labelled action units and none of the others.

    Where the source knows no intensities they are drawn from the recipe's range; which facial unit makes an
    action unit is drawn too, once for both avatars of a pair.

    Args:
        payload: `wanted` (B, A) by `Studio.action_units`: intensities in [0, 1], or -1 = present, of unknown
            intensity.
    """

    def one(number: Array, wanted: Array) -> Expression:
        k_intensity, k_made = jax.random.split(jax.random.fold_in(key, number))
        drawn = lerp(jax.random.uniform(k_intensity, wanted.shape), studio.recipe.units.intensity)
        return still(units_to_activations(k_made, studio, jnp.where(wanted < 0.0, drawn, wanted)))

    return jax.vmap(one)(numbers, payload["wanted"])


def from_rendered(
    studio: SceneAssets, key: Array, shared: tuple[SceneAssets, Array], numbers: Array, payload: None
) -> Expression:
    """The expressions that rendered examples were drawn with.

    Args:
        shared: the source's studio and the key of its stream.
    """
    source, stream = shared
    keys = jax.vmap(jax.random.fold_in, (None, 0))(stream, numbers)
    face, _ = jax.vmap(sample_example, (0, None))(keys, source).shots["image"]
    return of_face(face)


@lru_cache(maxsize=16)
def from_fit(config: FitConfig) -> Transfer:
    """Expressions found in images (B, size, size, 3) uint8, `image`, or by landmarks (B, 68, 2),
    `landmarks`."""

    def transfer(
        studio: SceneAssets, key: Array, shared: Any, numbers: Array, payload: dict[str, Array]
    ) -> Expression:
        images = payload.get("image")
        seen = None if images is None else images.astype(jnp.float32) / 255.0
        return of_face(fit(studio, seen, payload.get("landmarks"), config).face)

    return transfer


def of_face(face: Face) -> Expression:
    """What of a face is expression."""
    return Expression(face.activations, face.turn, face.gaze, face.symmetry, face.frozen_left)


def still(activations: Array) -> Expression:
    """Activations (N,) of a symmetric face that looks straight ahead."""
    return Expression(activations, jnp.zeros(3), jnp.zeros(2), jnp.ones(()), jnp.zeros((), bool))
