"""Squares as face-api itself cuts them from tensors: `DetectConfig.resampling = "package"`.

Corners of pixels are aligned instead of their centres, nothing is averaged, boxes are cut to whole pixels. With
these the answers equal the package's; those of `squares` are the better ones (docs/photos.md).
"""

import numpy as np
from PIL import Image

from jaxface.photos.resampling import corner_bilinear
from jaxface.photos.squares import FACE_SIZE


def whole(image: Image.Image, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a square with the whole picture, and the matrix from its pixels to the picture's."""
    square = np.zeros((max(image.size), max(image.size), 3), np.uint8)
    square[: image.height, : image.width] = np.asarray(image)
    edges = [np.floor(edge * size / max(image.size) + 0.5) for edge in image.size]
    matrix = np.diag(np.array(image.size) / edges)  # so it takes boxes back, not quite as it took pixels
    return corner_bilinear(square, size), np.column_stack([matrix, np.zeros(2)])


def face(image: Image.Image, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a square with a box (4,) in the middle, black around it, and its matrix."""
    left, top, right, bottom = box.tolist()
    left, top = max(left, 0.0), max(top, 0.0)
    width = max(int(min(right - left, image.width - left)), 1)
    height = max(int(min(bottom - top, image.height - top)), 1)
    corner = np.array([int(left), int(top)])
    part = np.asarray(image.crop((*corner.tolist(), corner[0] + width, corner[1] + height)))
    edge, missing = max(width, height), abs(width - height)
    square = np.zeros((edge, edge, 3), np.uint8)
    before = missing // 2
    down, right_by = (before, 0) if width > height else (0, before)
    square[down : down + height, right_by : right_by + width] = part
    # the package takes half of the missing pixels back, though it may have put one less there
    offset = corner - 0.5 * missing * np.array([width < height, height < width])
    return corner_bilinear(square, FACE_SIZE), np.column_stack([np.eye(2) * edge / FACE_SIZE, offset])
