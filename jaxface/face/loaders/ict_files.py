"""Read ICT-FaceKit from disk: the authors' folder of OBJ files, or one compressed .npz.

Both keep their own frame: centimetres, +x the subject's left, +y up, +z out of the face.
"""

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import ModelFileError
from jaxface.face.loaders import archive
from jaxface.face.loaders.file_kinds import NEUTRAL
from jaxface.face.loaders.obj import read_mesh, read_positions

_NPZ_ARRAYS = (
    "v_template",
    "faces",
    "shapedirs_identity_q",
    "shapedirs_identity_scale",
    "shapedirs_expression_q",
    "shapedirs_expression_scale",
    "expression_names",
    "vt",
    "faces_uv",
    "part",
    "part_names",
    "landmarks68",
)


@functools.cache
def facts() -> dict[str, Any]:
    """Return `ict.toml`: parts, landmarks, joints, units and prototypes."""
    return tomllib.loads(
        resources.files("jaxface.face.loaders").joinpath("ict.toml").read_text(encoding="utf-8")
    )


@dataclass(frozen=True)
class IctFiles:
    """The arrays of a model, in centimetres.

    Attributes:
        template: (V, 3).
        faces, uv_faces: (F, 3) indices of vertices and texture coordinates.
        uv: (U, 2) in UDIM tiles: the integer part of u is the tile.
        part: (V,) indices into part_names.
        landmarks: (68,) vertices.
        identity: (V, 3, I); shapes: (V, 3, N) displacements, with N shape_names.
    """

    template: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    uv_faces: np.ndarray
    part: np.ndarray
    part_names: tuple[str, ...]
    landmarks: np.ndarray
    identity: np.ndarray
    shapes: np.ndarray
    shape_names: tuple[str, ...]


def read_npz(path: Path, identity_components: int | None, shape_names: Sequence[str]) -> IctFiles:
    """Read the compressed form, in which a displacement is a 16-bit number times its component's
    scale.

    Args:
        identity_components: their number; None = the first 50, or all there are.
        shape_names: shapes to read, in this order.

    Raises:
        ModelFileError: an array is missing, damaged or does not match the others.
    """
    parts = archive.read(path, _NPZ_ARRAYS, largest=1 << 28)
    vertices = len(parts["v_template"])
    available = parts["shapedirs_identity_q"].shape[-1]
    names = tuple(str(name) for name in parts["expression_names"])
    for name, shape in (("identity", available), ("expression", len(names))):
        steps, scale = parts[f"shapedirs_{name}_q"], parts[f"shapedirs_{name}_scale"]
        if steps.shape != (vertices, 3, shape) or scale.shape != (shape,):
            raise ModelFileError(f"{path}: shapedirs_{name} is {steps.shape}, not {(vertices, 3, shape)}")
    size = _components(path, identity_components, available)
    missing = [name for name in shape_names if name not in names]
    if missing:
        raise ModelFileError(f"{path} has no expression {missing[0]!r}; it has {', '.join(names[:6])}, ...")
    columns = [names.index(name) for name in shape_names]
    files = IctFiles(
        template=parts["v_template"].astype(np.float64),
        faces=parts["faces"],
        uv=parts["vt"].astype(np.float64),
        uv_faces=parts["faces_uv"],
        part=parts["part"].astype(np.int64),
        part_names=tuple(str(name) for name in parts["part_names"]),
        landmarks=parts["landmarks68"],
        identity=parts["shapedirs_identity_q"][..., :size] * parts["shapedirs_identity_scale"][:size],
        shapes=parts["shapedirs_expression_q"][..., columns] * parts["shapedirs_expression_scale"][columns],
        shape_names=tuple(shape_names),
    )
    _check(path, files)
    return files


def read_folder(path: Path, identity_components: int | None, shape_names: Sequence[str]) -> IctFiles:
    """Read the authors' folder: a neutral mesh, and one mesh for each identity component and each
    expression.

    Args and errors are those of `read_npz`. A displacement is a mesh less the neutral one.
    """
    table = facts()
    mesh = read_mesh(path / NEUTRAL)
    vertices = len(mesh.positions)
    if vertices != table["vertices"]:
        raise ModelFileError(
            f"{path / NEUTRAL} has {vertices} vertices, ICT-FaceKit {table['vertices']}: this is another mesh"
        )
    first = table["first_vertex"]
    bounds = [*first.values(), vertices]
    available = len(sorted(path.glob("identity[0-9][0-9][0-9].obj")))
    size = _components(path, identity_components, available)

    def displacements(names: Sequence[str]) -> np.ndarray:
        fields = np.empty((vertices, 3, len(names)), np.float32)
        for index, name in enumerate(names):
            fields[..., index] = read_positions(path / f"{name}.obj", vertices) - mesh.positions
        return fields

    return IctFiles(
        template=mesh.positions,
        faces=mesh.faces,
        uv=mesh.uv,
        uv_faces=mesh.uv_faces,
        part=np.repeat(np.arange(len(first)), np.diff(bounds)),
        part_names=tuple(first),
        landmarks=np.asarray(table["landmarks"]),
        identity=displacements([f"identity{index:03d}" for index in range(size)]),
        shapes=displacements(shape_names),
        shape_names=tuple(shape_names),
    )


def visible(files: IctFiles) -> IctFiles:
    """Return the model without its hidden parts (lashes and the layers around the eyes), vertices
    renumbered."""
    hidden_parts = [index for index, name in enumerate(files.part_names) if name in facts()["hidden"]]
    visible_vertices = ~np.isin(files.part, hidden_parts)
    visible_faces = visible_vertices[files.faces].all(axis=1)
    # New index of each visible vertex; those of hidden vertices are never used.
    number = np.cumsum(visible_vertices) - 1
    return replace(
        files,
        template=files.template[visible_vertices],
        faces=number[files.faces[visible_faces]],
        uv_faces=files.uv_faces[visible_faces],
        part=files.part[visible_vertices],
        landmarks=number[files.landmarks],
        identity=files.identity[visible_vertices],
        shapes=files.shapes[visible_vertices],
    )


def _components(path: Path, count: int | None, available: int) -> int:
    if count is None:
        return min(available, 50)
    if not 1 <= count <= available:
        raise ModelFileError(f"{path} has {available} identity components, not {count}")
    return count


def _check(path: Path, files: IctFiles) -> None:
    vertices = len(files.template)
    for name, indices, size in (
        ("faces", files.faces, vertices),
        ("faces_uv", files.uv_faces, len(files.uv)),
        ("landmarks68", files.landmarks, vertices),
        ("part", files.part, len(files.part_names)),
    ):
        if not indices.size or indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= size:
            raise ModelFileError(f"{path}: {name} holds indices outside 0..{size - 1}")
    if (
        files.template.shape[1:] != (3,)
        or files.faces.shape != files.uv_faces.shape
        or files.part.shape != (vertices,)
    ):
        raise ModelFileError(f"{path}: v_template, faces, faces_uv and part do not match")
    if not (
        np.isfinite(files.template).all()
        and np.isfinite(files.identity).all()
        and np.isfinite(files.shapes).all()
    ):
        raise ModelFileError(f"{path} holds values that are not finite")
    if files.landmarks.shape != (68,):
        raise ModelFileError(f"{path}: landmarks68 has shape {files.landmarks.shape}, not (68,)")
