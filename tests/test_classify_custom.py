"""A user's own model, JAX or not, and what it is told when it does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.core.errors import ConfigError, LabelError, ShapeError

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
    with pytest.raises(LabelError, match="twice"):
        classify.from_function(means, labels=["happy", "joy", "fear"])
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
