"""One example of a recipe, and many of them on the devices."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax

from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.labels import Face, Labels, sample_face, sample_labels
from jaxface.data.rendered.photograph import render_examples
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.face import landmarks


class Example(NamedTuple):
    """An example before its images are rendered.

    Attributes:
        shots: by the name of the image among the example's arrays, a face and the scene it is in.
        columns: the other arrays by name.
    """

    shots: Mapping[str, tuple[Face, SceneParams]]
    columns: Mapping[str, Array]


Sampler = Callable[[Array, SceneAssets], Example]
"""(key, assets) -> example: pure. Programs are compiled once per function object."""


def sample_example(key: Array, assets: SceneAssets) -> Example:
    """Draw one example by the recipe: an `image`, and the columns of its labels."""
    k_labels, k_face, k_scene = jax.random.split(key, 3)
    labels = sample_labels(k_labels, assets)
    face, scene = sample_face(k_face, assets, labels), sample_scene(k_scene, assets)
    return Example({"image": (face, scene)}, columns(assets, labels))


def columns(assets: SceneAssets, labels: Labels) -> dict[str, Array]:
    """Return the labels of one image as columns of a data set, named as in `Dataset.columns`."""
    present = labels.intensity >= assets.recipe.units.threshold
    arrays = {
        "identity": labels.identity,
        "sex": labels.sex,
        "intensity": labels.intensity,
        "units": present.astype(labels.intensity.dtype),
        "units_known": present | True,
    }
    return {"label": labels.label, **arrays} if assets.recipe.expressions.labels else arrays


def sample_examples(
    assets: SceneAssets, key: Array, numbers: Array, sampler: Sampler = sample_example
) -> Example:
    """Draw examples `numbers` (B,) of a stream: a pure function of assets, the stream's key and i."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
    return jax.vmap(sampler, (0, None))(keys, assets)


def examples(shared: tuple[SceneAssets, Array], sampler: Sampler, numbers: Array) -> dict[str, Array]:
    """Render `sample_examples`: images (B, size, size, 3) uint8, and their columns (B, ...).

    Args:
        shared: the assets, and the stream's key.
    """
    assets, key = shared
    batch = sample_examples(assets, key, numbers, sampler)
    images = {name: render_examples(assets, *shot) for name, shot in batch.shots.items()}
    return {**images, **landmark_columns(assets, batch.shots), **batch.columns}


def landmark_columns(assets: SceneAssets, shots: Mapping[str, tuple[Face, SceneParams]]) -> dict[str, Array]:
    """Return the 68 landmarks of each image, (B, 68, 2) float32, if the recipe asks for them.

    `landmarks` of the image `image`, `NAME_landmarks` of others; x right, y down, in widths.
    """
    if not assets.recipe.landmarks:
        return {}
    corners = landmarks(assets.head)
    return {
        "landmarks" if name == "image" else f"{name}_landmarks": points(assets.rig, corners, *shot)
        for name, shot in shots.items()
    }
