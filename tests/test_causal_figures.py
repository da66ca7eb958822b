"""Pictures of graphs: an arrow for every edge, in the colour and dash of its sign."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from jaxface.data import rendered
from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.graphs import figures

TRUTH = graphs.of_world(rendered.world("signed"))


def arrows(axes: Axes) -> Counter:
    found = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    return Counter((to_hex(patch.get_edgecolor()), patch.get_linestyle() == "solid") for patch in found)


def test_every_edge_is_an_arrow_of_its_sign() -> None:
    left, right = figures.global_figure(TRUTH, "truth").axes
    assert arrows(left) == {(figures.EXCITES, True): 7, (figures.INHIBITS, False): 4}
    assert arrows(right) == {(figures.EXCITES, True): 10, (figures.INHIBITS, False): 5}
    assert {text.get_text() for text in right.texts} == {*map(str, TRUTH.units), *TRUTH.expressions}


def test_a_face_colours_what_it_shows() -> None:
    drawn = figures.face_figure(np.zeros((8, 8, 3), np.uint8), TRUTH, TRUTH, {4, 6, 7}, "anger")
    face, left, right, _, _ = drawn.axes
    assert face.get_title() == "anger\nAU4, AU6, AU7" and len(face.images) == 1
    loud = {key: count for key, count in arrows(left).items() if key[0] in (figures.EXCITES, figures.INHIBITS)}
    assert loud == {(figures.EXCITES, True): 2, (figures.INHIBITS, False): 1}  # 4 -> 7, 6 -> 7, 4 -| 6
    loud = {key: count for key, count in arrows(right).items() if key[0] in (figures.EXCITES, figures.INHIBITS)}
    assert loud == {(figures.EXCITES, True): 2}  # 4 and 7; 1, which inhibits anger, is not shown
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    figures.global_figure(graphs.empty((), ()))  # nothing to draw is no error
