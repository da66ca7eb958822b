"""Augmentation on the device: pure functions of a key, for use inside a training step."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ShapeError
from jaxface.core.types import LUMA, Array
from jaxface.data.augmentation_config import AugmentConfig


def augment(key: Array, images: Array, config: AugmentConfig) -> Array:
    """Augment images; return (B, H, W, C) float32 in [0, 1].

    Image i depends only on the key, on i and on its pixels.

    Args:
        images: (B, H, W, C) uint8, or float in [0, 1]; C is 3, or 1, without changes of colour.
        config: fixed under `jit`.

    Raises:
        ShapeError: images of another shape.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ShapeError(f"images have shape {images.shape}, not (batch, height, width, 3 or 1)")
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(images.shape[0]))
    return jax.vmap(lambda k, image: augment_one(k, image, config))(keys, images)


def augment_one(key: Array, image: Array, config: AugmentConfig) -> Array:
    """Augment one image (H, W, C) with its own key."""
    k_flip, k_place, k_colour, k_erase = jax.random.split(key, 4)
    image = as_float(image)
    if config.flip:
        image = jnp.where(jax.random.bernoulli(k_flip), image[:, ::-1], image)
    if config.rotation or config.crop < 1.0:
        image = _resample(k_place, image, config)
    image = _change_colours(k_colour, image, config)
    return _erase(k_erase, image, config) if config.erase else image


def as_float(image: Array) -> Array:
    """Convert uint8 to float32 in [0, 1]; floats keep their values."""
    if image.dtype == jnp.uint8:
        return image.astype(jnp.float32) / 255.0
    return image.astype(jnp.float32)


def augment_points(key: Array, points: Array, config: AugmentConfig, mirror: np.ndarray) -> Array:
    """Return where points (B, P, 2) of the images are after `augment` with the same key.

    Args:
        points: x right and y down, in widths of the (square) images; points may be outside.
        mirror: (P,) int index of the point that takes each point's place in a mirrored face.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(points.shape[0]))

    def one(key: Array, points: Array) -> Array:
        k_flip, k_place, *_ = jax.random.split(key, 4)
        if config.flip:
            reflection = jnp.stack([1.0 - points[mirror, 0], points[mirror, 1]], axis=-1)
            points = jnp.where(jax.random.bernoulli(k_flip), reflection, points)
        if config.rotation or config.crop < 1.0:
            angle, zoom, shift = _window(k_place, config)
            offset = points - 0.5 - shift[None, ::-1]
            turn = jnp.stack(
                [jnp.stack([jnp.cos(angle), -jnp.sin(angle)]), jnp.stack([jnp.sin(angle), jnp.cos(angle)])]
            )
            points = offset @ turn / zoom + 0.5
        return points

    return jax.vmap(one)(keys, points)


def _window(key: Array, config: AugmentConfig) -> tuple[Array, Array, Array]:
    """Draw the angle in radians, the zoom, and the window's shift (2,) down and right, in edges."""
    k_angle, k_zoom, k_shift = jax.random.split(key, 3)
    angle = jnp.deg2rad(_signed(k_angle, config.rotation))
    zoom = jax.random.uniform(k_zoom, minval=config.crop, maxval=1.0)
    return angle, zoom, (1.0 - zoom) * jax.random.uniform(k_shift, (2,), minval=-0.5, maxval=0.5)


def _resample(key: Array, image: Array, config: AugmentConfig) -> Array:
    """Rotate and crop in one bilinear resampling; border pixels are repeated outside."""
    height, width, _ = image.shape
    angle, zoom, shift = _window(key, config)
    y = (jnp.arange(height) + 0.5 - 0.5 * height)[:, None]
    x = (jnp.arange(width) + 0.5 - 0.5 * width)[None, :]
    cosine, sine = zoom * jnp.cos(angle), zoom * jnp.sin(angle)
    rows = cosine * y + sine * x + (0.5 + shift[0]) * height - 0.5
    columns = cosine * x - sine * y + (0.5 + shift[1]) * width - 0.5
    return bilinear(image, rows, columns)


def bilinear(image: Array, rows: Array, columns: Array) -> Array:
    """Sample an image (H, W, C) bilinearly at pixel coordinates (h, w), clamped at the border.

    Coordinate 0 is the centre of the first pixel.
    """
    height, width, channels = image.shape
    rows, columns = jnp.clip(rows, 0.0, height - 1.0), jnp.clip(columns, 0.0, width - 1.0)
    top = jnp.clip(jnp.floor(rows), 0, max(height - 2, 0))
    left = jnp.clip(jnp.floor(columns), 0, max(width - 2, 0))
    down, across = (rows - top)[..., None], (columns - left)[..., None]
    first = top.astype(jnp.int32) * width + left.astype(jnp.int32)
    flat = image.reshape(-1, channels)
    right, below = min(1, width - 1), width * min(1, height - 1)
    upper = (1.0 - across) * flat[first] + across * flat[first + right]
    lower = (1.0 - across) * flat[first + below] + across * flat[first + below + right]
    return (1.0 - down) * upper + down * lower


def _change_colours(key: Array, image: Array, config: AugmentConfig) -> Array:
    k_brightness, k_contrast, k_saturation, k_hue = jax.random.split(key, 4)
    colour = image.shape[-1] == 3
    if config.brightness:
        image = jnp.clip(image * (1.0 + _signed(k_brightness, config.brightness)), 0.0, 1.0)
    if config.contrast:
        mean = jnp.mean(_grey(image))
        image = jnp.clip(mean + (image - mean) * (1.0 + _signed(k_contrast, config.contrast)), 0.0, 1.0)
    if config.saturation and colour:
        grey = _grey(image)
        image = jnp.clip(grey + (image - grey) * (1.0 + _signed(k_saturation, config.saturation)), 0.0, 1.0)
    if config.hue and colour:
        image = jnp.clip(image @ _hue_rotation(2.0 * jnp.pi * _signed(k_hue, config.hue)).T, 0.0, 1.0)
    return image


def _hue_rotation(angle: Array) -> Array:
    """Return the rotation (3, 3) of colours about the axis of greys."""
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    axis = jnp.sqrt(1.0 / 3.0)
    cross = jnp.asarray([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    return cosine * jnp.eye(3) + (1.0 - cosine) / 3.0 * jnp.ones((3, 3)) + sine * axis * cross


def _erase(key: Array, image: Array, config: AugmentConfig) -> Array:
    k_whether, k_area, k_shape, k_place, k_noise = jax.random.split(key, 5)
    height, width, _ = image.shape
    low, high = config.erase_area
    area = jax.random.uniform(k_area, minval=low, maxval=high)
    aspect = jnp.exp(_signed(k_shape, jnp.log(3.3)))
    tall = jnp.minimum(jnp.sqrt(area * aspect), 1.0) * height
    wide = jnp.minimum(jnp.sqrt(area / aspect), 1.0) * width
    place = jax.random.uniform(k_place, (2,))
    top, left = place[0] * (height - tall), place[1] * (width - wide)
    row, column = jnp.arange(height) + 0.5, jnp.arange(width) + 0.5
    inside = ((row >= top) & (row < top + tall))[:, None] & ((column >= left) & (column < left + wide))[None, :]
    inside &= jax.random.bernoulli(k_whether, config.erase)
    return jnp.where(inside[..., None], jax.random.uniform(k_noise, image.shape), image)


def _signed(key: Array, amount: float | Array) -> Array:
    return amount * jax.random.uniform(key, minval=-1.0, maxval=1.0)


def _grey(image: Array) -> Array:
    """Return the luma (H, W, 1)."""
    return (image @ jnp.asarray(LUMA) if image.shape[-1] == 3 else image[..., 0])[..., None]
