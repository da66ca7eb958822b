"""Training sets made by face + render: every example a pure function of (recipe, seed, i).

`stream` makes batches on the devices, `dataset` draws into memory, `draw` onto disk. For examples of your own
write a sampler from the pieces: `sample_labels` (or `labels_of(realise(...))`), `sample_face`, `sample_scene`,
each one example's, and pass it to `stream`.
"""

from jaxface.data.rendered.assets import Studio, studio
from jaxface.data.rendered.causal_world import Causes, world
from jaxface.data.rendered.config import Recipe, recipe, recipe_names
from jaxface.data.rendered.example import Example, Sampler, columns, sample
from jaxface.data.rendered.faces import Face, sample_face
from jaxface.data.rendered.labels import (
    Labels,
    intensities,
    labels_of,
    realise,
    sample_identity,
    sample_labels,
    sample_units,
)
from jaxface.data.rendered.people import person, style
from jaxface.data.rendered.photograph import picture, pictures
from jaxface.data.rendered.scenes import Shot, sample_scene
from jaxface.data.rendered.streams import RenderedStream, dataset, draw, stream

__all__ = [
    "Causes",
    "Example",
    "Face",
    "Labels",
    "Recipe",
    "RenderedStream",
    "Sampler",
    "Shot",
    "Studio",
    "columns",
    "dataset",
    "draw",
    "intensities",
    "labels_of",
    "person",
    "picture",
    "pictures",
    "realise",
    "recipe",
    "recipe_names",
    "sample",
    "sample_face",
    "sample_identity",
    "sample_labels",
    "sample_scene",
    "sample_units",
    "stream",
    "studio",
    "style",
    "world",
]
