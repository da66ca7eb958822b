"""Preprocessing against NumPy and against the nets' own arithmetic."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxface.classify import Card, load
from jaxface.classify.preprocess import prepare
from jaxface.core.errors import ConfigError

CARD = Card(name="plain", architecture="custom", native_labels=("happy",), size=16)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).random((2, 24, 37, 3), np.float32)


def triangle(size: int, target: int, antialias: bool) -> np.ndarray:
    """(wanted, size) weights of a bilinear resize with aligned pixel centres, edges repeated, in float64."""
    ratio = size / target
    width = max(ratio, 1.0) if antialias else 1.0
    centre = (np.arange(target) + 0.5) * ratio - 0.5
    if not antialias:
        centre = np.clip(centre, 0, size - 1)
    weight = np.clip(1 - np.abs(np.arange(size)[None] - centre[:, None]) / width, 0, None)
    return weight / weight.sum(1, keepdims=True)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [16, 50])
def test_resize_is_bilinear(size: int, antialias: bool, images: np.ndarray) -> None:
    card = dataclasses.replace(CARD, size=size, antialias=antialias)
    truth = np.einsum(
        "ih,jw,bhwc->bijc",
        triangle(24, size, antialias),
        triangle(37, size, antialias),
        images.astype(np.float64),
    )
    np.testing.assert_allclose(prepare(images, card), truth, atol=2e-6)


def test_an_image_of_the_size_passes_bit_for_bit(images: np.ndarray) -> None:
    square = images[:, :16, :16]
    np.testing.assert_array_equal(prepare(square, CARD), square)
    np.testing.assert_array_equal(prepare(images, dataclasses.replace(CARD, size=None)), images)


def test_grey_is_luma(images: np.ndarray) -> None:
    card = dataclasses.replace(CARD, size=None, channels="grey")
    luma = images.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(prepare(images, card)[..., 0], luma, atol=1e-6)


def test_grey_on_three_channels(images: np.ndarray) -> None:
    one, three = (dataclasses.replace(CARD, channels=kind) for kind in ("grey", "grey3"))
    result = prepare(images, dataclasses.replace(three, mean=(0.0, 0.5, 1.0)))
    channels = np.asarray(prepare(images, one)) - np.array([0.0, 0.5, 1.0], np.float32).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(result, channels)


def test_the_middle_is_cut_out_of_the_resized_image(images: np.ndarray) -> None:
    result = prepare(images, dataclasses.replace(CARD, resize_to=21))
    whole = prepare(images, dataclasses.replace(CARD, size=21))
    np.testing.assert_array_equal(result, whole[:, 2:18, 2:18])
    with pytest.raises(ConfigError, match=r"card.resize_to = 15: must be at least size"):
        dataclasses.replace(CARD, resize_to=15)


def test_normalisation_is_that_of_each_net() -> None:
    level = np.full((1, 112, 112, 3), 0.25, np.float32)
    result = np.asarray(prepare(level, load("face-api").card))[0, 0, 0]
    np.testing.assert_allclose(result, (63.75 - np.array([122.782, 117.001, 104.298])) / 255, atol=1e-6)
    result = np.asarray(prepare(level, load("fer-mini-xception").card))
    assert result.shape == (1, 64, 64, 1)
    np.testing.assert_allclose(result, -0.5, atol=1e-6)


def test_gradient_passes_through_resize_and_grey(key: jax.Array) -> None:
    card = dataclasses.replace(CARD, size=5, channels="grey", mean=(0.5,), std=(0.2,))
    small = jax.random.uniform(key, (1, 7, 6, 3))
    check_grads(lambda images: jnp.square(prepare(images, card)), (small,), order=1, modes=("rev",), rtol=0.02)
