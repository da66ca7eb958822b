"""The squares that the landmark net looks at, and where what it sees is in the picture."""

import numpy as np
from PIL import Image

from jaxface.face._landmarks import mirror_order
from jaxface.photos.faces import LEFT_EYE, RIGHT_EYE
from jaxface.photos.resampling import resample

FACE_SIZE = 112
"""Of the landmark net's input."""

_BRIDGE = slice(27, 31)
_MOUTH = slice(48, 68)
_LEFT_MOUTH = (52, 53, 54, 55, 56, 63, 64, 65)

_SHIFTS = (
    (0.0, 0.0, 1.0),
    (0.02, -0.015, 1.03),
    (-0.02, 0.015, 0.97),
    (0.015, 0.02, 1.0),
    (-0.015, -0.02, 1.0),
)
"""Of copies: right, down (shares of the square), and scale."""


def around_box(box: np.ndarray) -> np.ndarray:
    """Return the matrix of the upright square around a box (4,): from `FACE_SIZE` pixels to the picture's."""
    left, top, right, bottom = box
    edge = max(right - left, bottom - top, 1.0)
    corner = 0.5 * np.array([left + right - edge, top + bottom - edge])
    return np.column_stack([np.eye(2) * edge / FACE_SIZE, corner])


def around_points(points: np.ndarray, margin: float = 0.08) -> np.ndarray:
    """Return the matrix of the square around landmarks (68, 2), turned so that the eyes are level."""
    across = points[LEFT_EYE].mean(0) - points[RIGHT_EYE].mean(0)
    cosine, sine = across / max(float(np.hypot(*across)), 1e-6)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    level = points @ turn  # the inverse turn
    low, high = level.min(0), level.max(0)
    edge = max(float((high - low).max()) * (1.0 + 2.0 * margin), 1.0)
    corner = turn @ (0.5 * (low + high) - 0.5 * edge)
    return np.column_stack([turn * edge / FACE_SIZE, corner])


def jittered(matrix: np.ndarray, copy: int, aside: float = 1.0) -> np.ndarray:
    """Return the matrix of a shifted and scaled copy; the first is the square itself.

    Args:
        aside: factor on the shift to the right.
    """
    right, down, scale = _SHIFTS[copy % len(_SHIFTS)]
    offset = FACE_SIZE * (np.array([aside * right, down]) + 0.5 * (1.0 - scale))
    return np.column_stack([scale * matrix[:, :2], matrix[:, :2] @ offset + matrix[:, 2]])


def mirrored(square: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a square turned over, and its matrix."""
    inner = np.array([[-1.0, 0.0, FACE_SIZE], [0.0, 1.0, 0.0]])
    return square[:, ::-1], np.column_stack(
        [matrix[:, :2] @ inner[:, :2], matrix[:, :2] @ inner[:, 2] + matrix[:, 2]]
    )


def about_midline(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the matrix moved along the line of the eyes until the face's midline is in the middle."""
    inside = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    eyes = 0.5 * (inside[LEFT_EYE, 0].mean() + inside[RIGHT_EYE, 0].mean())
    middle = 0.5 * (inside[_BRIDGE, 0].mean() + eyes)
    shift = matrix[:, :2] @ np.array([middle - 0.5 * FACE_SIZE, 0.0])
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])


def chimeras(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two symmetric faces: the person's right half with its mirror image, and their left half."""
    middle = square.shape[1] // 2
    right, left = square[:, :middle], square[:, middle:]
    return np.hstack([right, right[:, ::-1]]), np.hstack([left[:, ::-1], left])


def with_mouths(copies: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Return the points with the mouths that were seen in faces of one half each.

    Args:
        copies: (F, copies, 68, 2) pixels, of pairs of a square and its mirror image.
        halves: (F, copies, 2, 68, 2): the same, each for the person's right half and for their left.
    """
    order = mirror_order()
    own = np.where(order == np.arange(68), 0.5, np.isin(np.arange(68), _LEFT_MOUTH))  # weight of the left half
    mouths = (1.0 - own)[:, None] * halves[:, :, 0] + own[:, None] * halves[:, :, 1]
    out = copies.copy()
    out[:, :, _MOUTH] = mouths[:, :, _MOUTH]
    return out


def by_side(points: np.ndarray) -> np.ndarray:
    """Return (F, copies, 68, 2) with the points of mirrored copies under the names of their true sides."""
    points = points.copy()
    points[:, 1::2] = points[:, 1::2][:, :, mirror_order()]
    return points


def face(image: Image.Image, matrix: np.ndarray) -> np.ndarray:
    """Return the square (FACE_SIZE, FACE_SIZE, 3) uint8 that a matrix takes from a picture."""
    return resample(image, matrix, FACE_SIZE, method=Image.Resampling.BILINEAR)
