"""FLAME's texture spaces as they are published: FLAME's own, the Basel Face Model's, AlbedoMM's.

All have the same layout of texture coordinates. FLAME's own and AlbedoMM bring it; the file that
`BFM_to_FLAME` writes (`FLAME_albedo_from_BFM.npz`, DECA's default) does not, so it is taken from a
file beside it.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxface.core.errors import ModelFileError
from jaxface.face.loaders import archive, obj

COMPONENTS = 50
"""DECA's and the paper's number of components."""

LAYOUTS = ("FLAME_texture.npz", "head_template.obj", "head_template_mesh.obj", "uv_template.obj")
"""Files that hold the layout; the meshes are DECA's and its relatives'."""

TEXTURE_SIZE = 256

_LARGEST_SMALL = 1 << 26  # bytes of a mean picture and a layout


class Layout(NamedTuple):
    """Texture coordinates (U, 2), v up, triangles of them (F, 3), and where they were read."""

    uv: np.ndarray
    uv_faces: np.ndarray
    origin: str


class TextureSpace(NamedTuple):
    """Mean (H, W, 3) and basis (H, W, 3, A), sRGB in [0, 1]; the layout, and what was read."""

    mean: np.ndarray
    basis: np.ndarray
    layout: Layout
    description: str


def read_texture(
    path: Path, faces: np.ndarray, components: int | None = None, folders: Iterable[Path] = ()
) -> TextureSpace:
    """Read a texture space with its first components.

    The file may hold `mean` and `tex_dir` (FLAME_texture.npz), or `MU` and `PC` (the Basel Face
    Model's, flat; or AlbedoMM's, which has `specMU` as well). Channels are blue, green, red in all.
    Values whose mean exceeds 2 somewhere are taken as 0..255, others as 0..1.

    Args:
        faces: (F, 3) the model's triangles.
        components: None = 50, or all there are if they are fewer.
        folders: where to look for a layout if the file has none, after its own folder.

    Raises:
        ModelFileError: an array is missing or does not match the model, or there is no layout.
    """
    names = archive.names(path)
    is_basel = {"MU", "PC"} <= set(names) and "mean" not in names
    mean_name, basis_name = ("MU", "PC") if is_basel else ("mean", "tex_dir")
    parts = archive.read(path, (mean_name,), ("vt", "ft"), largest=_LARGEST_SMALL)
    mean = _picture(path, mean_name, parts[mean_name])
    available = archive.read_shape(path, basis_name)[-1:]
    basis = _basis(path, basis_name, mean.shape, components)
    scale = 255.0 if mean.max() > 2.0 else 1.0
    mean, basis = _shrink(mean)[:, :, ::-1] / scale, _shrink(basis)[:, :, ::-1] / scale
    kind = "FLAME's texture space"
    if is_basel and "specMU" in names:
        kind = "AlbedoMM's diffuse albedo, linear light to first order"
        mean, basis = _to_display(mean, basis)
    elif is_basel:
        kind = "Basel Face Model"
    if {"vt", "ft"} <= parts.keys():
        layout = Layout(parts["vt"], parts["ft"], path.name)
    else:
        layout = _layout_beside(path, faces, (path.parent, *folders))
    _check_layout(path, layout, len(faces))
    description = (
        f"{path.name} ({kind}, {basis.shape[-1]} of {available[0]} components, values 0..{scale:.0f}, "
        f"layout of {layout.origin})"
    )
    return TextureSpace(mean, basis, layout, description)


def _picture(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return a mean of any shape as a picture (H, W, 3)."""
    edge = round((values.size / 3) ** 0.5)
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ModelFileError(f"{path}: {name} does not hold finite numbers")
    if values.ndim == 3 and values.shape[2] == 3 and min(values.shape) > 0:
        return values
    if not values.size or 3 * edge * edge != values.size or values.ndim > 2:
        raise ModelFileError(f"{path}: {name} {values.shape} is no square picture of three channels")
    return values.reshape(edge, edge, 3)


def _basis(path: Path, name: str, shape: tuple[int, ...], components: int | None) -> np.ndarray:
    """Return the first components of a basis, (H, W, 3, A)."""
    whole = archive.read_shape(path, name)
    if len(whole) < 2 or math.prod(whole[:-1]) != math.prod(shape) or not whole[-1]:
        raise ModelFileError(f"{path}: {name} {whole} is no texture space of pictures {shape}")
    available = whole[-1]
    number = min(COMPONENTS, available) if components is None else components
    if not 1 <= number <= available:
        raise ModelFileError(f"{path} has {available} texture components, not {number}")
    selection = archive.read_first(path, name, number)
    if not np.isfinite(selection).all():
        raise ModelFileError(f"{path}: {name} does not hold finite numbers")
    return selection.reshape(*shape, number)


def _to_display(mean: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a space of linear light as display values, which are linear in the coefficients only to
    first order."""
    mean = np.maximum(mean, 1e-3)
    return mean ** (1 / 2.2), basis * (mean ** (1 / 2.2 - 1) / 2.2)[..., None]


def _layout_beside(path: Path, faces: np.ndarray, folders: Iterable[Path]) -> Layout:
    for folder in folders:
        for name in LAYOUTS:
            other = folder / name
            if other.is_file() and other != path:
                return _read_layout(other, faces)
    raise ModelFileError(
        f"{path} has no texture coordinates (vt, ft); put one of {', '.join(LAYOUTS)} beside it"
    )


def _read_layout(path: Path, faces: np.ndarray) -> Layout:
    if path.suffix == ".npz":
        parts = archive.read(path, ("vt", "ft"), largest=_LARGEST_SMALL)
        return Layout(parts["vt"], parts["ft"], path.name)
    mesh = obj.read_mesh(path)
    return Layout(mesh.uv, _uv_faces_of(path, mesh, faces), path.name)


def _uv_faces_of(path: Path, mesh: obj.Mesh, faces: np.ndarray) -> np.ndarray:
    """Return the mesh's texture triangles in the order of the model's triangles and corners."""
    rows = {tuple(sorted(corners)): row for row, corners in enumerate(mesh.faces.tolist())}
    uv_faces = np.empty_like(faces, dtype=np.int64)
    for row, corners in enumerate(faces.tolist()):
        other = rows.get(tuple(sorted(corners)))
        if other is None:
            raise ModelFileError(f"{path}: the model's triangle {corners} is not among its polygons")
        own = mesh.faces[other].tolist()
        uv_faces[row] = [mesh.uv_faces[other, own.index(vertex)] for vertex in corners]
    return uv_faces


def _check_layout(path: Path, layout: Layout, faces: int) -> None:
    uv, uv_faces = layout.uv, layout.uv_faces
    if uv.ndim != 2 or uv_faces.shape != (faces, 3):
        raise ModelFileError(f"{path}: ft is {uv_faces.shape}, the model has {faces} triangles")
    if uv.shape[1] < 2 or uv.dtype.kind != "f" or not np.isfinite(uv).all() or uv_faces.dtype.kind not in "iu":
        raise ModelFileError(f"{path}: vt must be two finite numbers a corner, and ft whole numbers")
    if uv_faces.min() < 0 or uv_faces.max() >= len(uv):
        raise ModelFileError(f"{path}: ft names texture coordinates outside 0..{len(uv) - 1}")


def _shrink(image: np.ndarray) -> np.ndarray:
    """Average squares of pixels, so that an edge has at most about TEXTURE_SIZE."""
    step = max(1, image.shape[0] // TEXTURE_SIZE)
    height, width = image.shape[0] // step, image.shape[1] // step
    blocks = image[: height * step, : width * step].reshape(height, step, width, step, *image.shape[2:])
    return blocks.mean(axis=(1, 3), dtype=np.float32)
