"""The PC algorithm of causal-learn on the labels, where it is installed (`pip install --group studies`)."""

import warnings
from importlib.util import find_spec

import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from studies.causal_affect.baselines import Discovery, Labels, partial_correlation

LEVEL = 0.01  # of each test of independence
_UNDIRECTED = 0.5  # weight of each direction of an edge without one


def available() -> bool:
    """Return whether causal-learn is installed."""
    return find_spec("causallearn") is not None


def fit_pc(labels: Labels, level: float = LEVEL) -> Discovery:
    """Return the graph by PC (Spirtes & Glymour 1991) with G-squared tests; expressions cause nothing.

    PC gives edges and some directions, but no strengths or signs: a directed edge weighs 1, an undirected one
    1/2 either way, with the sign of the partial correlation.

    Raises:
        ConfigError: causal-learn is not installed.
    """
    if not available():
        raise ConfigError("PC needs causal-learn, which is not installed; pip install --group studies")
    units, signs = len(labels.units), partial_correlation(labels).graph
    # Units alone first, so that no edge between units is conditioned on an expression.
    unit_edges = _adjacency(labels.present, units, level)
    expression_edges = _adjacency(np.append(labels.present, labels.shown, axis=1), units, level)[:units, units:]
    between = unit_edges * np.where(signs.between < 0.0, -1.0, 1.0)
    to_expressions = expression_edges * np.where(signs.to_expressions < 0.0, -1.0, 1.0)
    return Discovery(SignedGraph(labels.units, labels.expressions, between, to_expressions), 0.0)


def _adjacency(columns: np.ndarray, units: int, level: float) -> np.ndarray:
    """Return (d, d) from row to column, of 0, 1/2 and 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from the packages that causal-learn imports
        from causallearn.graph.GraphNode import GraphNode
        from causallearn.search.ConstraintBased.PC import pc as search
        from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

        count = columns.shape[1]
        names = [f"X{column + 1}" for column in range(count)]
        knowledge = BackgroundKnowledge()
        for column in range(units, count):
            for other in range(count):
                if other != column:
                    knowledge.add_forbidden_by_node(GraphNode(names[column]), GraphNode(names[other]))
        matrix = search(
            columns.astype(int),
            level,
            "gsq",
            background_knowledge=knowledge,
            show_progress=False,
            node_names=names,
        ).G.graph
    # In causal-learn's matrix [j, i] = 1 and [i, j] = -1 is i -> j, and -1 twice is i - j.
    one_way, either_way = (matrix.T == 1) & (matrix == -1), (matrix == -1) & (matrix.T == -1)
    adjacency = np.where(one_way, 1.0, np.where(either_way, _UNDIRECTED, 0.0))
    adjacency[units:] = 0.0
    return adjacency
