"""One face with the global graph and its own (the paper's Fig. 3)."""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.graphs.figures import face_figure
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph, threshold_graph
from jaxface.frameworks.causal_affect.networks import GraphOutputs, Outputs, expression_logits, unit_logits
from jaxface.frameworks.causal_affect.train import forward_eval
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.images import unit_range


def draw_face(
    module: nnx.Module, config: CausalAffectConfig, task: Task, image: np.ndarray, threshold: float = 0.2
) -> Figure:
    """Draw the face, the predicted action units and expression, and both graphs.

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
            "the figure needs networks with expressions, a global graph and one of each sample; train with "
            "parts.global_graph, parts.sample_graph and a data set that has labels"
        )
    graphdef, state = nnx.split(module)
    outputs = jax.jit(lambda state, images: forward_eval(nnx.merge(graphdef, state), images))(
        state, unit_range(jnp.asarray(image)[None])
    )
    global_graph, own = (threshold_graph(graph, threshold) for graph in graphs_of(outputs, task))
    units = np.asarray(unit_logits(outputs, config)[0])
    expressions = np.asarray(expression_logits(outputs, config)[0])
    present = {unit for unit, logit in zip(task.units, units, strict=True) if logit > 0.0}
    rgb = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return face_figure(rgb, global_graph, own, present, task.labels[int(expressions.argmax())])


def graphs_of(outputs: Outputs, task: Task) -> list[SignedGraph]:
    """Return the graphs of the first face of a batch: the global one, then its own."""
    unit_edges, expression_edges = (
        np.asarray(cast(GraphOutputs, branch).edges[0]) for branch in (outputs.units, outputs.expressions)
    )
    loops = np.eye(len(task.units), dtype=bool)[None]
    levels = zip(np.where(loops, 0.0, unit_edges), expression_edges, strict=True)
    return [SignedGraph(task.units, task.labels, among.T, rules.T) for among, rules in levels]
