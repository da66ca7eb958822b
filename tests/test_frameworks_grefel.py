"""GReFEL's arithmetic against plain NumPy in double precision, its slopes, and self-cure."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.frameworks.grefel import anchor_correction, losses
from jaxface.frameworks.grefel.config import BalanceConfig, GrefelConfig, LossConfig, SmallConfig
from jaxface.frameworks.grefel.networks import Anchors

CLASSES, ANCHORS, WIDTH, BATCH = 4, 3, 6, 5
CLOSE = {"rtol": 2e-5, "atol": 2e-6}  # float32 sums of a few dozen numbers, against doubles


@pytest.fixture(scope="module")
def numbers() -> dict[str, np.ndarray]:
    """Logits, embeddings, anchors, a second distribution and labels, doubles that float32 holds exactly."""
    draw = np.random.default_rng(3)
    arrays = {
        "logits": 2 * draw.normal(size=(BATCH, CLASSES)),
        "embeddings": draw.normal(size=(BATCH, WIDTH)),
        "anchors": draw.normal(size=(CLASSES, ANCHORS, WIDTH)),
        "attentive": draw.normal(size=(BATCH, CLASSES, ANCHORS)),
    }
    arrays = {name: array.astype(np.float32).astype(np.float64) for name, array in arrays.items()}
    return arrays | {"labels": np.array([0, 3, 1, 1, 2])}


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def sureness(distribution: np.ndarray) -> float:
    return 1.0 + float((distribution * np.log(distribution)).sum()) / np.log(len(distribution))


def by_hand(numbers: dict[str, np.ndarray], weights: str, attention: bool, scale: float) -> list[dict]:
    """The formulas of the published code, one image after another, in probabilities."""
    result = []
    for logits, embedding, scores in zip(
        numbers["logits"], numbers["embeddings"], numbers["attentive"], strict=True
    ):
        primary = softmax(logits)
        distance = np.array([[np.linalg.norm(each - embedding) for each in row] for row in numbers["anchors"]])
        geometric = softmax(-distance.ravel() / scale).reshape(distance.shape).sum(1)
        mixture = geometric
        if attention:
            attentive = softmax(scores.ravel()).reshape(distance.shape).sum(1)
            one, other = sureness(geometric), sureness(attentive)
            mixture = (one * geometric + other * attentive) / (one + other)
        share = sureness(primary)
        if weights == "relative":
            share = share / (share + sureness(mixture))
        correction = share * primary + (1 - share) * mixture
        result.append(
            {"distances": distance, "geometric": geometric, "corrected": correction, "primary": primary}
        )
    return result


@pytest.mark.parametrize("weights", ["confidence", "relative"])
@pytest.mark.parametrize("attention", [True, False])
def test_corrections_are_those_of_the_formulas(
    numbers: dict[str, np.ndarray], weights: str, attention: bool
) -> None:
    scale = 0.7
    anchors = jnp.asarray(numbers["anchors"], jnp.float32)

    def one(logits: jax.Array, embedding: jax.Array, scores: jax.Array) -> anchor_correction.Correction:
        attentive = anchor_correction.by_class(scores) if attention else None
        distance = anchor_correction.distances(embedding, anchors)
        return anchor_correction.correct(jax.nn.log_softmax(logits), distance, attentive, scale, weights)

    inputs = (jnp.asarray(numbers[name], jnp.float32) for name in ("logits", "embeddings", "attentive"))
    ours = jax.vmap(one)(*inputs)
    for place, truth in enumerate(by_hand(numbers, weights, attention, scale)):
        np.testing.assert_allclose(ours.distances[place], truth["distances"], **CLOSE)
        for name in ("primary", "geometric", "corrected"):
            probabilities = np.exp(np.asarray(getattr(ours, name)[place], np.float64))
            np.testing.assert_allclose(
                probabilities, truth[name], rtol=1e-4, err_msg=name
            )  # CONFIDENCE_OFFSET is in it
            assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_losses_are_those_of_the_formulas(numbers: dict[str, np.ndarray]) -> None:
    labels, anchors = numbers["labels"], numbers["anchors"]
    rows = by_hand(numbers, "confidence", False, 1.0)
    counts = np.array([3.0, 5.0, 2.0, 10.0])
    weights = counts.sum() / (CLASSES * counts)
    smooth = np.full((BATCH, CLASSES), 0.11 / CLASSES)
    smooth[np.arange(BATCH), labels] += 1 - 0.11
    each = [-(target * np.log(one["corrected"])).sum() for target, one in zip(smooth, rows, strict=True)]
    loss = (weights[labels] * each).sum() / weights[labels].sum()
    logs = jnp.log(jnp.asarray(np.stack([one["corrected"] for one in rows]), jnp.float32))
    ours = losses.class_loss(logs, jnp.asarray(labels), 0.11, losses.class_weights(jnp.asarray(counts)))
    np.testing.assert_allclose(ours, loss, **CLOSE)

    blocks = anchors.reshape(CLASSES, -1)
    squares = sum(((a - b) ** 2).sum() for a in blocks for b in blocks)
    anchors_f32 = jnp.asarray(anchors, jnp.float32)
    np.testing.assert_allclose(losses.anchor_loss(anchors_f32), -squares / (ANCHORS**2 * WIDTH**0.5), **CLOSE)

    nearest = [one["distances"][label].min() for one, label in zip(rows, labels, strict=True)]
    sure = [sureness(one["primary"]) for one in rows]
    loss = np.mean(np.multiply(sure, nearest)) / WIDTH**0.5
    distances = jnp.asarray(np.stack([one["distances"] for one in rows]), jnp.float32)
    primary = jax.nn.log_softmax(jnp.asarray(numbers["logits"], jnp.float32))
    np.testing.assert_allclose(
        losses.centre_loss(primary, distances, jnp.asarray(labels), WIDTH), loss, **CLOSE
    )


def test_a_limit_gives_the_anchor_loss_a_floor(numbers: dict[str, np.ndarray]) -> None:
    anchors = jnp.asarray(numbers["anchors"], jnp.float32)
    floor = -(0.5**2) * ANCHORS * WIDTH * CLASSES * (CLASSES - 1) / (ANCHORS**2 * WIDTH**0.5)
    slope = jax.grad(lambda anchors: losses.anchor_loss(anchors, 0.5))
    np.testing.assert_allclose(losses.anchor_loss(100 * anchors, 0.5), floor, rtol=1e-5)
    assert not slope(100 * anchors).any() and slope(0.01 * anchors).any()


EXTREMES = {
    "anchors at zero": (0.0, 1.0, 1.0),
    "embeddings on the anchors": (0.0, 0.0, 1.0),
    "anchors far away": (1e4, 1.0, 1.0),
    "answers without doubt": (1.0, 1.0, 1e4),
    "answers without opinion": (1.0, 1.0, 0.0),
}


@functools.cache
def slopes_of(weights: Literal["confidence", "relative"]) -> Callable[..., Any]:
    """(logits, embeddings, anchors, ramp, labels) -> the whole loss and its slopes, compiled."""

    def loss(
        logits: jax.Array, embeddings: jax.Array, anchors: jax.Array, ramp: jax.Array, labels: jax.Array
    ) -> jax.Array:
        def one(logits: jax.Array, embedding: jax.Array) -> anchor_correction.Correction:
            distance = anchor_correction.distances(embedding, anchors)
            attentive = anchor_correction.by_class(-(distance**2))
            return anchor_correction.correct(jax.nn.log_softmax(logits), distance, attentive, 1.0, weights)

        correction = jax.vmap(one)(logits, embeddings)
        answers = jax.vmap(anchor_correction.mixture, (None, 0, 0))(
            1.0 - ramp, correction.primary, correction.corrected
        )
        near = losses.centre_loss(correction.primary, correction.distances, labels, WIDTH)
        return losses.class_loss(answers, labels, 0.11) + losses.anchor_loss(anchors) + near

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))


@pytest.mark.parametrize("weights", ["confidence", "relative"])
@pytest.mark.parametrize("name", EXTREMES)
def test_values_and_slopes_are_finite(
    numbers: dict[str, np.ndarray], name: str, weights: Literal["confidence", "relative"]
) -> None:
    far, spread, sharp = EXTREMES[name]
    arrays = (sharp * numbers["logits"], spread * numbers["embeddings"], far * numbers["anchors"])
    inputs = [array.astype(np.float32) for array in arrays]
    for ramp in (0.0, 0.5, 1.0):
        value, slopes = slopes_of(weights)(*inputs, np.float32(ramp), numbers["labels"])
        assert np.isfinite(value)
        assert all(np.isfinite(slope).all() for slope in slopes), name


def test_a_hopeless_answer_still_has_a_slope() -> None:
    """In probabilities the right class would be 0, and its logarithm's slope with it."""
    distance = jnp.array([[400.0], [1.0]])

    def loss(logits: jax.Array) -> jax.Array:
        correction = anchor_correction.correct(jax.nn.log_softmax(logits), distance, None, 1.0, "confidence")
        return losses.class_loss(correction.corrected[None], jnp.array([0]), 0.0)

    assert jax.grad(loss)(jnp.array([-300.0, 0.0]))[0] < -0.5


@pytest.mark.parametrize("attention", ["anchors", "batch", "none"])
def test_answers_are_their_own_unless_the_batch_attends(
    numbers: dict[str, np.ndarray], attention: str, key: jax.Array
) -> None:
    config = BalanceConfig(
        anchors=ANCHORS, attention=attention, attention_width=4, anchor_start=0.5, test_correction="off"
    )
    module = Anchors(config, CLASSES, WIDTH, rngs=nnx.Rngs(key))
    graphdef, state = nnx.split(module)
    answer = jax.jit(
        lambda logits, embeddings, attentive: nnx.merge(graphdef, state)(
            logits, embeddings, attentive=attentive
        ),
        static_argnums=2,
    )
    logits, embeddings = (numbers[name].astype(np.float32) for name in ("logits", "embeddings"))
    whole, alone = answer(logits, embeddings, True), answer(logits[:2], embeddings[:2], True)
    same = np.allclose(whole.corrected[:2], alone.corrected, atol=1e-5)
    assert same == (attention != "batch")
    np.testing.assert_allclose(np.exp(whole.corrected).sum(-1), 1.0, rtol=1e-5)
    plain = answer(logits, embeddings, False)
    np.testing.assert_array_equal(plain.combined, plain.geometric)


def test_self_cure(key: jax.Array) -> None:
    trust = jnp.array([0.9, 0.2, 0.6, 0.8, 0.1, 0.7])
    high = losses.important(trust, 0.67)
    np.testing.assert_array_equal(high, [True, False, True, True, False, True])
    gap = (0.9 + 0.6 + 0.8 + 0.7) / 4 - (0.2 + 0.1) / 2
    assert losses.rank_loss(trust, high, 0.15) == 0.0
    np.testing.assert_allclose(losses.rank_loss(trust, high, 0.9), 0.9 - gap, rtol=1e-6)
    assert not losses.important(trust, 1.0).all() and losses.important(trust, 0.0).any()
    sure, torn = jnp.array([4.0, 0.0, 0.0]), jnp.array([0.1, 0.0, 0.0])
    logits = jnp.stack([sure, sure, sure, sure, torn, sure])
    labels = jnp.array([1, 1, 0, 2, 1, 2])
    np.testing.assert_array_equal(losses.relabel(logits, labels, high, 0.2), [1, 0, 0, 2, 1, 2])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BalanceConfig(anchors=0), "model.balance.anchors = 0: must be at least 1"),
        (lambda: BalanceConfig(attention="batch", test_correction="full"), "geometric"),
        (lambda: LossConfig(anchor_limit=0.0), "anchor_limit"),
        (lambda: LossConfig(smoothing=1.0), "smoothing"),
        (lambda: SmallConfig(width=10, token_heads=4), "10 channels"),
        (lambda: GrefelConfig(extractor="small", start="poster.pth"), "no published weights"),
        (lambda: GrefelConfig(start="poster.pth", image_weights="ir50.pth"), "leave image_weights out"),
    ],
)
def test_what_does_not_go_together_is_refused(build: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()  # type: ignore[operator]
