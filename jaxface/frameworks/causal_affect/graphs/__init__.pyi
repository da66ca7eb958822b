from .figures import face_figure, global_figure
from .files import read, write
from .scores import Agreement, EdgeScores, agreement, score
from .signed import Edge, SignedGraph, empty, mean, restrict, strongest, threshold_graph, world_graph

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
