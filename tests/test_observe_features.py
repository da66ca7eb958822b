"""Symmetry features: zero for symmetric crops, right values where they can be computed otherwise."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.audit.observe import ObserveConfig, features
from jaxface.classify import lpips
from jaxface.core.errors import CheckpointError, ConfigError
from tests.classifier_fixtures import load

CONFIG = ObserveConfig()


@pytest.fixture(scope="module")
def crops() -> jnp.ndarray:
    """A symmetric crop, its half spoiled a little, more, and mirrored: (4, 64, 64, 3)."""
    random = np.random.default_rng(0)
    half = random.uniform(0.2, 0.8, (64, 32, 3))
    whole = np.concatenate([half, half[:, ::-1]], axis=1)
    noise = random.uniform(-0.2, 0.2, (64, 64, 3)) * (np.arange(64) < 32)[:, None]
    return jnp.asarray(
        np.stack([whole, whole + 0.3 * noise, whole + noise, (whole + noise)[:, ::-1]]), jnp.float32
    )


@pytest.fixture(scope="module")
def small() -> classify.Classifier:
    return classify.load("fer-mini-xception")


def test_halves_and_chimeras_are_made_of_one_side_each() -> None:
    crop = jnp.arange(8.0).reshape(1, 1, 8, 1)
    right, left = features.halves(crop)
    np.testing.assert_array_equal(right.ravel(), [0, 1, 2, 3])
    np.testing.assert_array_equal(left.ravel(), [7, 6, 5, 4])
    first, second = features.chimeras(crop)
    np.testing.assert_array_equal(first.ravel(), [0, 1, 2, 3, 3, 2, 1, 0])
    np.testing.assert_array_equal(second.ravel(), [7, 6, 5, 4, 4, 5, 6, 7])


def test_pixel_distance_is_the_root_mean_square_of_the_halves(crops: jnp.ndarray) -> None:
    distance = np.asarray(features.build("pixel", CONFIG, ()).measure(crops))
    images = np.asarray(crops, np.float64)
    truth = np.sqrt(((images - images[:, :, ::-1])[:, :, :32] ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(distance, truth, atol=1e-6)
    assert distance[0] == 0


def test_maps_of_a_classifier_tell_symmetric_from_asymmetric(
    crops: jnp.ndarray, small: classify.Classifier
) -> None:
    feature = features.build("maps:fer-mini-xception", CONFIG, (small,))
    distance = np.asarray(feature.measure(crops))
    assert distance[0] < 1e-12 and 1e-3 < distance[1] < distance[2]
    np.testing.assert_allclose(distance[3], distance[2], rtol=1e-5)  # which side it is does not matter
    same = features.build("maps:fer-mini-xception:block3", CONFIG, (small,)).measure(crops)
    np.testing.assert_array_equal(distance, same)


def test_map_distance_by_hand() -> None:
    first = jnp.array([[[[3.0, 4.0], [0.0, 2.0]]]])
    second = jnp.array([[[[3.0, 4.0], [5.0, 0.0]]]])
    np.testing.assert_allclose(features.map_distance(first, second), [(0 + 2) / 2], rtol=1e-6)


def test_lpips_is_the_distance_of_the_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    state_dict, arrays = load("lpips_alex", "backbones")
    network = lpips.from_state_dict(state_dict)
    monkeypatch.setattr(lpips, "load", lambda path: network)
    feature = features.build("lpips", dataclasses.replace(CONFIG, alexnet="alexnet.pth"), ())
    assert feature.size == 224
    first, second = arrays["in0_224x112"], arrays["in1_224x112"]  # in [-1, 1]
    crops = jnp.asarray((np.concatenate([first, second[:, :, ::-1]], axis=2) + 1) / 2)
    np.testing.assert_allclose(feature.measure(crops), arrays["dist_f64_224x112"], atol=2e-7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pixels", "unknown feature 'pixels'; known: group, pixel"),
        ("maps:", "unknown feature 'maps:'"),
        ("maps:fer-mini-xception:head", r"has no map 'head'; it has: block0, block1"),
        ("maps:nobody", "unknown classifier 'nobody'"),
        ("lpips", "wants AlexNet's weights"),
    ],
)
def test_features_that_cannot_be_are_told(name: str, message: str, small: classify.Classifier) -> None:
    with pytest.raises(ConfigError, match=message):
        features.build(name, CONFIG, (small,))


def test_a_missing_file_of_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="absent"):
        features.build("lpips", dataclasses.replace(CONFIG, alexnet=str(tmp_path / "absent.pth")), ())


def test_host_models_have_no_maps() -> None:
    host = classify.from_function(
        lambda images: images[:, 0, 0, :2], ["happy", "sad"], on_host=True, name="host"
    )
    with pytest.raises(ConfigError, match="runs on the host and has no maps"):
        features.build("maps:host", CONFIG, (host,))
