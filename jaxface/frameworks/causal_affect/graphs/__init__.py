"""Signed causal graphs: files, scores against a known truth, baselines on labels, literature, pictures.

Here is what graphs are made of and measured by; `baselines`, `notears`, `pc`, `contest`, `literature` and
`figures` are modules of their own.
"""

from jaxface.frameworks.causal_affect.graphs.files import read, write
from jaxface.frameworks.causal_affect.graphs.scores import Agreement, EdgeScores, agreement, score
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
    "Agreement",
    "Edge",
    "EdgeScores",
    "SignedGraph",
    "agreement",
    "empty",
    "mean",
    "of_world",
    "read",
    "restricted",
    "score",
    "strongest",
    "thresholded",
    "write",
]
