"""Training sets made by face + render: every example a pure function of (recipe, seed, i).

`stream` makes batches on the devices, `dataset` draws into memory, `draw` onto disk. For examples of your own
write a sampler from the pieces: `sample_labels` (or `labels_of(realise(...))`), `sample_face`, `sample_scene`,
each one example's, and pass it to `stream`.
"""

from jaxface.data.rendered.assets import SceneAssets, build_assets
from jaxface.data.rendered.causal_world import CausalWorld, load_world
from jaxface.data.rendered.config import RenderedDatasetConfig, load_recipe, recipe_names
from jaxface.data.rendered.example import Example, Sampler, columns, sample_example
from jaxface.data.rendered.faces import Face, sample_face
from jaxface.data.rendered.labels import (
    Labels,
    intensities,
    labels_of,
    sample_identity,
    sample_labels,
    sample_units,
    units_to_activations,
)
from jaxface.data.rendered.people import sample_person, sample_style
from jaxface.data.rendered.photograph import render_example, render_examples
from jaxface.data.rendered.scenes import SceneParams, sample_scene
from jaxface.data.rendered.streams import RenderedStream, dataset, render_dataset, rendered_stream

__all__ = [
    "CausalWorld",
    "Example",
    "Face",
    "Labels",
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
    "sample_style",
    "sample_units",
    "units_to_activations",
]
