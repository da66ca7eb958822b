"""What is transferred: how a face moves, without whose face it is."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.example import sample_examples
from jaxface.data.rendered.fitting import FitConfig, fit
from jaxface.data.rendered.labels import Face, units_to_activations


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
"""(assets of the avatars, key, shared, numbers (B,), payload) -> expressions of the source images
with
these numbers, leading axis B. `shared` serves all batches, `payload` one; both differ by transfer.
"""


def from_labels(
    assets: SceneAssets, key: Array, shared: None, numbers: Array, payload: dict[str, Array]
) -> Expression:
    """Return expressions that show the labelled action units and none of the others.

    Intensities that the source lacks are drawn from the recipe's range. Which facial unit makes an
    action unit is drawn too, once for both avatars of a pair.

    Args:
        payload: `target` (B, A) by `SceneAssets.action_units`: intensities in [0, 1], or -1 =
            present with unknown intensity.
    """

    def one(number: Array, target: Array) -> Expression:
        k_intensity, k_units = jax.random.split(jax.random.fold_in(key, number))
        intensity = lerp(jax.random.uniform(k_intensity, target.shape), assets.recipe.units.intensity)
        target = jnp.where(target < 0.0, intensity, target)
        return frontal_expression(units_to_activations(k_units, assets, target))

    return jax.vmap(one)(numbers, payload["target"])


def from_rendered(
    assets: SceneAssets, key: Array, shared: tuple[SceneAssets, Array], numbers: Array, payload: None
) -> Expression:
    """Return the expressions with which examples of a stream were rendered.

    Args:
        shared: the source's assets and the key of its stream.
    """
    face, _ = sample_examples(*shared, numbers).shots["image"]
    return expression_of(face)


@lru_cache(maxsize=16)
def from_fit(config: FitConfig) -> Transfer:
    """Return the transfer that fits faces to images.

    Its payload is `image` (B, size, size, 3) uint8, or `landmarks` (B, 68, 2).
    """

    def transfer(
        assets: SceneAssets, key: Array, shared: Any, numbers: Array, payload: dict[str, Array]
    ) -> Expression:
        images = payload.get("image")
        images = None if images is None else images.astype(jnp.float32) / 255.0
        return expression_of(fit(assets, images, payload.get("landmarks"), config).face)

    return transfer


def expression_of(face: Face) -> Expression:
    """Return the expression of a face, without its identity."""
    return Expression(face.activations, face.turn, face.gaze, face.symmetry, face.frozen_left)


def frontal_expression(activations: Array) -> Expression:
    """Return the expression (N,) of a symmetric face that looks straight ahead."""
    return Expression(activations, jnp.zeros(3), jnp.zeros(2), jnp.ones(()), jnp.zeros((), bool))
