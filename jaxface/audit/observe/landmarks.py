"""Landmarks of a face: named points, which of them mirror each other, and how far they are from doing so."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

import numpy as np

from jaxface.core.errors import ConfigError

SIDES = ("left_", "right_", "middle_")
_NUMBERED = 68


def landmark_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Names of the points that a table has: every left_*, right_* or middle_* with an _x and a _y column.

    Raises:
        ConfigError: an x without its y, or the other way round.
    """
    names = [name[:-2] for name in columns if name.startswith(SIDES) and name.endswith("_x")]
    other = [name[:-2] for name in columns if name.startswith(SIDES) and name.endswith("_y")]
    lonely = sorted(set(names) ^ set(other))
    if lonely:
        raise ConfigError(f"landmark {lonely[0]!r} has one of its columns {lonely[0]}_x and {lonely[0]}_y only")
    return tuple(names)


def is_numbered(columns: Sequence[str]) -> bool:
    """Whether a table has the 68 points of iBUG 300-W as columns x_0 ... y_67."""
    return all(f"{axis}_{index}" in columns for axis in "xy" for index in range(_NUMBERED))


def numbered_columns() -> tuple[str, ...]:
    """x_0 ... x_67, y_0 ... y_67."""
    return tuple(f"{axis}_{index}" for axis in "xy" for index in range(_NUMBERED))


def from_numbered(points: np.ndarray) -> dict[str, np.ndarray]:
    """Named points (n, 2) of the 68 numbered ones (n, 68, 2), with the eyes' centres."""
    layout = tomllib.loads((files("jaxface.face") / "landmarks.toml").read_text(encoding="utf-8"))
    points_by_name = {f"{side}_eye": points[:, layout[f"{side}_eye"]].mean(1) for side in ("left", "right")}
    for right, left in layout["pairs"]:
        points_by_name |= {f"right_{right}": points[:, right], f"left_{right}": points[:, left]}
    return points_by_name | {f"middle_{index}": points[:, index] for index in layout["middle"]}


def to_numbered(points: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The 68 numbered points (n, 68, 2) of named ones, the inverse of `from_numbered`; None if one lacks."""
    layout = tomllib.loads((files("jaxface.face") / "landmarks.toml").read_text(encoding="utf-8"))
    names = {index: f"middle_{index}" for index in layout["middle"]}
    for right, left in layout["pairs"]:
        names |= {right: f"right_{right}", left: f"left_{right}"}
    if not set(names.values()) <= points.keys():
        return None
    return np.stack([points[names[index]] for index in range(_NUMBERED)], axis=1)


def mirror_order(names: Sequence[str]) -> np.ndarray:
    """For each named point the position of its mirror image, (L,) int.

    Raises:
        ConfigError: a left point without its right one or the other way round, or fewer than two pairs.
    """
    swap = {"left_": "right_", "right_": "left_", "middle_": "middle_"}
    order = []
    for name in names:
        prefix = next(side for side in SIDES if name.startswith(side))
        counterpart = swap[prefix] + name.removeprefix(prefix)
        if counterpart not in names:
            raise ConfigError(f"landmark {name!r} has no {counterpart!r}; give both sides")
        order.append(names.index(counterpart))
    pairs = sum(name.startswith("left_") for name in names)
    if pairs < 2:
        raise ConfigError(
            f"landmark asymmetry wants two pairs or more, got {pairs} ({', '.join(names) or 'none'}): two "
            "points are always symmetric; give columns such as left_mouth_x, left_mouth_y and their right ones"
        )
    return np.array(order)


def asymmetry(points: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Procrustes distance of each face from its own mirror image, (n,), 0 for a symmetric one.

    The mirror image, with left and right names exchanged, is turned and moved onto the face as well as can
    be; what remains, root mean square over points, over the face's own size (root mean square distance from
    its centre). Position, size and roll of the head do not matter; its yaw does.

    Args:
        points: (n, L, 2) pixels; NaN gives NaN.
        order: (L,) of `mirror_order`.
    """
    face = points - points.mean(1, keepdims=True)
    reflection = face[:, order] * np.array([-1.0, 1.0])
    # the rotation by a that minimises |face - R(a) mirrored|^2 in the plane
    along = (face * reflection).sum((1, 2))
    across = (face[..., 1] * reflection[..., 0] - face[..., 0] * reflection[..., 1]).sum(1)
    angle = np.arctan2(across, along)
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    rotation = np.stack(
        [
            cosine * reflection[..., 0] - sine * reflection[..., 1],
            sine * reflection[..., 0] + cosine * reflection[..., 1],
        ],
        axis=-1,
    )
    size = np.sqrt((face**2).sum((1, 2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(((face - rotation) ** 2).sum((1, 2))) / size


def stacked(points: Mapping[str, np.ndarray]) -> np.ndarray:
    """Named points (n, 2) as one array (n, L, 2)."""
    return np.stack(list(points.values()), axis=1)
