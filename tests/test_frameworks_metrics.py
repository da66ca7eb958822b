"""Measures against scikit-learn and by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as reference

from jaxface.frameworks.common import metrics
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.evaluation import compute_metrics, metric_names


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 200)
    prediction = np.where(random.random(200) < 0.6, truth, random.integers(0, 4, 200))
    return prediction, truth


@pytest.fixture(scope="module")
def units() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    truth = random.random((300, 3)) < (0.1, 0.4, 0.7)
    prediction = np.where(random.random((300, 3)) < 0.8, truth, ~truth)
    return prediction, truth, random.random((300, 3)) < 0.9


def test_classes_as_scikit_learn_counts_them(answers: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = answers
    matrix = metrics.confusion(jnp.asarray(prediction), jnp.asarray(truth), 4)
    np.testing.assert_array_equal(matrix, reference.confusion_matrix(truth, prediction))
    np.testing.assert_allclose(metrics.accuracy(matrix), (prediction == truth).mean(), rtol=1e-6)
    np.testing.assert_allclose(
        metrics.mean_class_accuracy(matrix), reference.balanced_accuracy_score(truth, prediction), rtol=1e-6
    )
    np.testing.assert_allclose(
        metrics.class_f1(matrix), reference.f1_score(truth, prediction, average=None), rtol=1e-6
    )


def test_a_class_without_examples_counts_nowhere() -> None:
    matrix = metrics.confusion(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), 3)
    np.testing.assert_allclose(metrics.class_accuracies(matrix), [0.5, 1.0, np.nan])
    assert metrics.mean_class_accuracy(matrix) == 0.75


def test_units_pool_frames_and_leave_the_unknown_out(
    units: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    prediction, truth, mask = (jnp.asarray(each) for each in units)
    counts = metrics.unit_counts(prediction, truth, mask)
    halves = [
        metrics.unit_counts(prediction[part], truth[part], mask[part]) for part in (slice(150), slice(150, 300))
    ]
    np.testing.assert_array_equal(counts, halves[0] + halves[1])
    scores = [
        reference.f1_score(units[1][rows, unit], units[0][rows, unit]) for unit, rows in enumerate(units[2].T)
    ]
    np.testing.assert_allclose(metrics.unit_f1(counts), scores, rtol=1e-6)
    np.testing.assert_allclose(metrics.mean_f1(counts), np.mean(scores), rtol=1e-6)


def test_f1_without_a_hit_is_zero_and_without_anything_not_a_number() -> None:
    prediction, truth = jnp.array([[1, 0], [0, 0]]), jnp.array([[0, 0], [1, 0]])
    np.testing.assert_array_equal(metrics.unit_f1(metrics.unit_counts(prediction, truth)), [0.0, np.nan])


def test_fairness_by_hand() -> None:
    first = jnp.array([[3, 1, 1, 5], [0, 0, 2, 8]])  # F1 .75; 0
    second = jnp.array([[2, 2, 0, 6], [4, 0, 0, 6]])  # F1 2/3; 1
    np.testing.assert_allclose(metrics.equal_opportunity(first, second), [2 / 3 / 0.75, 0.0], rtol=1e-6)
    np.testing.assert_allclose(metrics.equal_opportunity(second, first), [2 / 3 / 0.75, 0.0], rtol=1e-6)
    np.testing.assert_allclose(metrics.statistical_parity_difference(first, second), [0.0, 0.4], atol=1e-6)


def test_calibration_error_by_hand() -> None:
    probabilities = jnp.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.0, 1.0]])
    truth = jnp.array([0, 1, 0, 1])
    # bins of .1: two at .95, half of them right; one at .55, right; one at 1, right, in the bin of .95
    error = (abs(2 - 2.9) + abs(1 - 0.55)) / 4
    np.testing.assert_allclose(metrics.calibration_error(probabilities, truth, bins=10), error, rtol=1e-5)


def test_every_measure_has_a_name_that_is_known(units: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    random = np.random.default_rng(2)
    task = Task(labels=("happiness", "sadness"), units=(1, 4, 12))
    label = random.integers(0, 2, 300)
    result = compute_metrics(
        task, "labels", random.standard_normal((300, 2)).astype(np.float32), {"label": label}
    )
    assert tuple(result) == metric_names(task, "labels")
    columns = {
        "units": units[1].astype(np.float32),
        "units_known": units[2],
        "sex": random.integers(-1, 2, 300),
    }
    logits = np.where(units[0], 1.0, -1.0).astype(np.float32)
    result = compute_metrics(task, "units", logits, columns)
    assert tuple(result) == metric_names(task, "units")
    counts = metrics.unit_counts(*(jnp.asarray(each) for each in units))
    assert result["f1"] == pytest.approx(float(metrics.mean_f1(counts)))
    assert 0 < result["equal_opportunity"] <= 1 and 0 <= result["parity_difference"] < 0.5
