"""What tells a good photograph of a face from a bad one: turn, size and sharpness."""

import numpy as np

from jaxface.core.types import LUMA
from jaxface.photos.faces import LEFT_EYE, RIGHT_EYE

_DEPTH = 0.79
"""The tip of the nose before the outer corners of the eyes, over half their distance: of the bundled head."""


def interocular(points: np.ndarray) -> np.ndarray:
    """Return the distance of the eyes' centres, (...), in pixels of the points (..., 68, 2)."""
    return np.linalg.norm(points[..., LEFT_EYE, :].mean(-2) - points[..., RIGHT_EYE, :].mean(-2), axis=-1)


def yaw(points: np.ndarray) -> np.ndarray:
    """Estimate how far heads are turned to their own left, degrees, (...).

    From where the tip of the nose stands between the outer corners of the eyes. People's noses differ: expect
    an error of several degrees.

    Args:
        points: (..., 68, 2) pixels.
    """
    right, left, nose = points[..., 36, :], points[..., 45, :], points[..., 30, :]
    across = left - right
    share = ((nose - 0.5 * (left + right)) * across).sum(-1) / np.maximum((across**2).sum(-1), 1e-12)
    return np.degrees(np.arctan(2.0 * share / _DEPTH))


def sharpness(square: np.ndarray) -> float:
    """Return which share of the variation of a face is finer than three pixels of its square.

    Blur lowers it, noise raises it.

    Args:
        square: (112, 112, 3) uint8.
    """
    grey = square.astype(np.float32) @ np.asarray(LUMA, np.float32)
    rows = (grey[:-2] + grey[1:-1] + grey[2:]) / 3.0
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 3.0
    return float((grey[1:-1, 1:-1] - smooth).std() / max(float(grey.std()), 1e-6))
