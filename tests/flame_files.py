"""Writes face model files for tests: FLAME as Python 2 with chumpy and scipy pickled it, as Python 3
does without chumpy, and as .npz; its texture spaces.

The pickle of Python 2 is put together opcode by opcode, so that neither Python 2 nor chumpy is needed.
"""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

VERTICES = 60


def flame_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A random model in FLAME's layout: 60 vertices, 400 shapes, 5 joints; the left eye lies at x > 0."""
    rng = np.random.default_rng(seed)
    template = rng.uniform(-0.1, 0.1, (VERTICES, 3))
    order = np.argsort(template[:, 0])
    regressor = np.zeros((5, VERTICES))
    for joint, members in enumerate((order[28:34], order[20:30], order[25:35], order[-6:], order[:6])):
        regressor[joint, members] = rng.dirichlet(np.ones(len(members)))
    return {
        "v_template": template,
        "f": rng.integers(0, VERTICES, (80, 3)).astype(np.uint32),
        "shapedirs": rng.normal(0, 1e-3, (VERTICES, 3, 400)),
        "posedirs": rng.normal(0, 1e-3, (VERTICES, 3, 36)),
        "J_regressor": regressor,
        "weights": rng.dirichlet(np.ones(5), VERTICES),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
    }


def write_flame_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)
    return path


def write_flame_pickle(path: Path, arrays: Mapping[str, np.ndarray], layout: str = "csc") -> Path:
    """As published: shapedirs and posedirs are chumpy arrays, the joint regressor is a sparse matrix."""
    matrix = getattr(sparse, f"{layout}_matrix")(arrays["J_regressor"])
    items: dict[str, bytes] = {key: numpy_array(value) for key, value in arrays.items()}
    items["J_regressor"] = sparse_matrix(layout, matrix.shape, matrix.data, matrix.indices, matrix.indptr)
    items["shapedirs"] = chumpy_array(arrays["shapedirs"])
    items["v_template"] = chumpy_array(arrays["v_template"])
    items["f"] = numpy_array(np.asfortranarray(arrays["f"]))
    items["bs_style"] = text("lbs")
    return write_pickle(path, items)


def write_flame_pickle_2023(path: Path, arrays: Mapping[str, np.ndarray], protocol: int = 4) -> Path:
    """As Python 3 writes it: plain arrays and a sparse joint regressor, no chumpy."""
    items = {**arrays, "J_regressor": sparse.csc_matrix(arrays["J_regressor"]), "bs_style": "lbs"}
    path.write_bytes(pickle.dumps(items, protocol))
    return path


def layout_arrays(seed: int = 3) -> dict[str, np.ndarray]:
    """Texture coordinates of `flame_arrays`: 70 of them, and 80 triangles."""
    rng = np.random.default_rng(seed)
    return {"vt": rng.uniform(0, 1, (70, 2)), "ft": rng.integers(0, 70, (80, 3))}


def write_flame_texture(path: Path, **changes: np.ndarray) -> Path:
    """FLAME_texture.npz: values in 0..255, channels blue, green, red."""
    arrays = {
        "mean": np.broadcast_to([51.0, 102.0, 204.0], (16, 16, 3)),
        "tex_dir": np.random.default_rng(5).normal(0, 2, (16, 16, 3, 60)),
        **layout_arrays(),
    }
    np.savez(path, **{**arrays, **changes})
    return path


def write_bfm_texture(path: Path, **changes: np.ndarray) -> Path:
    """FLAME_albedo_from_BFM.npz: flat, values in 0..1, blue, green, red, no layout."""
    mean = np.broadcast_to([0.2, 0.4, 0.8], (16, 16, 3)).reshape(-1)
    arrays = {"MU": mean, "PC": np.random.default_rng(6).normal(0, 0.02, (16 * 16 * 3, 199))}
    np.savez(path, **{**arrays, **changes})
    return path


def write_albedo_mm(path: Path) -> Path:
    """albedoModel2020_FLAME_albedoPart.npz: linear light in 0..1, with its layout."""
    rng = np.random.default_rng(7)
    pictures = {
        name: np.broadcast_to(0.5**2.2 * np.array([0.5, 1.0, 1.5]), (16, 16, 3)) for name in ("MU", "specMU")
    }
    bases = {name: rng.normal(0, 0.01, (16, 16, 3, 145)) for name in ("PC", "specPC")}
    np.savez(path, **pictures, **bases, **layout_arrays())
    return path


def write_head_template(path: Path, faces: np.ndarray) -> Path:
    """DECA's head_template.obj: the layout of `layout_arrays`, its triangles and corners in another order."""
    layout = layout_arrays()
    lines = [f"v {x} {y} {z}" for x, y, z in flame_arrays()["v_template"]]
    lines += [f"vt {u:.17g} {v:.17g}" for u, v in layout["vt"]]
    for row in reversed(range(len(faces))):
        corners = np.roll(np.stack([faces[row], layout["ft"][row]], axis=1) + 1, row % 3, axis=0)
        lines.append("f " + " ".join(f"{vertex}/{uv}" for vertex, uv in corners))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_pickle(path: Path, items: Mapping[str, bytes]) -> Path:
    """A protocol 2 pickle of a dictionary whose values are given as opcodes."""
    path.write_bytes(b"\x80\x02" + dictionary(items) + b".")
    return path


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def named(module: str, name: str) -> bytes:
    """The opcode that looks up a class or function."""
    return f"c{module}\n{name}\n".encode()


def text(value: str | bytes) -> bytes:
    """Python 2's `str`: bytes."""
    data = value.encode() if isinstance(value, str) else value
    return b"T" + struct.pack("<i", len(data)) + data


def number(value: int) -> bytes:
    return f"I{value}\n".encode()


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def dtype(code: str, order: str = "<") -> bytes:
    state = number(3) + text(order) + b"NNN" + number(-1) + number(-1) + number(0)
    return named("numpy", "dtype") + b"(" + text(code) + number(0) + number(1) + b"tR(" + state + b"tb"


def numpy_array(array: np.ndarray, *, shape: tuple[int, ...] | None = None, code: str | None = None) -> bytes:
    """A NumPy array; `shape` and `code` let it lie about what it holds."""
    fortran = array.ndim > 1 and array.flags.f_contiguous
    stream = named("numpy.core.multiarray", "_reconstruct") + b"(" + named("numpy", "ndarray")
    stream += numbers((0,)) + text("b") + b"tR"
    state = number(1) + numbers(array.shape if shape is None else shape) + dtype(code or array.dtype.str[1:])
    state += (b"I01\n" if fortran else b"I00\n") + text(array.tobytes("F" if fortran else "C"))
    return stream + b"(" + state + b"tb"


def chumpy_array(array: np.ndarray, name: str = "Ch", attribute: str = "x") -> bytes:
    """A `chumpy.ch.Ch`, as `copy_reg.__newobj__` writes it: class, no arguments, its __dict__."""
    state = {attribute: numpy_array(array), "_dirty_vars": named("__builtin__", "set") + b"((ltR"}
    return named("chumpy.ch", name) + b")\x81" + dictionary(state) + b"b"


def sparse_matrix(layout: str, shape: tuple[int, ...], data: Any, indices: Any, indptr: Any) -> bytes:
    """A scipy.sparse matrix of the time of Python 2, by `copy_reg._reconstructor`."""
    kind = named(f"scipy.sparse.{layout}", f"{layout}_matrix")
    stream = named("copy_reg", "_reconstructor") + b"(" + kind + named("__builtin__", "object") + b"NtR"
    state = {
        "_shape": numbers(shape),
        "data": numpy_array(np.asarray(data)),
        "indices": numpy_array(np.asarray(indices)),
        "indptr": numpy_array(np.asarray(indptr)),
        "maxprint": number(50),
    }
    return stream + dictionary(state) + b"b"
