"""Rendered training sets: every example is a pure function of (recipe, seed, i).

`rendered_stream` renders batches on the devices, `dataset` into memory, `render_dataset` onto disk.
For examples of your own, write a sampler of one example from `sample_labels` (or
`labels_of(units_to_activations(...))`), `sample_face` and `sample_scene`, and pass it as `sampler`.
"""

from jaxface.data.rendered.assets import SceneAssets, build_assets
from jaxface.data.rendered.causal_world import CausalWorld, load_world
from jaxface.data.rendered.config import RenderedDatasetConfig, load_recipe, recipe_names
from jaxface.data.rendered.example import Example, Sampler, columns, sample_example
from jaxface.data.rendered.labels import (
    Face,
    Labels,
    intensities,
    labels_of,
    sample_face,
    sample_identity,
    sample_labels,
    sample_units,
    units_to_activations,
)
from jaxface.data.rendered.people import Person, sample_person
from jaxface.data.rendered.photograph import render_example, render_examples
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.data.rendered.streams import RenderedStream, dataset, render_dataset, rendered_stream

__all__ = [
    "CausalWorld",
    "Example",
    "Face",
    "Labels",
    "Person",
    "RenderedDatasetConfig",
    "RenderedStream",
    "Sampler",
    "SceneAssets",
    "SceneParams",
    "build_assets",
    "columns",
    "dataset",
    "intensities",
    "labels_of",
    "load_recipe",
    "load_world",
    "recipe_names",
    "render_dataset",
    "render_example",
    "render_examples",
    "rendered_stream",
    "sample_example",
    "sample_face",
    "sample_identity",
    "sample_labels",
    "sample_person",
    "sample_scene",
    "sample_units",
    "units_to_activations",
]
