"""Scores of a learnt graph against a true one, and the agreement of two graphs.

Weights are ranked by their magnitude. A pair of units counts as undirected where both directions are equally
strong, as in a correlation; an undirected edge scores one half for its direction, not 0 or 1 by chance.
"""

from dataclasses import dataclass

import numpy as np

from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph, restrict


@dataclass(frozen=True)
class EdgeScores:
    """Scores of one kind of edges.

    Attributes:
        auroc: area under the ROC curve of all possible edges, by magnitude; .5 is chance.
        precision: average precision of the same ranking; chance is the share of true edges.
        skeleton_auroc, skeleton_precision: of pairs, by the stronger direction; of edges to expressions, which
            have one direction, the same as `auroc` and `precision`.
        direction: share of true edges stronger than their reversal, ties 1/2; nan to expressions.
        sign: share of true edges whose weight, in its stronger direction, has the right sign; 0 has none.
        hamming: structural Hamming distance with as many edges (pairs, the strongest) as the truth has.
        hamming_own: the same with the edges above the method's own threshold.
        edges_own: how many these are, a pair counted once.
    """

    auroc: float
    precision: float
    skeleton_auroc: float
    skeleton_precision: float
    direction: float
    sign: float
    hamming: float
    hamming_own: float
    edges_own: int


@dataclass(frozen=True)
class Agreement:
    """The edges that two graphs share, whatever their strength.

    Attributes:
        jaccard: shared edges by edges of either; nan where neither has any.
        same_sign: share of the shared edges whose signs are equal; nan where none is shared.
        n_shared, n_either: the numbers of edges.
    """

    jaccard: float
    same_sign: float
    n_shared: int
    n_either: int


def score(estimate: SignedGraph, truth: SignedGraph, threshold: float) -> tuple[EdgeScores, EdgeScores]:
    """Return scores of the edges between units, and of those from units to expressions.

    Args:
        estimate: has at least the nodes of `truth`; others are ignored.
        threshold: the method's own: magnitudes above it are its edges.

    Raises:
        LabelError: a node of the truth that `estimate` does not have.
    """
    estimate = restrict(estimate, truth.units, truth.expressions)
    return (
        between_scores(estimate.between, truth.between, threshold),
        expression_scores(estimate.to_expressions, truth.to_expressions, threshold),
    )


def between_scores(weights: np.ndarray, truth: np.ndarray, threshold: float) -> EdgeScores:
    """Return scores of edges among units, both (U, U) from row to column."""
    strength, real = np.abs(weights), truth != 0.0
    off_diagonal = ~np.eye(len(truth), dtype=bool)
    upper = np.triu(off_diagonal)
    pair_strength, pair_real = np.maximum(strength, strength.T)[upper], (real | real.T)[upper]
    stronger = np.where(strength >= strength.T, weights, weights.T)
    count = np.flatnonzero(pair_real).size
    pairs = np.zeros_like(upper)
    pairs[upper] = _largest(pair_strength, count)
    own = (np.maximum(strength, strength.T) > threshold) & upper
    return EdgeScores(
        auroc=auroc(strength[off_diagonal], real[off_diagonal]),
        precision=average_precision(strength[off_diagonal], real[off_diagonal]),
        skeleton_auroc=auroc(pair_strength, pair_real),
        skeleton_precision=average_precision(pair_strength, pair_real),
        direction=_mean(_direction_score(strength)[real]),
        sign=_mean((np.sign(stronger) == np.sign(truth))[real]),
        hamming=hamming(weights, pairs, truth),
        hamming_own=hamming(weights, own, truth),
        edges_own=int(own.sum()),
    )


def expression_scores(weights: np.ndarray, truth: np.ndarray, threshold: float) -> EdgeScores:
    """Return scores of edges from units to expressions, both (U, E)."""
    strength, real = np.abs(weights).reshape(-1), (truth != 0.0).reshape(-1)
    area, precision = auroc(strength, real), average_precision(strength, real)
    own = strength > threshold
    return EdgeScores(
        auroc=area,
        precision=precision,
        skeleton_auroc=area,
        skeleton_precision=precision,
        direction=float("nan"),
        sign=_mean((np.sign(weights) == np.sign(truth)).reshape(-1)[real]),
        hamming=float((_largest(strength, int(real.sum())) != real).sum()),
        hamming_own=float((own != real).sum()),
        edges_own=int(own.sum()),
    )


def hamming(weights: np.ndarray, pairs: np.ndarray, truth: np.ndarray) -> float:
    """Return the structural Hamming distance of weights (U, U) from the truth, in pairs of units.

    A surplus, missing or reversed edge is one difference; an undirected one in place of a directed
    one a half. `pairs` (U, U) are those with an edge, above the diagonal; the stronger direction of
    each counts.
    """
    real, upper = truth != 0.0, np.triu(np.ones(truth.shape, bool), 1)
    both = pairs & (real | real.T) & upper
    one_only = (pairs ^ (real | real.T)) & upper
    direction = _direction_score(np.abs(weights))
    wrong = 1.0 - np.where(real, direction, direction.T)
    return float(one_only.sum() + wrong[both].sum())


def agreement(one: SignedGraph, other: SignedGraph) -> tuple[Agreement, Agreement]:
    """Compare the edges of two graphs, where they are not 0, among the units and on to the
    expressions that both have."""
    units = [unit for unit in one.units if unit in other.units]
    names = [name for name in one.expressions if name in other.expressions]
    first, second = restrict(one, units, names), restrict(other, units, names)
    between = _agreement(first.between, second.between)
    return between, _agreement(first.to_expressions, second.to_expressions)


def auroc(strength: np.ndarray, real: np.ndarray) -> float:
    """Return the probability that a true edge is stronger than a false one; a tie is 1/2; or nan.

    `strength` is (N,), `real` (N,) bool.
    """
    true, false = strength[real][:, None], strength[~real][None]
    return _mean((true > false) + 0.5 * (true == false))


def average_precision(strength: np.ndarray, real: np.ndarray) -> float:
    """Return the mean over true edges of the precision among all that are as strong; or nan.

    `strength` is (N,), `real` (N,) bool.
    """
    at_least = strength[None] >= strength[real][:, None]
    return _mean((at_least & real[None]).sum(1) / at_least.sum(1))


def _direction_score(strength: np.ndarray) -> np.ndarray:
    """Return (U, U): 1 where an edge is stronger than its reversal, 1/2 where it is equally strong."""
    return (strength > strength.T) + 0.5 * (strength == strength.T)


def _largest(strength: np.ndarray, count: int) -> np.ndarray:
    """Return (N,) bool: the `count` largest that are not 0; of equal ones the first."""
    mask = np.zeros(len(strength), bool)
    mask[np.argsort(-strength, kind="stable")[:count]] = True
    return mask & (strength > 0.0)


def _agreement(one: np.ndarray, other: np.ndarray) -> Agreement:
    both, either = (one != 0.0) & (other != 0.0), (one != 0.0) | (other != 0.0)
    same_sign = np.sign(one) == np.sign(other)
    return Agreement(_mean(both[either]), _mean(same_sign[both]), int(both.sum()), int(either.sum()))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
