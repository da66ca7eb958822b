"""Graphs from statistics of the labels alone: co-occurrence and partial correlation.

They take, for every image, both its action units and its expression; CausalAffect never has both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from jaxface.core.errors import ShapeError
from jaxface.frameworks.causal_affect.graphs import SignedGraph

LEVEL = 0.01
"""Probability that a graph has any edge where nothing depends on anything: by Bonferroni."""

_ROUNDING = 1e-9  # magnitude of a 0 after an inverse in float64


class Labels(NamedTuple):
    """Labels of N images.

    Attributes:
        units: U numbers; expressions: E names.
        present: (N, U) float64 of 0 and 1.
        shown: (N, E) float64 of 0 and 1; at most one of them, none for neutral images.
    """

    units: tuple[int, ...]
    expressions: tuple[str, ...]
    present: np.ndarray
    shown: np.ndarray


class Discovery(NamedTuple):
    """A graph, and the magnitude above which the method counts a weight as an edge."""

    graph: SignedGraph
    threshold: float


def make_labels(
    units: Sequence[int],
    present: np.ndarray,
    expressions: Sequence[str] = (),
    label: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Labels:
    """Return the labels of a data set.

    Args:
        units: U numbers; present: (N, U) of 0 and 1.
        expressions: E names to select; label: (N,) indices into `names`.

    Raises:
        ShapeError: arrays that do not fit together.
    """
    count = len(present)
    if present.shape != (count, len(units)) or (label is not None and label.shape != (count,)):
        label_shape = None if label is None else label.shape
        raise ShapeError(f"present is {present.shape}, label {label_shape}; wanted (N, {len(units)}) and (N,)")
    indicators = np.zeros((count, len(expressions)))
    if label is not None:
        for column, name in enumerate(expressions):
            indicators[:, column] = np.asarray(names)[label] == name
    return Labels(tuple(units), tuple(expressions), np.asarray(present, np.float64), indicators)


def cooccurrence(labels: Labels) -> Discovery:
    """Return phi coefficients, the correlations of presence; symmetric between units."""
    table = _correlation(np.concatenate([labels.present, labels.shown], axis=1))
    count = len(labels.units)
    between, to_expressions = table[:count, :count] * (1.0 - np.eye(count)), table[:count, count:]
    return Discovery(_graph(labels, between, to_expressions), _critical_value(labels, conditions=0))


def partial_correlation(labels: Labels) -> Discovery:
    """Return correlations given all other action units; symmetric between units.

    By the inverse of the correlation matrix of the units, for a unit and an expression of the units and that
    expression.
    """
    count = len(labels.units)
    between = _partial(labels.present) * (1.0 - np.eye(count))
    columns = [
        _partial(np.append(labels.present, indicator[:, None], axis=1))[:count, count]
        for indicator in labels.shown.T
    ]
    to_expressions = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
    return Discovery(_graph(labels, between, to_expressions), _critical_value(labels, conditions=count - 1))


def _graph(labels: Labels, between: np.ndarray, to_expressions: np.ndarray) -> SignedGraph:
    return SignedGraph(labels.units, labels.expressions, between, to_expressions)


def _critical_value(labels: Labels, conditions: int) -> float:
    """Return the magnitude that any correlation, given that many others, exceeds by chance with
    probability LEVEL (Fisher's z).

    Args:
        conditions: number of others.
    """
    units, tests = len(labels.units), len(labels.units) * (len(labels.units) - 1) // 2
    tests += units * len(labels.expressions)
    freedom = max(len(labels.present) - conditions - 3, 1)
    return float(np.tanh(ndtri(1.0 - LEVEL / (2 * max(tests, 1))) / np.sqrt(freedom)))


def _correlation(columns: np.ndarray) -> np.ndarray:
    """Return (C, C), exactly symmetric; a constant column correlates with nothing."""
    deviations = columns - columns.mean(axis=0)
    scale = np.sqrt((deviations**2).sum(axis=0))
    unit_columns = deviations / np.where(scale > 0.0, scale, 1.0)
    table = np.clip(unit_columns.T @ unit_columns, -1.0, 1.0)
    table = (table + table.T) / 2
    np.fill_diagonal(table, 1.0)
    return table


def _partial(columns: np.ndarray) -> np.ndarray:
    """Return (C, C) correlations given all other columns; linearly dependent columns share their
    correlation."""
    precision = np.linalg.pinv(_correlation(columns), hermitian=True)
    scale = np.sqrt(np.maximum(np.diagonal(precision), 1e-12))
    table = np.clip(-precision / np.outer(scale, scale), -1.0, 1.0)
    table = np.where(np.abs(table) > _ROUNDING, table, 0.0)
    return (table + table.T) / 2
