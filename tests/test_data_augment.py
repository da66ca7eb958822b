"""Augmentation: what each option does to an image, and what it leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.data import AugmentConfig, augment


@pytest.fixture(scope="module")
def images() -> jax.Array:
    return jax.random.uniform(jax.random.key(1), (6, 8, 8, 3))


def test_the_defaults_change_nothing_and_bytes_become_floats(key: jax.Array) -> None:
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    result = augment(key, pixels, AugmentConfig())
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, pixels / 255.0, atol=1e-7)


def test_flipping_mirrors_some_images_and_leaves_the_others(key: jax.Array, images: jax.Array) -> None:
    result = np.asarray(augment(key, images, AugmentConfig(flip=True)))
    mirrors = [
        bool((one == np.asarray(image)[:, ::-1]).all()) for one, image in zip(result, images, strict=True)
    ]
    same = [bool((one == np.asarray(image)).all()) for one, image in zip(result, images, strict=True)]
    assert all(a != b for a, b in zip(mirrors, same, strict=True)) and 0 < sum(mirrors) < 6


def test_all_of_it_stays_an_image_and_an_image_depends_on_its_place_alone(
    key: jax.Array, images: jax.Array
) -> None:
    config = AugmentConfig(True, 10.0, 0.9, 0.2, 0.2, 0.2, 0.05, 0.5)
    vary = jax.jit(augment, static_argnums=2)
    result = vary(key, images, config)
    assert result.shape == images.shape and float(result.min()) >= 0.0 and float(result.max()) <= 1.0
    np.testing.assert_array_equal(result, vary(key, images, config))
    assert not np.allclose(result, vary(jax.random.key(9), images, config))
    others = images.at[1:].set(0.5)
    np.testing.assert_allclose(vary(key, others, config)[0], result[0], atol=1e-6)


def test_turning_keeps_the_centre_and_moves_a_ramp_as_the_angle_says(key: jax.Array) -> None:
    """On a ramp, bilinear sampling is exact: the slopes tell the angle of each image, which stays in range."""
    x = jnp.linspace(0.3, 0.7, 9)
    ramp = jnp.broadcast_to(x[None, None, :, None], (20, 9, 9, 1))
    result = np.asarray(augment(key, ramp, AugmentConfig(rotation=30.0)))[..., 0]
    np.testing.assert_allclose(result[:, 4, 4], 0.5, atol=1e-6)
    across, down = result[:, 4, 5] - result[:, 4, 4], result[:, 5, 4] - result[:, 4, 4]
    angles = np.degrees(np.arctan2(down, across))
    assert np.abs(angles).max() <= 30.0 and angles.max() > 15.0 and angles.min() < -15.0
    np.testing.assert_allclose(np.hypot(across, down), 0.05, atol=1e-5)


def test_hue_and_saturation_leave_grey_alone(key: jax.Array) -> None:
    grey = jnp.broadcast_to(jnp.linspace(0.1, 0.9, 8)[None, :, None, None], (2, 8, 4, 3))
    np.testing.assert_allclose(augment(key, grey, AugmentConfig(hue=0.5, saturation=1.0)), grey, atol=1e-5)


def test_erasing_replaces_one_rectangle_of_a_bounded_share(key: jax.Array) -> None:
    black = jnp.full((40, 16, 16, 1), -1.0)
    config = AugmentConfig(erase=0.5, erase_area=(0.1, 0.2))
    erasure = np.asarray(augment(key, black, config))[..., 0] >= 0.0
    some = erasure.any((1, 2))
    assert 8 < some.sum() < 32
    for mask in erasure[some]:
        rows, columns = mask.any(1), mask.any(0)
        assert mask.sum() == rows.sum() * columns.sum()
        assert 0.04 < mask.mean() < 0.32


@pytest.mark.parametrize(
    ("options", "message"),
    [({"crop": 0.0}, "crop"), ({"hue": 0.6}, "hue"), ({"erase_area": (0.5, 0.2)}, "erase_area")],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AugmentConfig(**options)


def test_one_image_is_no_batch(key: jax.Array) -> None:
    with pytest.raises(ShapeError, match="batch, height, width"):
        augment(key, jnp.zeros((8, 8, 3)), AugmentConfig())
