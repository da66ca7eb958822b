"""Reading the pickles that face models are published in, without running what they say.

A pickle is a program: it may name any function on the machine and call it. This reader lets a file name
nothing but the classes that FLAME's arrays were made of (NumPy, scipy.sparse, chumpy), and puts an inert
stand-in in the place of each. The stand-ins only remember what the file said; `Archive.array` checks that
(element type, shape against the bytes that are really there, sparse indices against the shape) before
NumPy sees any of it. FLAME's files were written by Python 2, whose byte strings arrive as latin-1 text.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import ModelFileError
from jaxface.core.unpickle import (
    Allowed,
    Inert,
    StatefulInert,
    UnsafePickle,
    as_tuple,
    load,
    one_line,
)

_ELEMENTS = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})
_LARGEST_DENSE = 50_000_000


def read_pickle(path: Path) -> dict[str, Any]:
    """The top-level dictionary of a pickle, its values inert; `array` turns those that are wanted into arrays.

    Raises:
        ModelFileError: truncated, no dictionary, or the file names anything outside the allow-list.
    """
    content = path.read_bytes()
    try:
        loaded = load(io.BytesIO(content), _resolve)
    except (ModelFileError, UnsafePickle) as error:
        raise ModelFileError(f"{path}: {one_line(error)}") from None
    except Exception as error:
        # Whatever a broken program raises (there is no closed list) means that this is no model file.
        text = one_line(error) or type(error).__name__
        raise ModelFileError(f"{path} is no whole pickle ({text}); fetch it again") from None
    if not isinstance(loaded, dict):
        raise ModelFileError(f"{path} holds a {type(loaded).__name__}, a face model is a dictionary of arrays")
    return {key: value for key, value in loaded.items() if isinstance(key, str)}


def array(value: Any, name: str) -> np.ndarray:
    """The numbers that a value of `read_pickle` stands for; `name` is for the message.

    Raises:
        ModelFileError: no array of numbers, or one that claims more than it holds.
    """
    if isinstance(value, _Array | _Scalar):
        return value.numbers(name)
    if isinstance(value, _Sparse):
        return value.dense(name)
    if isinstance(value, _Chumpy):
        if not isinstance(value.state.get("x"), _Array):
            raise ModelFileError(
                f"{name} is an unevaluated {value.path}; save the model with its arrays instead"
            )
        return array(value.state["x"], name)
    if isinstance(value, int | float):
        return np.asarray(value)
    raise ModelFileError(f"{name} is a {type(value).__name__}, an array of numbers was wanted")


def _resolve(module: str, name: str) -> Any:
    if module.split(".")[0] == "chumpy":
        return type(name, (_Chumpy,), {"path": f"{module}.{name}"})
    for modules, allowed_name, stand_in in _ALLOWED:
        if name == allowed_name and module in modules:
            return stand_in if isinstance(stand_in, type) else Allowed(stand_in)
    raise ModelFileError(f"it asks for {module}.{name}, which no face model needs; do not trust this file")


class _Dtype(Inert):
    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def numpy(self, name: str) -> np.dtype:
        if self.code not in _ELEMENTS:
            raise ModelFileError(f"{name} has elements of type {str(self.code)[:20]!r}, numbers were wanted")
        return np.dtype(self.order + self.code)


class _Array(Inert):
    """A NumPy array as its pickled state describes it: (version, shape, dtype, Fortran order, bytes)."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def numbers(self, name: str) -> np.ndarray:
        if not (isinstance(self.state, tuple) and len(self.state) == 5):
            raise ModelFileError(f"{name} is an array without contents")
        _, shape, dtype, fortran, data = self.state
        if not (isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)):
            raise ModelFileError(f"{name} has no shape")
        if not isinstance(dtype, _Dtype):
            raise ModelFileError(f"{name} has no element type")
        element = dtype.numpy(name)
        if isinstance(data, str):
            data = data.encode("latin1", errors="replace")
        if not isinstance(data, bytes | bytearray):
            raise ModelFileError(f"{name} holds {type(data).__name__} objects, numbers were wanted")
        if math.prod(shape) * element.itemsize != len(data):
            raise ModelFileError(
                f"{name} claims the shape {shape} of {element.name} and holds {len(data)} bytes"
            )
        return np.frombuffer(data, element).reshape(shape, order="F" if fortran else "C")


class _Scalar(Inert):
    def __init__(self, dtype: Any = None, data: Any = b"") -> None:
        self.inner = _Array()
        self.inner.state = (1, (), dtype, False, data)

    def numbers(self, name: str) -> np.ndarray:
        return self.inner.numbers(name)


class _Chumpy(StatefulInert):
    """A chumpy array or expression; what it evaluates to, if the file says so, is its `x`."""

    path = "chumpy"


class _Sparse(StatefulInert):
    """A compressed sparse matrix; `axis` is the one that `indptr` runs along (0: rows, 1: columns)."""

    axis = 0

    def dense(self, name: str) -> np.ndarray:
        shape = self.state.get("_shape", self.state.get("shape"))
        if not (isinstance(shape, tuple) and len(shape) == 2):
            raise ModelFileError(f"{name} is a sparse matrix without a shape")
        rows, columns = (int(array(n, f"{name} shape")) for n in shape)
        if rows < 1 or columns < 1 or rows * columns > _LARGEST_DENSE:
            raise ModelFileError(f"{name} claims to be a sparse matrix of {rows} x {columns}")
        parts = {key: array(self.state.get(key), f"{name}.{key}") for key in ("data", "indices", "indptr")}
        data, indices, indptr = parts["data"], parts["indices"], parts["indptr"]
        major, minor = (rows, columns) if self.axis == 0 else (columns, rows)
        if (
            any(part.ndim != 1 for part in parts.values())
            or any(part.dtype.kind not in "iu" for part in (indices, indptr))
            or len(indptr) != major + 1
            or len(indices) != len(data)
            or indptr[0] != 0
            or indptr[-1] != len(data)
            or np.any(np.diff(indptr.astype(np.int64)) < 0)
            or (len(indices) and (indices.min() < 0 or indices.max() >= minor))
        ):
            raise ModelFileError(f"{name} is a sparse matrix whose indices leave its shape {rows} x {columns}")
        dense = np.zeros((major, minor))
        np.add.at(dense, (np.repeat(np.arange(major), np.diff(indptr)), indices), data)
        return dense if self.axis == 0 else dense.T


class _SparseColumns(_Sparse):
    axis = 1


def _array_of(*_: Any) -> _Array:
    return _Array()


def _array_from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Array:
    made = _Array()
    made.state = (1, shape, dtype, order == "F", bytes(data) if isinstance(data, bytes | bytearray) else data)
    return made


def _instance(kind: Any, *_: Any) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, Inert)):
        raise ModelFileError("it builds an object of a kind that no face model needs")
    return kind()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise ModelFileError("it encodes text in a way that no face model needs")
    return text.encode("latin1")


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_BUILTINS = ("__builtin__", "builtins")
_ALLOWED: tuple[tuple[tuple[str, ...], str, type | Callable[..., Any]], ...] = (
    (_MULTIARRAY, "_reconstruct", _array_of),
    (_MULTIARRAY, "scalar", _Scalar),
    (("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer", _array_from_buffer),
    (("numpy",), "ndarray", _Array),
    (("numpy",), "dtype", _Dtype),
    (("scipy.sparse.csr", "scipy.sparse._csr"), "csr_matrix", _Sparse),
    (("scipy.sparse.csc", "scipy.sparse._csc"), "csc_matrix", _SparseColumns),
    (("copy_reg", "copyreg"), "_reconstructor", _instance),
    (_BUILTINS, "object", Inert),
    (_BUILTINS, "set", as_tuple),
    (("_codecs",), "encode", _encode),
)
