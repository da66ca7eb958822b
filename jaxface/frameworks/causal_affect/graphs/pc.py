"""The PC algorithm of causal-learn on the labels, where it is installed (`pip install jaxface[causal]`)."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.frameworks.causal_affect.graphs.baselines import Found, Labels, partial_correlation
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

LEVEL = 0.01  # of each test of independence
_UNDIRECTED = 0.5  # weight of an edge of either direction where neither is told


def available() -> bool:
    """Whether causal-learn is installed."""
    return find_spec("causallearn") is not None


def pc(seen: Labels, level: float = LEVEL) -> Found:
    """The graph by PC (Spirtes & Glymour 1991) with G-squared tests; expressions cause nothing.

    It says whether there is an edge and sometimes which way, not how strong it is nor its sign: a directed edge
    weighs 1, one of unknown direction 1/2 either way, with the sign of the partial correlation.

    Raises:
        ConfigError: causal-learn is not installed.
    """
    if not available():
        raise ConfigError("PC is causal-learn's, which is not installed; pip install 'jaxface[causal]'")
    units, signs = len(seen.units), partial_correlation(seen).graph
    # Expressions come after the units, so that nothing between units is judged with an expression given.
    among = _adjacency(seen.present, units, level)
    onwards = _adjacency(np.append(seen.present, seen.shown, axis=1), units, level)[:units, units:]
    between = among * np.where(signs.between < 0.0, -1.0, 1.0)
    to_expressions = onwards * np.where(signs.to_expressions < 0.0, -1.0, 1.0)
    return Found(SignedGraph(seen.units, seen.expressions, between, to_expressions), 0.0)


def _adjacency(columns: np.ndarray, units: int, level: float) -> np.ndarray:
    """(d, d) from row to column, of 0, 1/2 and 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that it imports
        from causallearn.graph.GraphNode import GraphNode
        from causallearn.search.ConstraintBased.PC import pc as search
        from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

        count = columns.shape[1]
        names = [f"X{place + 1}" for place in range(count)]
        known = BackgroundKnowledge()
        for place in range(units, count):
            for other in range(count):
                if other != place:
                    known.add_forbidden_by_node(GraphNode(names[place]), GraphNode(names[other]))
        found = search(
            columns.astype(int), level, "gsq", background_knowledge=known, show_progress=False, node_names=names
        ).G.graph
    # In causal-learn's matrix [j, i] = 1 and [i, j] = -1 is i -> j, and -1 twice is i - j.
    directed, either = (found.T == 1) & (found == -1), (found == -1) & (found.T == -1)
    joined = np.where(directed, 1.0, np.where(either, _UNDIRECTED, 0.0))
    joined[units:] = 0.0
    return joined
