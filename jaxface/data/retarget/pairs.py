"""A woman and a man with the same expression, each in a scene of their own: pure functions."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.example import landmark_columns
from jaxface.data.rendered.labels import Face, intensities, labels_of, sample_face
from jaxface.data.rendered.photograph import render_examples
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.data.retarget.expression import Expression, Transfer

Pose = Literal["recipe", "source"]


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
    """Return (shared, numbers (B,), subjects (B,), payload) -> arrays (2 B, ...), woman, man, in
    turn.

    The same arguments give the same function object, so that it is compiled once. `shared` is
    (assets, key, what the transfer shares). The arrays are `image` (2 B, size, size, 3) uint8,
    `activations` (2 B, N), and `shown` (2 B, A), the intensity of each action unit that the image
    shows.
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
