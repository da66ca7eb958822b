"""Pictures of graphs: an arrow for every edge, in the colour and dash of its sign."""

import io
from collections import Counter

import jax
import numpy as np
import pytest
from flax import nnx
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.data import rendered
from jaxface.frameworks.causal_affect import CausalAffectConfig, graphs
from jaxface.frameworks.causal_affect.config import GraphConfig, SmallConfig
from jaxface.frameworks.causal_affect.graphs import figures
from jaxface.frameworks.causal_affect.train import FRAMEWORK
from jaxface.frameworks.common.config import Task
from studies.causal_affect.face_figure import draw_face

FAST = {"xla_backend_optimization_level": 0}  # it runs once
TRUTH = graphs.world_graph(rendered.load_world("signed"))


def arrows(axes: Axes) -> Counter:
    patches = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    return Counter((to_hex(patch.get_edgecolor()), patch.get_linestyle() == "solid") for patch in patches)


def test_every_edge_is_an_arrow_of_its_sign() -> None:
    left, right = figures.global_figure(TRUTH, "truth").axes
    assert arrows(left) == {(figures.EXCITES, True): 7, (figures.INHIBITS, False): 4}
    assert arrows(right) == {(figures.EXCITES, True): 10, (figures.INHIBITS, False): 5}
    assert {text.get_text() for text in right.texts} == {*map(str, TRUTH.units), *TRUTH.expressions}


def test_a_face_colours_what_it_shows() -> None:
    figure = figures.face_figure(np.zeros((8, 8, 3), np.uint8), TRUTH, TRUTH, {4, 6, 7}, "anger")
    face, left, right, _, _ = figure.axes
    assert face.get_title() == "anger\nAU4, AU6, AU7" and len(face.images) == 1
    loud = {key: count for key, count in arrows(left).items() if key[0] in (figures.EXCITES, figures.INHIBITS)}
    assert loud == {(figures.EXCITES, True): 2, (figures.INHIBITS, False): 1}  # 4 -> 7, 6 -> 7, 4 -| 6
    loud = {key: count for key, count in arrows(right).items() if key[0] in (figures.EXCITES, figures.INHIBITS)}
    assert loud == {(figures.EXCITES, True): 2}  # 4 and 7; 1, which inhibits anger, is not shown
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    figures.global_figure(graphs.empty((), ()))  # nothing to draw is no error


def test_a_portrait_shows_what_the_networks_tell() -> None:
    size, graph = SmallConfig(channels=(4,), width=8), GraphConfig(width=4, layers=1, start=1.0)
    config = CausalAffectConfig(encoder="small", width=4, small=size, graph=graph)
    task = Task(labels=("anger", "fear"), units=(1, 4, 6), size=8)
    like = nnx.eval_shape(lambda: FRAMEWORK.build(config, task, nnx.Rngs(0)))
    state = jax.jit(lambda: nnx.state(FRAMEWORK.build(config, task, nnx.Rngs(0))), compiler_options=FAST)()
    network = nnx.merge(nnx.graphdef(like), state)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    figure = draw_face(network, config, task, image, threshold=0.0)
    face, among, onwards, own, own_onwards = figure.axes
    expression, present = face.get_title().split("\n")
    assert expression in task.labels
    assert present == "no action unit" or set(present.split(", ")) <= {"AU1", "AU4", "AU6"}
    assert [arrows(axes).total() for axes in (among, onwards, own, own_onwards)] == [6, 6, 6, 6]
    with pytest.raises(ShapeError, match=r"wanted \(8, 8, channels\)"):
        draw_face(network, config, task, image[:4])
    units = Task(labels=(), units=(1, 4, 6), size=8)
    with pytest.raises(ConfigError, match="needs networks with expressions"):
        draw_face(network, config, units, image)
