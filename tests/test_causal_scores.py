"""Scores of learnt graphs, against scikit-learn and against cases by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

from jaxface.core.errors import LabelError
from jaxface.data import rendered
from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.graphs import SignedGraph, scores

# 1 -> 2 -| 3, four units: 12 possible edges, 6 pairs.
TRUTH = np.zeros((4, 4))
TRUTH[0, 1], TRUTH[1, 2] = 1.0, -0.5


def test_areas_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    for count in (10, 90):
        real = generator.random(count) < 0.3
        real[:2] = True, False
        for strength in (
            generator.random(count),
            generator.integers(0, 4, count) / 4,
        ):  # without ties, and with
            assert scores.auroc(strength, real) == pytest.approx(roc_auc_score(real, strength))
            areas = scores.average_precision(strength, real)
            assert areas == pytest.approx(average_precision_score(real, strength))
    assert np.isnan(scores.auroc(np.ones(3), np.ones(3, bool)))
    assert np.isnan(scores.average_precision(np.ones(3), np.zeros(3, bool)))


def test_a_graph_by_hand() -> None:
    strength = np.zeros((4, 4))
    strength[0, 1], strength[1, 0] = 0.9, 0.2  # right
    strength[2, 1], strength[1, 2] = (
        0.8,
        -0.1,
    )  # the wrong way round, and the stronger direction's sign is wrong
    strength[0, 3] = 0.5  # too many
    result = scores.between_scores(strength, TRUTH, threshold=0.4)
    # Truths rank 1st and 5th of 12: 10 of 10 others below the first, 7 below the second.
    assert result.auroc == pytest.approx((10 + 7) / 20)
    assert result.precision == pytest.approx((1 + 2 / 5) / 2)
    assert result.skeleton_auroc == 1.0 and result.skeleton_precision == 1.0
    assert result.direction == 0.5 and result.sign == 0.5
    assert result.hamming == 1.0  # of the two strongest pairs one is reversed
    assert result.hamming_own == 2.0 and result.edges_own == 3


def test_who_chooses_no_direction_is_given_half() -> None:
    strength = np.abs(TRUTH) + np.abs(TRUTH).T
    result = scores.between_scores(strength, TRUTH, threshold=0.0)
    assert result.direction == 0.5 and result.hamming == result.hamming_own == 1.0 and result.sign == 0.5
    nothing = scores.between_scores(np.zeros((4, 4)), TRUTH, threshold=0.0)
    assert (nothing.auroc, nothing.direction, nothing.sign) == (0.5, 0.5, 0.0)
    assert (nothing.hamming, nothing.hamming_own, nothing.edges_own) == (2.0, 2.0, 0)
    perfect = scores.between_scores(TRUTH, TRUTH, threshold=0.0)
    assert (perfect.auroc, perfect.direction, perfect.sign, perfect.hamming) == (1.0, 1.0, 1.0, 0.0)
    reverse = scores.between_scores(TRUTH.T, TRUTH, threshold=0.0)
    assert (reverse.skeleton_auroc, reverse.direction, reverse.hamming) == (1.0, 0.0, 2.0)


def test_edges_to_expressions_by_hand() -> None:
    truth = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5]])
    strength = np.array([[0.6, 0.3], [0.4, 0.0], [0.0, 0.2]])
    result = scores.expression_scores(strength, truth, threshold=0.25)
    assert result.auroc == pytest.approx((3 + 3 + 2) / 9)
    assert result.precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert result.sign == pytest.approx(2 / 3)
    assert (result.hamming, result.hamming_own, result.edges_own) == (2.0, 2.0, 3)
    assert np.isnan(result.direction)


def test_agreement_is_jaccards() -> None:
    one = SignedGraph((1, 2, 4), ("fear",), np.zeros((3, 3)), [[0.5], [-0.5], [0.0]])
    other = SignedGraph((4, 2, 1), ("anger", "fear"), np.zeros((3, 3)), [[0, 1], [0, 1], [0, 0.1]])
    between, to_expressions = scores.agreement(one, other)
    assert np.isnan(between.jaccard) and np.isnan(between.same_sign)
    assert to_expressions == scores.Agreement(2 / 3, 0.5, 2, 3)
    assert to_expressions.jaccard == pytest.approx(jaccard_score([1, 1, 0], [1, 1, 1]))


def test_the_true_graph_of_a_world_scores_fully() -> None:
    causes = rendered.load_world("signed")
    truth = graphs.world_graph(causes)
    assert {edge[:2] for edge in truth.edges()} == {
        *(edge[:2] for edge in causes.edges),
        *((unit, name) for name, unit, _ in causes.rule),
    }
    assert all(
        np.sign(strength) == np.sign(truth.between[truth.units.index(cause), truth.units.index(effect)])
        for cause, effect, strength in causes.edges
    )
    larger = graphs.restrict(truth, truth.units[::-1], truth.expressions[::-1])
    for result in scores.score(larger, truth, 0.0):
        assert (result.auroc, result.precision, result.sign, result.hamming) == (1.0, 1.0, 1.0, 0.0)
    with pytest.raises(LabelError, match="no node 26"):
        scores.score(graphs.restrict(truth, truth.units[:-1], truth.expressions), truth, 0.0)
