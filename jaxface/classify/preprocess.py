"""From any image to the input of a net: on the device, differentiable."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify.card import Preprocessing
from jaxface.core.types import LUMA, Array


def prepare(images: Array, card: Preprocessing) -> Array:
    """Turn grey, resize, crop the middle, order the channels and normalise as the card says.

    Args:
        images: (B, H, W, 3) float32 sRGB in [0, 1].
    Returns:
        (B, size, size, 3 or 1) float32. An image that has the size already is not resampled (where the
        middle is cropped: one of the size before).
    """
    if card.channels in ("grey", "grey3"):
        images = grey(images)
    images = resize(images, card.resize_to or card.size, card.resize, card.antialias)
    if card.resize_to is not None and card.size is not None:
        images = crop_middle(images, card.size)
    if card.channels == "grey3":
        images = jnp.repeat(images, 3, axis=-1)
    if card.channels == "bgr":
        images = images[..., ::-1]
    return normalise(images, card)


def grey(images: Array) -> Array:
    """Luma (.299, .587, .114) of (..., 3), as (..., 1)."""
    red, green, blue = (images[..., channel : channel + 1] for channel in range(3))
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def resize(images: Array, size: int | None, method: str, antialias: bool) -> Array:
    """(B, H, W, C) to (B, size, size, C), pixel centres aligned, edges repeated; unchanged if None or equal."""
    batch, height, width, channels = images.shape
    if size is None or (height, width) == (size, size):
        return images
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(method, method)
    return jax.image.resize(images, (batch, size, size, channels), kind, antialias=antialias)


def crop_middle(images: Array, size: int) -> Array:
    """Crop the central (B, size, size, C); of an odd rest the larger part is cut at the end."""
    top, left = ((length - size) // 2 for length in images.shape[1:3])
    return images[:, top : top + size, left : left + size]


def normalise(images: Array, card: Preprocessing) -> Array:
    """`(images * value_range - mean) / std`, one number a channel; skip what has no effect."""
    if card.value_range != 1.0:
        images = images * card.value_range
    if any(card.mean):
        images = images - _by_channel(card.mean)
    if any(number != 1.0 for number in card.std):
        images = images / _by_channel(card.std)
    return images


def _by_channel(numbers: tuple[float, ...]) -> Array | float:
    if len(set(numbers)) == 1:
        return numbers[0]
    return jnp.asarray(np.asarray(numbers, np.float32).reshape(1, 1, 1, -1))
