"""How well a learnt graph finds the edges of a true one, and how far two graphs agree.

Weights are ranked by their magnitude. A pair of units counts as undirected where both directions are equally
strong, as in a correlation; whoever does not choose a direction gets half a point for it, never a lucky one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph, restricted


@dataclass(frozen=True)
class EdgeScores:
    """Scores of one kind of edges.

    Attributes:
        auroc: area under the ROC curve of all possible edges, by magnitude; .5 is chance.
        precision: average precision of the same ranking; chance is the share of true edges.
        skeleton_auroc, skeleton_precision: of pairs, by the stronger direction; of edges to expressions, which
            have one direction, the same as `auroc` and `precision`.
        direction: share of true edges that are stronger than their reversal, a tie counting half; nan for
            edges to expressions.
        sign: share of true edges whose weight, in its stronger direction, has the right sign; 0 has none.
        hamming: structural Hamming distance with as many edges (pairs, the strongest) as the truth has.
        hamming_own: likewise with the edges that pass the method's own threshold.
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
    """How far two graphs share their edges, whatever their strength.

    Attributes:
        jaccard: shared edges by edges of either; nan where neither has any.
        signed: share of the shared edges whose signs are equal; nan where none is shared.
        shared, either: the numbers of edges.
    """

    jaccard: float
    signed: float
    shared: int
    either: int


def score(learnt: SignedGraph, truth: SignedGraph, threshold: float) -> tuple[EdgeScores, EdgeScores]:
    """Scores of the edges between units, and of those from units to expressions.

    Args:
        learnt: has at least the nodes of `truth`; others are not looked at.
        threshold: the method's own: magnitudes above it are its edges.

    Raises:
        LabelError: a node of the truth that `learnt` does not have.
    """
    learnt = restricted(learnt, truth.units, truth.expressions)
    return (
        between_scores(learnt.between, truth.between, threshold),
        expression_scores(learnt.to_expressions, truth.to_expressions, threshold),
    )


def between_scores(learnt: np.ndarray, truth: np.ndarray, threshold: float) -> EdgeScores:
    """Scores of edges among units, both (U, U) from row to column."""
    strength, real = np.abs(learnt), truth != 0.0
    apart = ~np.eye(len(truth), dtype=bool)
    upper = np.triu(apart)
    pair_strength, pair_real = np.maximum(strength, strength.T)[upper], (real | real.T)[upper]
    stronger = np.where(strength >= strength.T, learnt, learnt.T)
    counted = np.flatnonzero(pair_real).size
    matched = np.zeros_like(upper)
    matched[upper] = _largest(pair_strength, counted)
    own = (np.maximum(strength, strength.T) > threshold) & upper
    return EdgeScores(
        auroc=auroc(strength[apart], real[apart]),
        precision=average_precision(strength[apart], real[apart]),
        skeleton_auroc=auroc(pair_strength, pair_real),
        skeleton_precision=average_precision(pair_strength, pair_real),
        direction=float(_chosen(strength)[real].mean()) if real.any() else float("nan"),
        sign=float((np.sign(stronger) == np.sign(truth))[real].mean()) if real.any() else float("nan"),
        hamming=hamming(learnt, matched, truth),
        hamming_own=hamming(learnt, own, truth),
        edges_own=int(own.sum()),
    )


def expression_scores(learnt: np.ndarray, truth: np.ndarray, threshold: float) -> EdgeScores:
    """Scores of edges from units to expressions, both (U, E)."""
    strength, real = np.abs(learnt).reshape(-1), (truth != 0.0).reshape(-1)
    area, precision = auroc(strength, real), average_precision(strength, real)
    right = (np.sign(learnt) == np.sign(truth)).reshape(-1)[real]
    own = strength > threshold
    return EdgeScores(
        auroc=area,
        precision=precision,
        skeleton_auroc=area,
        skeleton_precision=precision,
        direction=float("nan"),
        sign=float(right.mean()) if real.any() else float("nan"),
        hamming=float((_largest(strength, int(real.sum())) != real).sum()),
        hamming_own=float((own != real).sum()),
        edges_own=int(own.sum()),
    )


def hamming(learnt: np.ndarray, pairs: np.ndarray, truth: np.ndarray) -> float:
    """Structural Hamming distance: how many pairs of units must be changed for the graph to be the true one.

    An edge too many, too few or the wrong way round is one change; an undirected one on its place half.

    Args:
        learnt: (U, U) weights, whose stronger direction of each pair is taken.
        pairs: (U, U) bool, above the diagonal: which pairs are joined.
        truth: (U, U), without pairs that are joined both ways.
    """
    real, upper = truth != 0.0, np.triu(np.ones(truth.shape, bool), 1)
    both = pairs & (real | real.T) & upper
    alone = (pairs ^ (real | real.T)) & upper
    chosen = _chosen(np.abs(learnt))
    wrong = 1.0 - np.where(real, chosen, chosen.T)
    return float(alone.sum() + wrong[both].sum())


def agreement(one: SignedGraph, other: SignedGraph) -> tuple[Agreement, Agreement]:
    """How far the edges of two graphs, those that are not 0, agree on the nodes that both have.

    Returns:
        between units, and from units to expressions. Threshold graphs first.
    """
    units = [unit for unit in one.units if unit in other.units]
    names = [name for name in one.expressions if name in other.expressions]
    first, second = restricted(one, units, names), restricted(other, units, names)
    return (
        _agreement(first.between, second.between),
        _agreement(first.to_expressions, second.to_expressions),
    )


def auroc(strength: np.ndarray, real: np.ndarray) -> float:
    """Probability that a true edge is stronger than one that is none, ties counting half; nan without either.

    Args:
        strength: (N,); real: (N,) bool.
    """
    true, false = strength[real][:, None], strength[~real][None]
    if not true.size or not false.size:
        return float("nan")
    return float(((true > false) + 0.5 * (true == false)).mean())


def average_precision(strength: np.ndarray, real: np.ndarray) -> float:
    """Mean over true edges of the precision among all that are at least as strong; nan without true edges.

    Args:
        strength: (N,); real: (N,) bool.
    """
    if not real.any():
        return float("nan")
    at_least = strength[None] >= strength[real][:, None]
    return float(((at_least & real[None]).sum(1) / at_least.sum(1)).mean())


def _chosen(strength: np.ndarray) -> np.ndarray:
    """(U, U) 1 where an edge is stronger than its reversal, 1/2 where it is as strong."""
    return (strength > strength.T) + 0.5 * (strength == strength.T)


def _largest(strength: np.ndarray, count: int) -> np.ndarray:
    """(N,) bool, the `count` largest that are not 0; of equal ones the first."""
    chosen = np.zeros(len(strength), bool)
    chosen[np.argsort(-strength, kind="stable")[:count]] = True
    return chosen & (strength > 0.0)


def _agreement(one: np.ndarray, other: np.ndarray) -> Agreement:
    shared, either = (one != 0.0) & (other != 0.0), (one != 0.0) | (other != 0.0)
    same = np.sign(one) == np.sign(other)
    return Agreement(
        jaccard=float(shared.sum() / either.sum()) if either.any() else float("nan"),
        signed=float(same[shared].mean()) if shared.any() else float("nan"),
        shared=int(shared.sum()),
        either=int(either.sum()),
    )
