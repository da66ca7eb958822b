"""From a picture to the squares that nets look at.

A matrix (2, 3) takes pixels of a square to pixels of the picture. Both count from the upper left
corner, so that the middle of the first pixel is (.5, .5).
"""

import numpy as np
from PIL import Image


def resample(
    image: Image.Image,
    matrix: np.ndarray,
    size: int,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    method: Image.Resampling = Image.Resampling.BICUBIC,
) -> np.ndarray:
    """Return the square (size, size, 3) uint8 that a matrix takes from a picture in RGB.

    Where it is much smaller than what it shows, whole blocks of pixels are averaged first.

    Args:
        background: of what lies outside of the picture, in [0, 1].
    """
    shrink = int(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink > 1:
        image, matrix = _reduced(image, matrix, size, shrink)
    outside = tuple(round(255 * value) for value in background)
    coefficients = tuple(matrix.ravel().tolist())
    return np.asarray(
        image.transform((size, size), Image.Transform.AFFINE, coefficients, method, fillcolor=outside)
    )


def _reduced(image: Image.Image, matrix: np.ndarray, size: int, shrink: int) -> tuple[Image.Image, np.ndarray]:
    """Average blocks of `shrink` pixels of the part that is seen, and return it with its matrix."""
    corners = matrix @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    low = np.floor(corners.min(1) / shrink).astype(int) - 2
    high = np.ceil(corners.max(1) / shrink).astype(int) + 2
    left, top = np.maximum(low, 0) * shrink
    right, bottom = np.minimum(high * shrink, image.size)
    if right - left < shrink or bottom - top < shrink:  # the square lies outside of the picture
        return image, matrix
    part = image.reduce(shrink, (int(left), int(top), int(right), int(bottom)))
    return part, (matrix - np.array([[0, 0, left], [0, 0, top]])) / shrink


def contain(image: Image.Image, size: int, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a square (size, size, 3) uint8 with the whole picture, and its matrix.

    Args:
        margin: of black on all sides of the picture, share of its longer edge. Without it the picture is in the
            upper left corner.
    """
    longer = max(image.size) * (1.0 + 2.0 * margin)
    scale, offset = longer / size, -margin * max(image.size)
    width, height = (max(1, round(edge / scale)) for edge in image.size)
    corner = round(-offset / scale)
    square = np.zeros((size, size, 3), np.uint8)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    square[corner : corner + height, corner : corner + width] = np.asarray(small)
    scales = np.array([image.width / width, image.height / height])
    return square, np.column_stack([np.diag(scales), -corner * scales])


def corner_bilinear(image: np.ndarray, size: int) -> np.ndarray:
    """Return (H, W, 3) resized to (size, size, 3) float32 as TensorFlow.js does by default.

    The corners of pixels are aligned, not their centres, and nothing is averaged.
    """
    rows, columns = (_corner_weights(edge, size) for edge in image.shape[:2])
    return (rows @ image.astype(np.float32).transpose(2, 0, 1) @ columns.T).transpose(1, 2, 0)


def _corner_weights(edge: int, size: int) -> np.ndarray:
    """(size, edge) float32 weights of linear interpolation."""
    position = np.arange(size) * (edge / size)
    first = np.floor(position).astype(int)
    weights = np.zeros((size, edge), np.float32)
    weights[np.arange(size), first] += 1.0 - (position - first)
    weights[np.arange(size), np.minimum(first + 1, edge - 1)] += position - first
    return weights
