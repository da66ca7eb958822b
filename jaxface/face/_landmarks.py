"""The 68 points of iBUG 300-W on a head: which vertices they are, and how to name and mirror them."""

import tomllib
from importlib.resources import files
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face.model import FaceModel

COUNT = 68
CONTOUR = 17
"""The first points, which lie on the outline of the face; the others lie on its features."""
_CORNERS = 3
_INNER = np.array([*range(17, 60), *range(61, 64), *range(65, 68)])


@pytree
class Landmarks:
    """Points on a mesh, each a weighted mean of vertices.

    Attributes:
        vertices: (68, 3) int32.
        weights: (68, 3), rows sum to one.
    """

    vertices: Array
    weights: Array


def landmarks(head: FaceModel) -> Landmarks:
    """Return the 68 points of a head, numbered from 0 as dlib and OpenFace do.

    Raises:
        ConfigError: the points of this head are not marked.
    """
    layout = _layout()
    if head.name not in layout or head.mirror is None:
        raise ConfigError(f"nobody has marked the 68 landmarks on {head.name!r}; the bundled head has them")
    vertices, weights = np.zeros((COUNT, _CORNERS), np.int32), np.zeros((COUNT, _CORNERS), np.float32)
    for number, point in layout[head.name].items():
        corners = point["vertices"]
        vertices[int(number)] = corners + corners[:1] * (_CORNERS - len(corners))
        weights[int(number), : len(corners)] = point.get("weights", [1.0])
    on_right = np.zeros((COUNT, 1), bool)
    for right, left in layout["pairs"]:
        vertices[right], weights[right], on_right[right] = vertices[left], weights[left], True
    return Landmarks(
        jnp.where(on_right, head.mirror[vertices], vertices),
        jnp.asarray(weights / weights.sum(1, keepdims=True)),
    )


def mirror_order(count: int = COUNT) -> np.ndarray:
    """Return (68,) int: for each point the one on the other side of the face, or itself.

    Args:
        count: 68, or 49 for the points of `inner`; ConfigError for another number.
    """
    order = np.arange(COUNT)
    for right, left in _layout()["pairs"]:
        order[[right, left]] = left, right
    if count == len(_INNER):
        return np.searchsorted(_INNER, order[_INNER])
    if count != COUNT:
        raise ConfigError(f"landmarks = {count}: must be the 68 of iBUG 300-W, or the {len(_INNER)} inner ones")
    return order


def inner(points: Array) -> Array:
    """Return the 49 inner points, (..., 68, 2) -> (..., 49, 2): no outline, no inner corners of the mouth.

    Their order is that of BP4D, DISFA and JAA-Net.
    """
    return points[..., _INNER, :]


def _layout() -> dict[str, Any]:
    return tomllib.loads((files("jaxface.face") / "landmarks.toml").read_text(encoding="utf-8"))
