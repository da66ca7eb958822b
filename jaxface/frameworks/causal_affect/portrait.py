"""One face beside the graph of all faces and its own, as the networks see it (the paper's Fig. 3)."""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.graphs.figures import face_figure
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph, thresholded
from jaxface.frameworks.causal_affect.networks import GraphOutputs, Outputs, expression_answers, unit_answers
from jaxface.frameworks.causal_affect.train import look
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.common.images import unit_range


def portrait(
    module: nnx.Module, config: CausalAffectConfig, task: Task, image: np.ndarray, threshold: float = 0.2
) -> Figure:
    """The face, the action units and the expression that the networks tell, and both graphs on them.

    Args:
        module: CausalAffect with both kinds of graphs and with expressions.
        image: (size, size, 3 or 1), uint8 or in [0, 1].
        threshold: magnitude from which an edge is drawn.

    Raises:
        ShapeError: an image of another size.
        ConfigError: networks without expressions or without one of the graphs.
    """
    if image.ndim != 3 or image.shape[:2] != (task.size, task.size):
        raise ShapeError(f"image is {image.shape}, wanted ({task.size}, {task.size}, channels)")
    if not (task.labels and config.parts.global_graph and config.parts.sample_graph):
        raise ConfigError(
            "a portrait wants networks with expressions, a graph of all faces and one of each face; train with "
            "parts.global_graph, parts.sample_graph and a data set that has labels"
        )
    graphdef, state = nnx.split(module)
    seen = jax.jit(lambda state, images: look(nnx.merge(graphdef, state), images))(
        state, unit_range(jnp.asarray(image)[None])
    )
    everyone, own = (thresholded(graph, threshold) for graph in graphs_of(seen, task))
    odds, answers = np.asarray(unit_answers(seen, config)[0]), np.asarray(expression_answers(seen, config)[0])
    present = {unit for unit, each in zip(task.units, odds, strict=True) if each > 0.0}
    picture = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return face_figure(picture, everyone, own, present, task.labels[int(answers.argmax())])


def graphs_of(seen: Outputs, task: Task) -> list[SignedGraph]:
    """Of the first face of a batch the graph at every level: that of all faces, then its own."""
    between, onwards = (np.asarray(cast(GraphOutputs, of).edges[0]) for of in (seen.units, seen.expressions))
    loops = np.eye(len(task.units), dtype=bool)[None]
    both = zip(np.where(loops, 0.0, between), onwards, strict=True)
    return [SignedGraph(task.units, task.labels, among.T, rules.T) for among, rules in both]
