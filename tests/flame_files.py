"""Writes face model files for tests: FLAME as Python 2 with chumpy and scipy pickled it, and as .npz.

The pickle is put together opcode by opcode, so that neither Python 2 nor chumpy is needed.
"""

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
