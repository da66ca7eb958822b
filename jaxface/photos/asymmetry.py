"""How clinicians compare the sides of a face: eyes, brows and corners of the mouth, from 68 landmarks.

All lengths are in interocular distances, all faces are first turned so that the eyes are level. The person's
own sides. A turned head looks asymmetric: mind `quality.yaw`.
"""

from typing import NamedTuple

import numpy as np

from jaxface.photos.faces import LEFT_EYE, RIGHT_EYE

MEASURES = ("eye-opening", "brow-height", "corner-excursion", "corner-angle")


class Sides(NamedTuple):
    """A measure of both sides, (...) each: interocular distances; the angle in degrees."""

    left: np.ndarray
    right: np.ndarray


def sides(points: np.ndarray) -> dict[str, Sides]:
    """Return each of `MEASURES` on both sides.

    - eye-opening: mean distance of the upper from the lower lid.
    - brow-height: of the brow's points over the eye's centre, mean.
    - corner-excursion: distance of the corner of the mouth from the middle of the lower lip's edge.
    - corner-angle: of the corner of the mouth over that point, against the line of the eyes.

    Args:
        points: (..., 68, 2) pixels, x right, y down; NaN gives NaN.
    """
    points = level(points)
    corner = {"left": points[..., 54, :], "right": points[..., 48, :]}
    reach = {side: corner[side] - points[..., 57, :] for side in corner}
    lids = {"left": ((43, 47), (44, 46)), "right": ((37, 41), (38, 40))}
    brows = {"left": slice(22, 27), "right": slice(17, 22)}
    eyes = {"left": LEFT_EYE, "right": RIGHT_EYE}

    def both(measure: dict[str, np.ndarray]) -> Sides:
        return Sides(measure["left"], measure["right"])

    return {
        "eye-opening": both({side: _opening(points, pairs) for side, pairs in lids.items()}),
        "brow-height": both(
            {side: points[..., eyes[side], 1].mean(-1) - points[..., brows[side], 1].mean(-1) for side in eyes}
        ),
        "corner-excursion": both({side: np.linalg.norm(reach[side], axis=-1) for side in reach}),
        "corner-angle": both(
            {side: np.degrees(np.arctan2(-reach[side][..., 1], np.abs(reach[side][..., 0]))) for side in reach}
        ),
    }


def _opening(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Mean height of the upper lid's points over the lower one's."""
    return np.mean([points[..., lower, 1] - points[..., upper, 1] for upper, lower in pairs], axis=0)


def balance(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return each of `MEASURES` as left against right, (...): 0 where both sides are alike.

    Lengths as the logarithm of left over right, the angle as left minus right, degrees.
    """
    out = {}
    for name, (left, right) in sides(points).items():
        if name == "corner-angle":
            out[name] = left - right
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                out[name] = np.log(np.maximum(left, 1e-3)) - np.log(np.maximum(right, 1e-3))
    return out


def repeatability(copies: np.ndarray) -> dict[str, np.ndarray]:
    """Return the standard deviation of each of `balance` over copies of a photograph, (F,).

    Args:
        copies: (F, copies, 68, 2): shifted, scaled and mirrored; NaN for a single one.
    """
    if copies.shape[1] < 2:
        return {name: np.full(len(copies), np.nan) for name in MEASURES}
    return {name: values.std(1, ddof=1) for name, values in balance(copies).items()}


def level(points: np.ndarray, left: np.ndarray | None = None, right: np.ndarray | None = None) -> np.ndarray:
    """Turn and scale points (..., n, 2): eyes level, one interocular distance apart, their middle at 0.

    Args:
        left, right: (..., 2) centres of the eyes; None = of the 68 points themselves.
    """
    if left is None or right is None:
        left, right = points[..., LEFT_EYE, :].mean(-2), points[..., RIGHT_EYE, :].mean(-2)
    across = (left - right)[..., None, :]
    offset = points - 0.5 * (left + right)[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1.0 / (across**2).sum(-1)
        along = (offset * across).sum(-1) * scale
        down = (offset[..., 1] * across[..., 0] - offset[..., 0] * across[..., 1]) * scale
    return np.stack([along, down], axis=-1)
