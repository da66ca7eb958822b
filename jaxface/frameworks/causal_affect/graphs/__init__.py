"""Signed causal graphs: files, scores against a known truth, baselines on labels, literature, pictures."""

from jaxface.frameworks.causal_affect.graphs.files import read, write
from jaxface.frameworks.causal_affect.graphs.signed import (
    Edge,
    SignedGraph,
    empty,
    mean,
    restricted,
    strongest,
    thresholded,
)
from jaxface.frameworks.causal_affect.graphs.truth import of_world

__all__ = [
    "Edge",
    "SignedGraph",
    "empty",
    "mean",
    "of_world",
    "read",
    "restricted",
    "strongest",
    "thresholded",
    "write",
]
