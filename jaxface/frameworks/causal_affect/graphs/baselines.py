"""What statistics find in the labels alone: co-occurrence and partial correlation.

They are told, for every image, its action units and its expression together, which CausalAffect never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from jaxface.core.errors import ShapeError
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph

LEVEL = 0.01
"""Probability that a graph has any edge where nothing depends on anything: by Bonferroni."""

_ROUNDING = 1e-9  # what an inverse in float64 leaves of 0


class Labels(NamedTuple):
    """Labels of N images.

    Attributes:
        units: U numbers; expressions: E names.
        present: (N, U) float64 of 0 and 1.
        shown: (N, E) float64 of 0 and 1; at most one of them, none for what is neutral.
    """

    units: tuple[int, ...]
    expressions: tuple[str, ...]
    present: np.ndarray
    shown: np.ndarray


class Found(NamedTuple):
    """A graph, and the magnitude above which its author counts a weight as an edge."""

    graph: SignedGraph
    threshold: float


def labels(
    units: Sequence[int],
    present: np.ndarray,
    expressions: Sequence[str] = (),
    label: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Labels:
    """Labels of a data set.

    Args:
        units: U numbers; present: (N, U) of 0 and 1.
        expressions: E names that are wanted; label: (N,) indices into `names`.

    Raises:
        ShapeError: arrays that do not fit together.
    """
    count = len(present)
    if present.shape != (count, len(units)) or (label is not None and label.shape != (count,)):
        told = None if label is None else label.shape
        raise ShapeError(f"present is {present.shape}, label {told}; wanted (N, {len(units)}) and (N,)")
    shown = np.zeros((count, len(expressions)))
    if label is not None:
        for column, name in enumerate(expressions):
            shown[:, column] = np.asarray(names)[label] == name
    return Labels(tuple(units), tuple(expressions), np.asarray(present, np.float64), shown)


def cooccurrence(seen: Labels) -> Found:
    """Phi coefficients, the correlations of what is present and what is not; symmetric between units."""
    table = _correlation(np.concatenate([seen.present, seen.shown], axis=1))
    count = len(seen.units)
    between, to_expressions = table[:count, :count] * (1.0 - np.eye(count)), table[:count, count:]
    return Found(_graph(seen, between, to_expressions), _critical(seen, given=0))


def partial_correlation(seen: Labels) -> Found:
    """Correlations given all other action units; symmetric between units.

    Of units by the inverse of their correlations; of a unit and an expression likewise, with that expression
    alone beside the units.
    """
    count = len(seen.units)
    between = _partial(seen.present) * (1.0 - np.eye(count))
    columns = [
        _partial(np.append(seen.present, shown[:, None], axis=1))[:count, count] for shown in seen.shown.T
    ]
    to_expressions = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
    return Found(_graph(seen, between, to_expressions), _critical(seen, given=count - 1))


def _graph(seen: Labels, between: np.ndarray, to_expressions: np.ndarray) -> SignedGraph:
    return SignedGraph(seen.units, seen.expressions, between, to_expressions)


def _critical(seen: Labels, given: int) -> float:
    """The magnitude that a correlation given so many others passes by chance with probability LEVEL in all
    (Fisher's z)."""
    units, tests = len(seen.units), len(seen.units) * (len(seen.units) - 1) // 2
    tests += units * len(seen.expressions)
    freedom = max(len(seen.present) - given - 3, 1)
    return float(np.tanh(ndtri(1.0 - LEVEL / (2 * max(tests, 1))) / np.sqrt(freedom)))


def _correlation(columns: np.ndarray) -> np.ndarray:
    """(C, C), exactly symmetric; a column that never changes correlates with nothing."""
    centred = columns - columns.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(scale > 0.0, scale, 1.0)
    table = np.clip(unit.T @ unit, -1.0, 1.0)
    table = (table + table.T) / 2
    np.fill_diagonal(table, 1.0)
    return table


def _partial(columns: np.ndarray) -> np.ndarray:
    """(C, C) correlations given all other columns; columns that follow from the others are not told apart."""
    precision = np.linalg.pinv(_correlation(columns), hermitian=True)
    scale = np.sqrt(np.maximum(np.diagonal(precision), 1e-12))
    table = np.clip(-precision / np.outer(scale, scale), -1.0, 1.0)
    table = np.where(np.abs(table) > _ROUNDING, table, 0.0)
    return (table + table.T) / 2
