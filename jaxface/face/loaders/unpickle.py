"""Read the pickles in which face models are published, without running their code.

A pickle is a program: it may name any function on the machine and call it. This reader allows only
    the classes of
FLAME's arrays (NumPy, scipy.sparse, chumpy), and replaces each by an inert stand-in that stores
what the file says. Reading has two steps:

1. `read_pickle` checks the opcodes (`core.pickle_budgets`), then runs the program on
stand-ins. 2. `array` checks what a stand-in stores (element type, shape against the number of
bytes, sparse indices against the
   shape) before NumPy sees any of it.

FLAME's files were written by Python 2, whose byte strings are read as latin-1 text.
"""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core import files
from jaxface.core.errors import ModelFileError
from jaxface.core.unpickle import (
    Allowed,
    Inert,
    StatefulInert,
    UnsafePickle,
    as_tuple,
    load,
    short_line,
)
from jaxface.face.loaders.foreign_files import NO_MODEL, looks_like

_ELEMENTS = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})
_STARTS = (b"\x80", b"(", b"}", b"c", b"]")
LARGEST = 1 << 28
"""Bytes of a pickle; FLAME's have 50 to 100 million."""
_MAX_DENSE = 50_000_000  # elements of a sparse matrix made dense: 400 MB


def read_pickle(path: Path) -> dict[str, Any]:
    """Read the top-level dictionary of a pickle; its values are inert, `array` converts them.

    Raises:
        ModelFileError: the file is truncated, holds no dictionary, or names anything outside the
            allow-list.
    """
    content = files.read_bytes(path, ModelFileError, what="pickle of a face model", largest=LARGEST)
    if not content.startswith(_STARTS) and (kind := looks_like(content[:64])) != NO_MODEL:
        raise ModelFileError(f"{path} is {kind}, must be a pickle")
    try:
        if content[:2] in (b"(d", b"(l") and b"\r\n" in content[:4096]:  # protocol 0 is text
            content = content.replace(b"\r\n", b"\n")
        model = load(io.BytesIO(content), _resolve)
    except (ModelFileError, UnsafePickle) as error:
        raise ModelFileError(f"{path}: {short_line(error)}") from None
    except Exception as error:
        # A broken program can raise anything: every error means that this is no model file.
        text = short_line(error) or type(error).__name__
        raise ModelFileError(f"{path} is no complete pickle ({text}); download it again") from None
    if not isinstance(model, dict):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, a face model is a dictionary of arrays")
    return {key: value for key, value in model.items() if isinstance(key, str)}


def array(value: Any, name: str) -> np.ndarray:
    """Convert a value of `read_pickle` to an array; `name` is for the message.

    Raises:
        ModelFileError: no array of numbers, or a shape that does not match the bytes.
    """
    try:
        return _array(value, name)
    except (ValueError, TypeError, OverflowError, IndexError, MemoryError) as error:  # numbers that lie
        raise ModelFileError(f"{name} is not an array of numbers ({short_line(error)})") from None


def _array(value: Any, name: str) -> np.ndarray:
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
    raise ModelFileError(f"{name} is a {type(value).__name__}, not an array of numbers")


def _resolve(module: str, name: str) -> Any:
    # chumpy has a class per kind of expression; all become one stand-in, each with its own name.
    if module.split(".")[0] == "chumpy":
        return type(name, (_Chumpy,), {"path": f"{module}.{name}"})
    for modules, allowed_name, stand_in in _ALLOWED:
        if name == allowed_name and module in modules:
            # A plain function could be altered by the pickle's BUILD opcode; `Allowed` cannot.
            return stand_in if isinstance(stand_in, type) else Allowed(stand_in)
    if module == "collections" and name in ("OrderedDict", "defaultdict"):
        return _Dict
    if module in _HARMLESS:
        return type(name, (StatefulInert,), {})
    raise ModelFileError(f"it asks for {module}.{name}, which no face model needs; do not trust this file")


class _Dict(dict):
    """An ordered dictionary; its arguments and its state in a file are dropped."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__()
        for argument in arguments:
            if isinstance(argument, dict | list | tuple):
                self.update(argument)

    def __setstate__(self, _: Any) -> None:
        pass


class _Dtype(Inert):
    """Stand-in of `numpy.dtype`: its code, and the byte order from its state."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, names, ...): of these only the byte order matters for numbers.
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def numpy(self, name: str) -> np.dtype:
        if self.code not in _ELEMENTS:
            raise ModelFileError(f"{name} has elements of type {str(self.code)[:20]!r}, not numbers")
        return np.dtype(self.order + self.code)


class _Array(Inert):
    """Stand-in of `numpy.ndarray`; its state is (version, shape, dtype, Fortran order, bytes)."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def numbers(self, name: str) -> np.ndarray:
        if not (isinstance(self.state, tuple) and len(self.state) == 5):
            raise ModelFileError(f"{name} is an array without contents")
        _, shape, dtype, fortran, data = self.state
        if not (
            isinstance(shape, tuple)
            and len(shape) <= 32
            and all(isinstance(n, int) and 0 <= n < 2**48 for n in shape)
        ):
            raise ModelFileError(f"{name} has no shape")
        if not isinstance(dtype, _Dtype):
            raise ModelFileError(f"{name} has no element type")
        element = dtype.numpy(name)
        if isinstance(data, str):  # written by Python 2
            data = data.encode("latin1", errors="replace")
        if not isinstance(data, bytes | bytearray):
            raise ModelFileError(f"{name} holds {type(data).__name__} objects, not numbers")
        # math.prod has no overflow, unlike NumPy's.
        if math.prod(shape) * element.itemsize != len(data):
            raise ModelFileError(
                f"{name} claims the shape {shape} of {element.name} but holds {len(data)} bytes"
            )
        return np.frombuffer(data, element).reshape(shape, order="F" if fortran else "C")


class _Scalar(Inert):
    """Stand-in of a NumPy scalar: an array without axes."""

    def __init__(self, dtype: Any = None, data: Any = b"") -> None:
        self.inner = _Array()
        self.inner.state = (1, (), dtype, False, data)

    def numbers(self, name: str) -> np.ndarray:
        return self.inner.numbers(name)


class _Chumpy(StatefulInert):
    """Stand-in of a chumpy array or expression; an evaluated one has its array in `x`."""

    path = "chumpy"


class _Sparse(StatefulInert):
    """Stand-in of a compressed sparse matrix; `indptr` runs along `axis` (0: rows, 1: columns)."""

    axis = 0

    def dense(self, name: str) -> np.ndarray:
        shape = self.state.get("_shape", self.state.get("shape"))
        if not (isinstance(shape, tuple) and len(shape) == 2):
            raise ModelFileError(f"{name} is a sparse matrix without a shape")
        rows, columns = (int(array(n, f"{name} shape")) for n in shape)
        if rows < 1 or columns < 1 or rows * columns > _MAX_DENSE:
            raise ModelFileError(f"{name} claims to be a sparse matrix of {rows} x {columns}")
        parts = {key: array(self.state.get(key), f"{name}.{key}") for key in ("data", "indices", "indptr")}
        data, indices, indptr = parts["data"], parts["indices"], parts["indptr"]
        major, minor = (rows, columns) if self.axis == 0 else (columns, rows)
        # Row i (of CSR) holds data[indptr[i]:indptr[i + 1]] at columns indices[indptr[i]:indptr[i + 1]].
        # Every index must be inside the shape: np.add.at below would wrap negative ones.
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
            raise ModelFileError(f"{name} is a sparse matrix with indices outside its shape {rows} x {columns}")
        dense = np.zeros((major, minor))
        lengths = np.diff(indptr.astype(np.int64)).astype(np.int64)
        np.add.at(dense, (np.repeat(np.arange(major), lengths), indices), data)
        return dense if self.axis == 0 else dense.T


class _SparseColumns(_Sparse):
    """Stand-in of a matrix compressed by columns."""

    axis = 1


def _empty_array(*_: Any) -> _Array:
    return _Array()


def _array_from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Array:
    array = _Array()
    data = bytes(data) if isinstance(data, bytes | bytearray) else data
    array.state = (1, shape, dtype, order == "F", data)
    return array


def _instance(kind: Any, *_: Any) -> Any:
    """Stand-in of `copy_reg._reconstructor`, which creates an object without calling its
    constructor."""
    if not (isinstance(kind, type) and issubclass(kind, Inert)):
        raise ModelFileError("it builds an object of a kind that no face model needs")
    return kind()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise ModelFileError("it encodes text in a way that no face model needs")
    return text.encode("latin1")


_HARMLESS = frozenset({"datetime", "pathlib", "uuid", "decimal", "fractions", "typing", "enum", "types"})
"""Modules whose classes a file may hold beside the model: dates, paths."""
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_BUILTINS = ("__builtin__", "builtins")
_ALLOWED: tuple[tuple[tuple[str, ...], str, type | Callable[..., Any]], ...] = (
    (_MULTIARRAY, "_reconstruct", _empty_array),
    (_MULTIARRAY, "scalar", _Scalar),
    (("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer", _array_from_buffer),
    (("numpy",), "ndarray", _Array),
    (("numpy",), "dtype", _Dtype),
    (("scipy.sparse.csr", "scipy.sparse._csr"), "csr_matrix", _Sparse),
    (("scipy.sparse.csc", "scipy.sparse._csc"), "csc_matrix", _SparseColumns),
    (("scipy.sparse._csr",), "csr_array", _Sparse),
    (("scipy.sparse._csc",), "csc_array", _SparseColumns),
    (("copy_reg", "copyreg"), "_reconstructor", _instance),
    (_BUILTINS, "object", Inert),
    (_BUILTINS, "set", as_tuple),
    (("_codecs",), "encode", _encode),
)
