"""Signed causal graphs: construction, files, scores against a known truth, figures."""

from jaxface.frameworks.causal_affect.graphs.figures import face_figure, global_figure
from jaxface.frameworks.causal_affect.graphs.files import read, write
from jaxface.frameworks.causal_affect.graphs.scores import Agreement, EdgeScores, agreement, score
from jaxface.frameworks.causal_affect.graphs.signed import (
    Edge,
    SignedGraph,
    empty,
    mean,
    restrict,
    strongest,
    threshold_graph,
    world_graph,
)

__all__ = [
    "Agreement",
    "Edge",
    "EdgeScores",
    "SignedGraph",
    "agreement",
    "empty",
    "face_figure",
    "global_figure",
    "mean",
    "read",
    "restrict",
    "score",
    "strongest",
    "threshold_graph",
    "world_graph",
    "write",
]
