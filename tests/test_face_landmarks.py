"""The 68 landmarks: where they are on the head, how they mirror, and that they follow augmented images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError
from jaxface.data import AugmentConfig, augment, augment_points
from jaxface.face import FaceModel, landmarks, load
from jaxface.face._landmarks import COUNT, inner, mirror_order


@pytest.fixture(scope="module")
def head() -> FaceModel:
    return load("bundled")


@pytest.fixture(scope="module")
def points(head: FaceModel) -> np.ndarray:
    """On the mean head, (68, 3) metres."""
    marks = landmarks(head)
    return np.asarray(jnp.sum(marks.weights[..., None] * head.template[marks.vertices], axis=1))


def test_points_mirror_each_other_and_lie_in_their_order(points: np.ndarray) -> None:
    order = mirror_order()
    np.testing.assert_array_equal(order[order], np.arange(COUNT))
    np.testing.assert_allclose(points[order] * [-1, 1, 1], points, atol=1e-6)
    x, y = points[:, 0], points[:, 1]
    # x grows to the subject's left, which is the image's right, where iBUG's numbers grow too
    for row in (range(2, 15), range(17, 27), range(31, 36), range(36, 40), range(42, 46), range(48, 55)):
        assert (np.diff(x[list(row)]) > 0).all()
    assert (np.diff(y[27:31]) < 0).all()
    above = [17, 37, 41, 31, 50, 58, 8]  # brow, upper and lower lid, nose, upper and lower lip, chin
    assert (np.diff(y[above]) < 0).all()
    assert points[30, 2] == points[:, 2].max()  # the tip of the nose


def test_the_inner_points_are_those_of_bp4d(points: np.ndarray) -> None:
    result = np.asarray(inner(jnp.asarray(points)))
    assert result.shape == (49, 3)
    np.testing.assert_array_equal(result[[0, 19, 31, 43]], points[[17, 36, 48, 61]])
    order = mirror_order(49)
    np.testing.assert_allclose(result[order] * [-1, 1, 1], result, atol=1e-6)
    with pytest.raises(ConfigError, match="landmarks = 50: must be the 68"):
        mirror_order(50)


def test_a_head_without_marks_is_refused(head: FaceModel) -> None:
    with pytest.raises(ConfigError, match="nobody has marked the 68 landmarks on 'another'"):
        landmarks(dataclasses.replace(head, name="another"))


def test_points_follow_the_image(key: jax.Array) -> None:
    """A blob is found where its point went, whichever way the image was flipped, turned and cropped."""
    size, config = 48, AugmentConfig(flip=True, rotation=20.0, crop=0.7)
    centres = np.array([[0.4, 0.55], [0.62, 0.5]], np.float32)
    pixels = (np.arange(size) + 0.5) / size
    away = (pixels[None, None, :] - centres[:, :1, None]) ** 2 + (
        pixels[None, :, None] - centres[:, 1:, None]
    ) ** 2
    blobs = np.exp(-away / (2 * 0.03**2)).astype(np.float32)
    images = np.tile(np.stack([blobs[0], blobs[1], 0 * blobs[0]], axis=-1)[None], (8, 1, 1, 1))
    mirror = np.array([1, 0])  # a mirrored face has its other eye there

    @jax.jit
    def both(key: jax.Array, images: jax.Array, points: jax.Array) -> tuple[jax.Array, jax.Array]:
        return augment(key, images, config), augment_points(key, points, config, mirror)

    pictures, moves = jax.device_get(both(key, images, np.tile(centres[None], (8, 1, 1))))
    weight = pictures[..., :2] / pictures[..., :2].sum((1, 2), keepdims=True)
    x, y = (
        (weight * pixels[None, None, :, None]).sum((1, 2)),
        (weight * pixels[None, :, None, None]).sum((1, 2)),
    )
    blob_centres = np.stack([x, y], axis=-1)
    flips = blob_centres[:, 0, 0] > blob_centres[:, 1, 0]
    blob_centres = np.where(flips[:, None, None], blob_centres[:, ::-1], blob_centres)
    assert 0 < flips.sum() < 8
    np.testing.assert_allclose(moves, blob_centres, atol=2e-3)
