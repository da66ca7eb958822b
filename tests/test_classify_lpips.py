"""LPIPS against what its authors' package computes on generated weights of AlexNet."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.classify import lpips
from jaxface.core.errors import CheckpointError, ShapeError
from tests.classifier_fixtures import load

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def fixture() -> tuple[Arrays, Arrays]:
    return load("lpips_alex", "backbones")


@pytest.fixture(scope="module")
def measure(fixture: tuple[Arrays, Arrays]) -> lpips.Lpips:
    return lpips.from_state_dict(fixture[0])


def pair(arrays: Arrays, size: str) -> tuple[np.ndarray, np.ndarray]:
    """Both images, in [0, 1]."""
    return (arrays[f"in0_{size}"] + 1) / 2, (arrays[f"in1_{size}"] + 1) / 2


@jax.jit
def everything(measure: lpips.Lpips, first: jax.Array, second: jax.Array) -> tuple[jax.Array, ...]:
    """The distance, where it lies, and its gradient in the first images."""
    distance, back = jax.vjp(lambda first: measure.distance(first, second), first)
    return distance, measure.distance_map(first, second), back(jnp.ones(len(first)))[0]


def test_channels_are_weighted_as_published(fixture: tuple[Arrays, Arrays], measure: lpips.Lpips) -> None:
    for layer, weights in enumerate(measure.weights):
        np.testing.assert_array_equal(weights, fixture[1][f"lin/lin{layer}.model.1.weight"].reshape(-1))


@pytest.mark.parametrize("size", ["64", "224x112"])
def test_distance_map_and_gradient_are_those_of_the_original(
    size: str, fixture: tuple[Arrays, Arrays], measure: lpips.Lpips
) -> None:
    arrays = fixture[1]
    distance, where, gradient = everything(measure, *pair(arrays, size))
    # float32 costs the original 2e-8; the smallest mistake (unaligned maps) makes 1e-6
    np.testing.assert_allclose(distance, arrays[f"dist_f64_{size}"], atol=2e-7)
    np.testing.assert_allclose(where, arrays[f"spatial_{size}"], atol=1e-5 * arrays[f"spatial_{size}"].max())
    if size != "64":
        gradient = gradient[:, ::4, ::4]
    truth = 2 * arrays[f"grad_in0_{size}"]  # ours is for images in [0, 1], theirs for [-1, 1]
    np.testing.assert_allclose(gradient, truth, atol=1e-4 * np.abs(truth).max())


def test_equal_images_differ_by_rounding_alone(fixture: tuple[Arrays, Arrays], measure: lpips.Lpips) -> None:
    images = pair(fixture[1], "64")[0]
    images[0] = 0
    for quantity, largest in zip(everything(measure, images, images), (1e-14, 1e-14, 1e-8), strict=True):
        assert np.abs(quantity).max() < largest


def test_a_pixel_without_direction_stays_and_has_a_gradient(fixture: tuple[Arrays, Arrays]) -> None:
    arrays = fixture[1]
    np.testing.assert_allclose(
        lpips.unit_channels(arrays["eps_test/in_nhwc"]), arrays["eps_test/out_nhwc"], rtol=2e-6
    )
    slope = jax.jit(jax.grad(lambda maps: lpips.unit_channels(maps).sum()))(arrays["eps_test/in_nhwc"])
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 62, 64, 3), (1, 62, 64, 3)), ((1, 64, 64, 3), (2, 64, 64, 3)), ((64, 64, 3),) * 2],
)
def test_unequal_and_small_images_are_refused(
    first: tuple[int, ...], second: tuple[int, ...], measure: lpips.Lpips
) -> None:
    with pytest.raises(ShapeError, match="63 pixels or more"):
        measure.distance(jnp.zeros(first), jnp.zeros(second))


def test_another_nets_weights_are_refused(fixture: tuple[Arrays, Arrays]) -> None:
    with pytest.raises(CheckpointError, match=r"missing 'features\.10\.bias'"):
        lpips.from_state_dict({key: array for key, array in fixture[0].items() if "10.bias" not in key})
