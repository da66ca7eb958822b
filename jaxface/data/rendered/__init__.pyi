from .assets import SceneAssets, build_assets
from .causal_world import CausalWorld, load_world
from .config import RenderedDatasetConfig, load_recipe, recipe_names
from .example import Example, Sampler, columns, sample_example
from .labels import (
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
from .people import Person, sample_person
from .photograph import render_example, render_examples
from .scenes import SceneParams, sample_scene
from .streams import RenderedStream, dataset, render_dataset, rendered_stream

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
