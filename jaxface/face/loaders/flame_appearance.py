"""The appearance of FLAME: a texture space, or plain colours for skin, eyes, lips and hair."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ModelFileError
from jaxface.face.appearance import Appearance
from jaxface.face.loaders import flame_texture, unpickle
from jaxface.face.loaders.paint import linear_appearance

_CELL = 4
_COLOURS = {
    "skin": (0.85, 0.69, 0.61),
    "sclera": (0.86, 0.85, 0.83),
    "iris": (0.36, 0.25, 0.17),
    "pupil": (0.05, 0.04, 0.04),
    "lips": (0.66, 0.37, 0.35),
    "scalp": (0.24, 0.18, 0.15),
}
_IRIS_RADIUS, _PUPIL_RADIUS = 0.006, 0.0026


class Look(NamedTuple):
    """Texture coordinates (U, 2), triangles of them (F, 3), the appearance in these coordinates, and
    the file that was read."""

    uv: jnp.ndarray
    uv_faces: jnp.ndarray
    appearance: Appearance
    description: str = ""


def texture_look(
    path: Path, faces: np.ndarray, components: int | None = None, folders: Iterable[Path] = ()
) -> Look:
    """Load a texture space of FLAME; arguments as `flame_texture.read_texture`.

    Raises:
        ModelFileError: an array is missing or does not match the model, or there is no layout.
    """
    space = flame_texture.read_texture(path, faces, components, folders)
    return Look(
        jnp.asarray(space.layout.uv[:, :2], jnp.float32),
        jnp.asarray(space.layout.uv_faces, jnp.int32),
        linear_appearance(space.mean, space.basis, "texture component"),
        space.description,
    )


def plain_look(
    template: np.ndarray,
    faces: np.ndarray,
    joints: np.ndarray,
    weights: np.ndarray,
    masks: Mapping[str, np.ndarray],
) -> Look:
    """Give each triangle one colour: eyes by the skinning weights of the eye joints, lips and hair
    by the masks."""
    names = list(_COLOURS)
    kind = np.zeros(len(template), np.int32)
    for name in {"scalp", "lips"} & masks.keys():
        kind[masks[name]] = names.index(name)
    for joint in (3, 4):
        eye = weights[:, joint] > 0.5
        offset = template - joints[joint]
        radius = np.where(offset[:, 2] > 0, np.hypot(offset[:, 0], offset[:, 1]), np.inf)
        kind[eye] = names.index("sclera")
        kind[eye & (radius < _IRIS_RADIUS)] = names.index("iris")
        kind[eye & (radius < _PUPIL_RADIUS)] = names.index("pupil")
    # A triangle has one colour, the median of its corners' kinds, so that borders lie on edges.
    cell = np.sort(kind[faces], axis=1)[:, 1]
    palette = np.repeat(np.repeat(np.asarray([list(_COLOURS.values())]), _CELL, axis=0), _CELL, axis=1)
    centres = np.stack([(np.arange(len(names)) + 0.5) / len(names), np.full(len(names), 0.5)], axis=1)
    return Look(
        jnp.asarray(centres, jnp.float32),
        jnp.asarray(np.repeat(cell[:, None], 3, axis=1), jnp.int32),
        linear_appearance(palette),
    )


def read_masks(path: Path, vertices: int) -> dict[str, np.ndarray]:
    """Read the vertex indices of each region in `FLAME_masks.pkl`.

    Raises:
        ModelFileError: the file is damaged, unsafe, or not FLAME's masks.
    """
    regions = {}
    for name, value in unpickle.read_pickle(path).items():
        indices = unpickle.array(value, f"{path}: {name}")
        in_range = indices.dtype.kind in "iu" and np.all((indices >= 0) & (indices < vertices))
        if indices.ndim != 1 or not in_range:
            raise ModelFileError(f"{path}: {name} is no list of vertices of a head with {vertices}")
        regions[name] = indices.astype(np.int64)
    if "face" not in regions and "lips" not in regions:
        raise ModelFileError(
            f"{path} names neither 'face' nor 'lips': not FLAME's masks; it has {sorted(regions)[:8]}"
        )
    return regions
