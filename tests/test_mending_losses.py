"""The losses and measures of mending, against NumPy."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from jaxface.interventions import Axis
from jaxface.mending import METHODS, Answers
from jaxface.mending.ground import level_groups
from jaxface.mending.losses import distillation
from jaxface.mending.measures import Utility, bias, utility
from jaxface.mending.panels import Measurement
from jaxface.mending.result import Limits, judge

B, LEVELS, K, G, D = 5, 2, 4, 3, 6


@pytest.fixture
def answers() -> Answers:
    random = np.random.default_rng(3)
    return Answers(
        plain=random.normal(size=(B, K)).astype(np.float32),
        variants=random.normal(size=(B, LEVELS, K)).astype(np.float32),
        original=random.normal(size=(B, K)).astype(np.float32),
        label=random.integers(0, K, B).astype(np.int32),
        group=np.array([[1, 3], [1, 1], [3, 1], [1, 3], [3, 3]], np.int32),  # nobody is in group 2
        embedding=random.normal(size=(B, 1 + LEVELS, D)).astype(np.float32),
        guesses=random.normal(size=(B, 1 + LEVELS, G + 1)).astype(np.float32),
        groups=G,
    )


def divergence(target: np.ndarray, logits: np.ndarray) -> float:
    probability = softmax(target)
    return float((probability * (np.log(probability) - log_softmax(logits))).sum())


def entropies(answers: Answers) -> list[list[float]]:
    """Cross-entropies of each face: unchanged, then at each level."""
    return [
        [-log_softmax(logits)[label] for logits in (plain, *variants)]
        for plain, variants, label in zip(answers.plain, answers.variants, answers.label, strict=True)
    ]


def worst_groups(answers: Answers) -> float:
    groups: dict[int, list[float]] = {}
    for row, levels in zip(entropies(answers), answers.group, strict=True):
        for value, group in zip(row, (0, *levels), strict=True):
            groups.setdefault(int(group), []).append(value)
    means = np.array([np.mean(values) for values in groups.values()])
    return float((softmax(means) * means).sum())


def guess_entropy(answers: Answers) -> float:
    values = [
        -log_softmax(guess)[group]
        for guesses, levels in zip(answers.guesses, answers.group, strict=True)
        for guess, group in zip(guesses, (0, *levels), strict=True)
    ]
    return float(np.mean(values))


def moment_gap(answers: Answers) -> float:
    """Eq. 5 of PM2, by root mean squares."""
    values = [
        np.sqrt(np.mean((plain**power - variant**power) ** 2))
        for plain, *variants in np.asarray(answers.embedding)
        for variant in variants
        for power in (1, 2)
    ]
    return 2.0 * float(np.mean(values))


def centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(-1, keepdims=True)


REFERENCES: dict[str, Callable[[Answers], float]] = {
    "consistency": lambda a: float(
        np.mean([divergence(p, v) for p, vs in zip(a.plain, a.variants, strict=True) for v in vs])
    ),
    "squared_logits": lambda a: float(
        np.mean((centred(a.variants) - centred(a.original)[:, None]) ** 2) / np.mean(centred(a.original) ** 2)
    ),
    "augmentation": lambda a: float(np.mean(entropies(a))),
    "group_dro": worst_groups,
    "adversarial": guess_entropy,
    "paired_moments": moment_gap,
}


def test_every_method_has_a_reference() -> None:
    assert set(REFERENCES) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_loss_is_that_of_numpy_and_has_a_finite_gradient(name: str, answers: Answers) -> None:
    method = METHODS[name]
    on_device = Answers(*(jnp.asarray(leaf) for leaf in answers[:-1]), groups=G)
    field = {"adversarial": "guesses", "paired_moments": "embedding"}.get(name, "variants")

    @jax.jit
    def loss(leaf: jax.Array) -> jax.Array:
        return method(on_device._replace(**{field: leaf}))

    value, grads = jax.value_and_grad(loss)(getattr(on_device, field))
    assert value.shape == () and float(value) == pytest.approx(REFERENCES[name](answers), rel=1e-5)
    assert np.isfinite(grads).all() and np.any(grads)


def test_distillation_is_zero_at_the_original_alone(answers: Answers) -> None:
    expected = np.mean([divergence(*pair) for pair in zip(answers.original, answers.plain, strict=True)])
    assert float(distillation(answers)) == pytest.approx(expected, rel=1e-5)
    assert float(distillation(answers._replace(plain=answers.original))) == pytest.approx(0.0, abs=1e-6)


def test_only_the_variants_follow_consistency(answers: Answers) -> None:
    """Else the unchanged face's answer would meet them half way, and its embedding would shrink."""
    for name in ("consistency", "squared_logits"):
        grads = jax.grad(lambda plain, name=name: METHODS[name](answers._replace(plain=plain)))(
            jnp.asarray(answers.plain)
        )
        assert not np.any(grads)
    grads = jax.grad(lambda leaf: METHODS["paired_moments"](answers._replace(embedding=leaf)))(
        jnp.asarray(answers.embedding)
    )
    assert not np.any(grads[:, 0]) and np.any(grads[:, 1:])


def test_groups_go_by_the_distance_from_the_unchanged_level() -> None:
    one_sided = Axis("symmetry", (0.0, 0.5, 1.0), 1.0, "s", ("frozen", "untouched"))
    np.testing.assert_array_equal(level_groups(np.array([1.0, 0.9, 0.5, 0.0]), one_sided, 3), [1, 1, 2, 3])
    two_sided = Axis("skin_tone", (-2.0, 0.0, 2.0), 0.0, "k", ("dark", "light"))
    np.testing.assert_array_equal(level_groups(np.array([-2.0, -0.1, 1.0, 1.9]), two_sided, 2), [2, 1, 1, 2])


def test_bias_is_the_mean_change_at_the_end_where_it_is_larger() -> None:
    logits = np.log(np.array([[0.8, 0.2], [0.4, 0.6]]))
    ends = np.log(np.array([[[0.7, 0.3], [0.4, 0.6]], [[0.4, 0.6], [0.6, 0.4]]]))
    assert bias(logits, ends, np.array([0, 1])) == pytest.approx((0.4 + 0.2) / 2)


def test_utility_is_counted_by_hand() -> None:
    logits = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], np.float32))
    original = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], np.float32)
    result = utility(logits, original, np.array([0, 0, 0]))
    probability = np.exp(logits)
    assert result.accuracy == pytest.approx(2 / 3) and result.agreement == pytest.approx(2 / 3)
    assert result.entropy == pytest.approx(float(-(probability * logits).sum(-1).mean()), rel=1e-5)
    assert result.calibration_error == pytest.approx((0.1 + 0.4 + 0.7) / 3, abs=1e-5)


def measurement(
    accuracy: float, size: float, on_data: float | None = None, agreement: float = 1.0
) -> Measurement:
    data = {} if on_data is None else {"accuracy": on_data, "agreement": agreement}
    utility = Utility(accuracy, agreement if on_data is None else 1.0, 0.5, 0.1)
    return Measurement(utility, {"symmetry": size, "yaw": size / 2}, data)


LIMITS = Limits(accuracy=0.01, agreement=0.02)


def test_the_least_bias_within_the_guard_is_chosen() -> None:
    original = measurement(0.90, 0.4)
    others = [measurement(0.90, 0.3), measurement(0.89, 0.2), measurement(0.80, 0.1)]
    candidates, choice = judge(original, (0.1, 0.5, 0.9), others, LIMITS)
    assert choice == 1 and [one.loss for one in candidates] == ["", "", "accuracy"]
    assert candidates[1].share_left == pytest.approx(0.5)
    assert judge(original, (0.9,), others[2:], LIMITS)[1] is None
    assert judge(original, (0.9,), [measurement(0.95, 0.5)], LIMITS)[1] is None  # more bias than before


def test_another_classifier_with_as_many_right_answers_is_not_chosen() -> None:
    others = [measurement(0.90, 0.3, agreement=0.98), measurement(0.92, 0.1, agreement=0.9)]
    candidates, choice = judge(measurement(0.90, 0.4), (0.1, 0.9), others, LIMITS)
    assert choice == 0 and candidates[1].loss == "agreement"
    both = judge(measurement(0.90, 0.4), (0.9,), [measurement(0.5, 0.1, agreement=0.5)], LIMITS)[0]
    assert both[0].loss == "accuracy and agreement"


def test_the_guard_is_also_on_the_users_data_and_on_the_second_head() -> None:
    original = measurement(0.9, 0.4, 0.7)
    others = [measurement(0.9, 0.3, 0.695), measurement(0.9, 0.2, 0.6), measurement(0.9, 0.1, 0.7, 0.9)]
    assert judge(original, (0.1, 0.5, 0.9), others, LIMITS)[1] == 0
    twice = dataclasses.replace(measurement(0.9, 0.4), test_head=measurement(0.8, 0.4))
    others = [
        dataclasses.replace(measurement(0.9, size), test_head=measurement(accuracy, 0.4, agreement=agreement))
        for size, accuracy, agreement in ((0.3, 0.8, 1.0), (0.2, 0.7, 1.0), (0.1, 0.8, 0.9))
    ]
    candidates, choice = judge(twice, (0.1, 0.5, 0.9), others, LIMITS)
    assert choice == 0 and [one.loss for one in candidates] == ["", "accuracy", "agreement"]
    assert twice.row()["test head accuracy"] == 0.8
