"""A woman and a man with the same expression, each before their own camera: pure functions on the devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.example import marked
from jaxface.data.rendered.faces import Face, sample_face
from jaxface.data.rendered.labels import intensities, labels_of
from jaxface.data.rendered.photograph import render_examples
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.data.retarget.expression import Expression, Transfer

Pose = Literal["recipe", "source"]


def pair(
    studio: SceneAssets,
    key: Array,
    subject: Array,
    expression: Expression,
    first: int = 0,
    pose: Pose = "recipe",
) -> tuple[Face, SceneParams]:
    """The avatars of one source image: fields have a leading axis of two, the woman and the man.

    Both show the expression and nothing else (their faces at rest show none); person, skin, light, camera and,
    unless `pose` says otherwise, the turn of head and eyes are each one's own.

    Args:
        key: of the pair.
        subject: () int32, which of the source's people: avatars 2 subject and 2 subject + 1 are theirs.
        first: number of avatar 0 among the people of `studio`.
    """
    sexes = jnp.arange(2, dtype=jnp.int32)

    def one(sex: Array) -> tuple[Face, SceneParams]:
        k_face, k_scene = jax.random.split(jax.random.fold_in(key, sex))
        number, rest = first + 2 * subject + sex, jnp.zeros_like(expression.activations)
        labels = labels_of(studio, expression.activations, number, sex=sex, rest=rest)
        own = sample_face(k_face, studio, labels)
        shown = dataclasses.replace(own, symmetry=expression.symmetry, frozen_left=expression.frozen_left)
        if pose == "source":
            shown = dataclasses.replace(shown, turn=expression.turn, gaze=expression.gaze)
        return shown, sample_scene(k_scene, studio)

    return jax.vmap(one)(sexes)


@lru_cache(maxsize=32)
def program(transfer: Transfer, first: int, pose: Pose) -> Callable[..., dict[str, Array]]:
    """(shared, numbers (B,), subjects (B,), payload) -> arrays (2 B, ...), woman and man of each pair side by
    side; the same function object for the same arguments, so that it is compiled once.

    `shared` is (studio, key, what the transfer shares); `image` is (2 B, size, size, 3) uint8, `activations`
    (2 B, N), `shown` (2 B, A) how much of each action unit is to be seen.
    """

    def run(shared: Any, numbers: Array, subjects: Array, payload: Any) -> dict[str, Array]:
        studio, key, more = shared
        k_expression, k_pairs = jax.random.split(key)
        found = transfer(studio, k_expression, more, numbers, payload)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(k_pairs, numbers)
        both = jax.vmap(lambda key, subject, one: pair(studio, key, subject, one, first, pose))(
            keys, subjects, found
        )
        count = 2 * len(numbers)  # not -1: a head may have no albedo coefficient
        faces, shots = jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), both)
        return {
            "image": render_examples(studio, faces, shots),
            "activations": faces.activations,
            "shown": jax.vmap(lambda one: intensities(studio, one))(faces.activations),
            **marked(studio, {"image": (faces, shots)}),
        }

    return run
