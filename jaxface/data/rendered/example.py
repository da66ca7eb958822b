"""One example of a recipe, and many of them on the devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax

from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.faces import Face, sample_face
from jaxface.data.rendered.labels import Labels, sample_labels
from jaxface.data.rendered.photograph import render_examples
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.face import landmarks


class Example(NamedTuple):
    """What is drawn, before it is drawn.

    Attributes:
        shots: by the name of the image among an example's arrays, who stands before which camera.
        columns: the other arrays by name.
    """

    shots: Mapping[str, tuple[Face, SceneParams]]
    columns: Mapping[str, Array]


Sampler = Callable[[Array, SceneAssets], Example]
"""(key, studio) -> example: pure, of one example. Its function object is what programs are compiled for."""


def sample_example(key: Array, studio: SceneAssets) -> Example:
    """One example by the recipe: an `image`, and the columns of its labels."""
    k_labels, k_face, k_scene = jax.random.split(key, 3)
    labels = sample_labels(k_labels, studio)
    face, shot = sample_face(k_face, studio, labels), sample_scene(k_scene, studio)
    return Example({"image": (face, shot)}, columns(studio, labels))


def columns(studio: SceneAssets, labels: Labels) -> dict[str, Array]:
    """What a data set knows of an image with these labels, as `Dataset.columns` names it."""
    present = labels.intensity >= studio.recipe.units.threshold
    known = {
        "identity": labels.identity,
        "sex": labels.sex,
        "intensity": labels.intensity,
        "units": present.astype(labels.intensity.dtype),
        "units_known": present | True,
    }
    return {"label": labels.label, **known} if studio.recipe.expressions.labels else known


def examples(shared: tuple[SceneAssets, Array], sampler: Sampler, numbers: Array) -> dict[str, Array]:
    """Examples `numbers` (B,) of a stream: images (B, size, size, 3) uint8, and their columns (B, ...).

    Args:
        shared: the studio, and the stream's key; example i is a pure function of both and of i.
    """
    studio, key = shared
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
    drawn = jax.vmap(sampler, (0, None))(keys, studio)
    images = {name: render_examples(studio, *shot) for name, shot in drawn.shots.items()}
    return {**images, **marked(studio, drawn.shots), **drawn.columns}


def marked(studio: SceneAssets, shots: Mapping[str, tuple[Face, SceneParams]]) -> dict[str, Array]:
    """`landmarks` (B, 68, 2) float32 of the pictures called `image`, `NAME_landmarks` of others; x right, y
    down, in widths of the image, where the recipe asks for them."""
    if not studio.recipe.landmarks:
        return {}
    of = landmarks(studio.head)
    return {
        "landmarks" if name == "image" else f"{name}_landmarks": points(studio.rig, of, *shot)
        for name, shot in shots.items()
    }
