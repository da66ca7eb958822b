"""A woman and a man with the same expression, each in a scene of their own: pure functions."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.example import landmark_columns, sample_examples
from jaxface.data.rendered.fitting import FitConfig, fit
from jaxface.data.rendered.labels import Face, intensities, labels_of, sample_face, units_to_activations
from jaxface.data.rendered.photograph import render_examples
from jaxface.data.rendered.scenes import SceneParams, sample_scene

Pose = Literal["recipe", "source"]


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
"""(assets of the avatars, key, shared, numbers (B,), payload) -> B expressions of source images.

`shared` serves all batches, `payload` one; both differ by transfer.
"""


def from_labels(
    assets: SceneAssets, key: Array, shared: None, numbers: Array, payload: dict[str, Array]
) -> Expression:
    """Return expressions that show the labelled action units and none of the others.

    Intensities that the source lacks are drawn from the recipe's range. Which facial unit makes an
    action unit is drawn too, once for both avatars of a pair.

    Args:
        payload: `target` (B, A) by `SceneAssets.action_units`, in [0, 1], or -1 = unknown.
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
    """Return the expressions of a stream's examples; `shared` is its assets and key."""
    face, _ = sample_examples(*shared, numbers).shots["image"]
    return expression_of(face)


@lru_cache(maxsize=16)
def from_fit(config: FitConfig) -> Transfer:
    """Return a transfer that fits `image` (B, size, size, 3) uint8 or `landmarks` (B, 68, 2)."""

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


def sample_pair(
    assets: SceneAssets,
    key: Array,
    subject: Array,
    expression: Expression,
    first: int = 0,
    pose: Pose = "recipe",
) -> tuple[Face, SceneParams]:
    """Draw the avatars of one source image: a leading axis of two, the woman and the man.

    Both show the expression and nothing else (their faces at rest show none). Person, skin, light,
    camera and, with `pose = "recipe"`, the pose of head and eyes are drawn for each.

    Args:
        key: of the pair.
        subject: () int32 index of the source's person, with avatars 2 subject and 2 subject + 1.
        first: number of avatar 0 among the people of `assets`.
    """
    sexes = jnp.arange(2, dtype=jnp.int32)

    def one(sex: Array) -> tuple[Face, SceneParams]:
        k_face, k_scene = jax.random.split(jax.random.fold_in(key, sex))
        number, rest = first + 2 * subject + sex, jnp.zeros_like(expression.activations)
        labels = labels_of(assets, expression.activations, number, sex=sex, rest=rest)
        face = sample_face(k_face, assets, labels)
        face = dataclasses.replace(face, symmetry=expression.symmetry, frozen_left=expression.frozen_left)
        if pose == "source":
            face = dataclasses.replace(face, turn=expression.turn, gaze=expression.gaze)
        return face, sample_scene(k_scene, assets)

    return jax.vmap(one)(sexes)


@lru_cache(maxsize=32)
def build_program(transfer: Transfer, first: int, pose: Pose) -> Callable[..., dict[str, Array]]:
    """Return (shared, numbers (B,), subjects (B,), payload) -> arrays (2 B, ...), by pairs.

    The same arguments give the same function object, so that it is compiled once. `shared` is
    (assets, key, what the transfer shares). The arrays are `image` (2 B, size, size, 3) uint8,
    `activations` (2 B, N), and `shown` (2 B, A), each action unit's visible intensity.
    """

    def run(shared: Any, numbers: Array, subjects: Array, payload: Any) -> dict[str, Array]:
        assets, key, transfer_shared = shared
        k_expression, k_pairs = jax.random.split(key)
        expressions = transfer(assets, k_expression, transfer_shared, numbers, payload)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(k_pairs, numbers)
        pairs = jax.vmap(
            lambda key, subject, expression: sample_pair(assets, key, subject, expression, first, pose)
        )(keys, subjects, expressions)
        count = 2 * len(numbers)  # not -1: a head may have no albedo coefficient
        faces, scenes = jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), pairs)
        return {
            "image": render_examples(assets, faces, scenes),
            "activations": faces.activations,
            "shown": jax.vmap(lambda activations: intensities(assets, activations))(faces.activations),
            **landmark_columns(assets, {"image": (faces, scenes)}),
        }

    return run
