"""Read Wavefront OBJ meshes: positions, texture coordinates, polygons cut into triangles."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxface.core import files
from jaxface.core.errors import ModelFileError

_LARGEST = 1 << 24  # bytes; ICT-FaceKit's meshes have two millions, and each takes some twenty in memory


class Mesh(NamedTuple):
    """positions (V, 3), uv (U, 2), and triangles (F, 3) into each of the two."""

    positions: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    uv_faces: np.ndarray


def read_mesh(path: Path) -> Mesh:
    """Read a mesh of triangles and quads whose corners have texture coordinates.

    Raises:
        ModelFileError: no such file, not an OBJ, or indices outside the mesh.
    """
    lines = _lines(path)
    positions, uv = _columns(path, lines, b"v ", 3), _columns(path, lines, b"vt ", 2)
    position_index, uv_index = [], []
    for line in lines:
        if line.startswith(b"f "):
            corners = [corner.split(b"/") for corner in line.split()[1:]]
            try:
                position_index += _fan([int(corner[0]) - 1 for corner in corners])
                uv_index += _fan([int(corner[1]) - 1 for corner in corners])
                if max(map(abs, (*position_index[-3:], *uv_index[-3:]))) >= 2**31:
                    raise ValueError("an index beyond every mesh")
            except (ValueError, IndexError):
                text = line[:40].decode("latin1")
                raise ModelFileError(f"{path}: {text!r} is no polygon with texture coordinates") from None
    faces = np.asarray(position_index, np.int64).reshape(-1, 3)
    uv_faces = np.asarray(uv_index, np.int64).reshape(-1, 3)
    for indices, size in ((faces, len(positions)), (uv_faces, len(uv))):
        if not len(indices) or indices.min() < 0 or indices.max() >= size:
            raise ModelFileError(f"{path}: polygons name points outside 1..{size}")
    return Mesh(positions, uv, faces, uv_faces)


def read_positions(path: Path, vertices: int) -> np.ndarray:
    """Read only the positions (vertices, 3) of a mesh whose polygons are known.

    Raises:
        ModelFileError: no such file, not an OBJ, or another number of vertices.
    """
    positions = _columns(path, _lines(path), b"v ", 3)
    if len(positions) != vertices:
        raise ModelFileError(f"{path} has {len(positions)} vertices, but the neutral mesh {vertices}")
    return positions


def _lines(path: Path) -> list[bytes]:
    return files.read_bytes(path, ModelFileError, what="mesh (.obj)", largest=_LARGEST).split(b"\n")


def _columns(path: Path, lines: list[bytes], start: bytes, width: int) -> np.ndarray:
    rows = [line[len(start) :] for line in lines if line.startswith(start)]
    try:
        numbers = np.asarray(b" ".join(rows).split(), np.float64)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from None
    if (
        not rows
        or len(numbers) % len(rows)
        or len(numbers) // len(rows) < width
        or not np.isfinite(numbers).all()
    ):
        raise ModelFileError(
            f"{path} is no complete OBJ mesh: its {start.decode().strip()!r} lines need {width} numbers each"
        )
    return numbers.reshape(len(rows), -1)[:, :width]


def _fan(corners: list[int]) -> list[int]:
    """Return the triangles of a convex polygon, all from its first corner."""
    if len(corners) < 3:
        raise ValueError("a polygon has three corners or more")
    return [index for k in range(1, len(corners) - 1) for index in (corners[0], corners[k], corners[k + 1])]
