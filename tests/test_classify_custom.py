"""A user's own model, JAX or not, and what it is told when it does not fit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.core.errors import ConfigError, JaxfaceError, LabelError, ShapeError

IMAGES = np.random.default_rng(2).random((3, 20, 20, 3), np.float32)


def means(images: jax.Array) -> jax.Array:
    return images.reshape(images.shape[0], -1, images.shape[-1]).mean(1)


def test_three_lines_make_a_classifier() -> None:
    classifier = classify.from_function(means, labels=["Happy", "sad", "Surprised"])
    assert classifier.labels == ("happiness", "sadness", "surprise")
    assert classifier.name == "means" and classifier.index("joy") == 0
    np.testing.assert_allclose(classifier.logits(IMAGES), IMAGES.mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(classifier.probabilities(IMAGES).sum(-1), 1, atol=1e-6)
    gradient = jax.grad(lambda images: classifier.apply(classifier.state, images)[0, 1])(jnp.asarray(IMAGES))
    np.testing.assert_allclose(gradient[0, :, :, 1], 1 / 400, rtol=1e-5)


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize(("size", "channels"), [(8, "grey"), (None, "rgb"), (24, "rgb")])
def test_function_sees_what_it_asked_for(on_host: bool, size: int | None, channels: str) -> None:
    shapes = []

    def watch(images: np.ndarray) -> np.ndarray:
        shapes.append((type(images), images.shape, images.dtype))
        return (np if on_host else jnp).ones((len(images), 1)) * images.mean()

    classifier = classify.from_function(watch, ["neutral"], size=size, channels=channels, on_host=on_host)
    assert classifier.logits(IMAGES).shape == (3, 1)
    kind, shape, dtype = shapes[0]
    assert shape == (3, size or 20, size or 20, 1 if channels == "grey" else 3) and dtype == np.float32
    assert (kind is np.ndarray) == on_host


def test_host_callable_is_fed_in_batches_and_has_no_apply() -> None:
    batches = []

    def host(images: np.ndarray) -> np.ndarray:
        batches.append(len(images))
        return images.mean((1, 2))[:, :2]

    classifier = classify.from_function(host, labels=["anger", "fear"], on_host=True)
    many = np.random.default_rng(3).random((300, 4, 4, 3), np.float32)
    np.testing.assert_allclose(classifier.logits(many), many.mean((1, 2))[:, :2], atol=1e-6)
    assert batches == [256, 44] and classifier.on_host
    with pytest.raises(ConfigError, match=r"runs on the host.*no `apply`"):
        classifier.apply(classifier.state, many)


@pytest.mark.parametrize("on_host", [False, True])
def test_probabilities_come_back_as_they_were(on_host: bool) -> None:
    table = np.array([[0.7, 0.3, 0.0]], np.float32)
    classifier = classify.from_function(
        lambda images: (np if on_host else jnp).asarray(table).repeat(len(images), 0),
        labels=["fear", "anger", "contempt"],
        scores="probabilities",
        on_host=on_host,
    )
    np.testing.assert_allclose(classifier.probabilities(IMAGES), table.repeat(3, 0), atol=1e-6)
    assert np.isfinite(classifier.logits(IMAGES)).all()


@pytest.mark.parametrize("on_host", [False, True])
def test_scores_of_another_shape_are_refused(on_host: bool) -> None:
    classifier = classify.from_function(lambda images: images.mean((1, 2)), ["anger", "fear"], on_host=on_host)
    with pytest.raises(ShapeError, match=r"shape \(3, 3\) for 3 images; must be \(3, 2\)"):
        classifier.logits(IMAGES)


def test_labels_are_checked_by_name() -> None:
    with pytest.raises(LabelError, match="'hapy', did you mean 'happy'"):
        classify.from_function(means, labels=["hapy", "sad", "fear"])
    with pytest.raises(LabelError, match="an action unit twice"):
        classify.from_function(means, labels=["AU1", "AU 01", "AU2"])
    with pytest.raises(LabelError, match="none of its labels calm, other is an expression"):
        classify.from_function(means, labels=["calm", "other"])
    with pytest.raises(LabelError, match="must be a word that can be printed"):
        classify.from_function(means, labels=["happy", "\x1b[31m", "sad"])
    with pytest.raises(ConfigError, match="no labels"):
        classify.from_function(means, labels=[])
    classifier = classify.from_function(means, labels=["happy", "sad", "fear"])
    with pytest.raises(LabelError, match="no output for 'anger'"):
        classifier.index("angry")
    with pytest.raises(LabelError, match="'surprize', did you mean 'surprise'"):
        classifier.index("surprize")


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="channels = 'gray', did you mean 'grey'"):
        classify.from_function(means, ["happy"], channels="gray")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="scores = 'logit', did you mean 'logits'"):
        classify.from_function(means, ["happy"], scores="logit")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="size = 0"):
        classify.from_function(means, ["happy"], size=0)
    with pytest.raises(ConfigError, match="needs a function"):
        classify.from_function(3, ["happy"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], r"got \(20, 20, 3\); add the batch axis"),
        (IMAGES[..., :1], r"must be \(batch, height, width, 3\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "got uint8; divide bytes by 255"),
        (IMAGES * 255, "divide bytes by 255"),
        (IMAGES * np.nan, "from nan to nan"),
        ([[1.0]], "got list"),
    ],
)
def test_images_are_checked(images: object, message: str) -> None:
    classifier = classify.from_function(means, labels=["happy", "sad", "fear"])
    with pytest.raises(ShapeError, match=message):
        classifier.logits(images)  # type: ignore[arg-type]


def softmax(images: jax.Array) -> jax.Array:
    return jax.nn.softmax(9 * means(images))


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("transform", [lambda fn: fn, jax.jit], ids=["plain", "jit"])
def test_a_softmax_is_recognised(on_host: bool, transform: Callable[[Any], Any]) -> None:
    classifier = classify.from_function(transform(softmax), ["happy", "sad", "fear"], on_host=on_host)
    np.testing.assert_allclose(classifier.probabilities(IMAGES), softmax(jnp.asarray(IMAGES)), atol=1e-6)
    assert classifier.notes == (
        "its answers sum to 1 in each row: they are taken as probabilities, not as logits",
    )
    assert classify.from_function(means, ["happy", "sad", "fear"]).notes == ()


@pytest.mark.parametrize(
    "call",
    [
        lambda c, x: jax.jit(lambda x: c.apply(c.state, x))(x),
        lambda c, x: jax.vmap(lambda x: c.apply(c.state, x[None])[0])(x),
        lambda c, x: jax.lax.map(lambda x: c.apply(c.state, x[None])[0], x),
        lambda c, x: jax.jit(jax.vmap(jax.value_and_grad(lambda x: c.apply(c.state, x[None])[0, 0])))(x)[0],
    ],
    ids=["jit", "vmap", "map", "grad"],
)
def test_a_softmax_is_recognised_amid_a_trace(call: Callable[..., jax.Array]) -> None:
    classifier = classify.from_function(softmax, ["happy", "sad", "fear"])
    logits = np.asarray(call(classifier, jnp.asarray(IMAGES)))
    expected = np.log(softmax(jnp.asarray(IMAGES)))
    np.testing.assert_allclose(logits, expected if logits.ndim == 2 else expected[:, 0], atol=1e-5)


@pytest.mark.parametrize("on_host", [False, True])
def test_probabilities_of_action_units_come_back_as_they_were(on_host: bool) -> None:
    table = np.array([[0.7, 0.9, 0.0, 1.0]], np.float32)
    classifier = classify.from_function(
        lambda images: (np if on_host else jnp).asarray(table).repeat(len(images), 0),
        labels=["AU1", "AU2", "AU4", "AU12"],
        scores="probabilities",
        on_host=on_host,
    )
    np.testing.assert_allclose(classifier.probabilities(IMAGES), table.repeat(3, 0), atol=1e-6)


def rows(images: np.ndarray) -> np.ndarray:
    return np.asarray(images).mean((1, 2))


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda images: (rows(images), images.mean((1, 2, 3))), "a tuple of 2 in place of scores"),
        (lambda images: {"logits": rows(images)}, "a dict in place of scores"),
        (lambda images: [{"happy": 1.0}] * len(images), "objects in place of scores"),
        (lambda images: ["happy"] * len(images), "text in place of scores"),
        (lambda images: "happy", "a str in place of scores"),
        (lambda images: None, "objects in place of scores"),
        (lambda images: rows(images) + 1j, "complex numbers in place of scores"),
        (lambda images: rows(images)[:-1], r"scores of shape \(2, 3\) for 3 images"),
        (lambda images: rows(images)[..., None], r"scores of shape \(3, 3, 1\)"),
        (lambda images: rows(images).astype("datetime64[s]"), "datetime64"),
    ],
)
def test_what_a_host_function_returns_is_checked(fn: Callable[..., Any], message: str) -> None:
    classifier = classify.from_function(fn, ["happy", "sad", "fear"], on_host=True, name="mine")
    with pytest.raises(ShapeError, match=rf"'mine' returned .*{message}") as caught:
        classifier.logits(IMAGES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda images: means(images) - 5, "from -[45].* to -[45].*; must be in"),
        (lambda images: 100 * means(images), "must be in"),
        (means, "sum to .*; each row must sum to 1"),
    ],
)
def test_probabilities_are_checked(fn: Callable[..., Any], message: str, on_host: bool) -> None:
    labels = ["happy", "sad", "fear"]
    classifier = classify.from_function(fn, labels, on_host=on_host, name="mine", scores="probabilities")
    with pytest.raises(ShapeError, match=f"'mine' returned probabilities.*{message}"):
        classifier.logits(IMAGES)


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda images: (means(images), images), "returned a tuple"),
        (lambda images: {"logits": means(images)}, "returned a dict"),
        (lambda images: means(images) + 1j, "returned complex numbers"),
        (lambda images: np.asarray(images).mean((1, 2)), "is no JAX function.*pass on_host=True"),
        (lambda images: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_what_a_jax_function_returns_is_checked(fn: Callable[..., Any], message: str) -> None:
    classifier = classify.from_function(fn, ["happy", "sad", "fear"], name="mine")
    with pytest.raises(JaxfaceError, match=f"'mine' {message}") as caught:
        classifier.logits(IMAGES)
    assert "\n" not in str(caught.value)


def test_a_host_function_may_change_its_input() -> None:
    def in_place(images: np.ndarray) -> np.ndarray:
        images *= 255
        return images.mean((1, 2))

    classifier = classify.from_function(in_place, ["happy", "sad", "fear"], on_host=True)
    images = IMAGES.copy()
    np.testing.assert_allclose(classifier.logits(images), 255 * IMAGES.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(images, IMAGES)


def test_labels_of_hugging_face() -> None:
    expected = ("anger", "happiness", "sadness")
    for labels in ({1: "happy", 0: "angry", 2: "sad"}, {"0": "angry", "1": "happy", "2": "sad"}):
        assert classify.from_function(means, labels).labels == expected
    assert classify.from_function(means, {"happy": 1, "angry": 0, "sad": 2}).labels == expected
    for wrong in ({0: "angry", 2: "sad"}, {"angry": "x"}, {0: 1}, [0, 1], "happy", [None]):
        with pytest.raises(LabelError, match="labels"):
            classify.from_function(means, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("on_host", [False, True])
def test_logits_that_happen_to_be_one_and_zero_stay_logits(on_host: bool) -> None:
    """Rows (1, 0) sum to 1, too: of logits their softmax is .73, of probabilities it would be 1."""
    xp = np if on_host else jnp
    classifier = classify.from_function(
        lambda images: xp.stack([xp.ones(len(images)), xp.zeros(len(images))], -1),
        ["happy", "sad"],
        on_host=on_host,
    )
    np.testing.assert_allclose(classifier.probabilities(IMAGES)[:, 0], 1 / (1 + np.exp(-1)), rtol=1e-6)
