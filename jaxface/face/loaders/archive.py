"""Read .npz archives from untrusted sources."""

import contextlib
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from jaxface.core.errors import ModelFileError, suggestion
from jaxface.core.files import require_regular_file
from jaxface.face.loaders.foreign_files import looks_like

# What zipfile and NumPy raise for damaged archives and headers.
_BROKEN = (
    *(
        ValueError,
        KeyError,
        OSError,
        EOFError,
        RuntimeError,
        MemoryError,
        OverflowError,
        TypeError,
        SyntaxError,
    ),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
)
LARGEST = 1 << 31
"""Bytes of an array; texture spaces have 1.25 thousand million, most of which `read_first` leaves out."""
_BLOCK = 1 << 21  # numbers read at a time


def names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays, without reading them.

    Raises:
        ModelFileError: the file is no whole zip archive; the message says what it looks like.
    """
    require_regular_file(path, ModelFileError, what="face model's .npz")
    try:
        with path.open("rb") as file:
            start = file.read(64)
        if not start.startswith(b"PK"):
            raise ModelFileError(f"{path} is {looks_like(start)}, must be an .npz archive")
        with zipfile.ZipFile(path) as archive:
            return tuple(entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy"))
    except _BROKEN as error:
        raise ModelFileError(f"{path} is no complete .npz archive ({error}); download it again") from None


def read(
    path: Path, required: Iterable[str], optional: Iterable[str] = (), largest: int = LARGEST
) -> dict[str, np.ndarray]:
    """Read the required arrays, and the optional ones that exist. Pickled objects are refused.

    Args:
        largest: bytes of all of them together.

    Raises:
        ModelFileError: an array is missing, truncated, made of objects, or claims more than the
            archive holds.
    """
    present = _require(path, required := tuple(required))
    selection = [*required, *(name for name in optional if name in present)]
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        for name in selection:
            arrays[name] = _array(path, archive, name, largest)
            largest -= arrays[name].nbytes
    return arrays


def read_shape(path: Path, name: str) -> tuple[int, ...]:
    """Return the shape of an array, of which its header alone is read.

    Raises:
        ModelFileError: as `read`.
    """
    _require(path, (name,))
    with zipfile.ZipFile(path) as archive, _telling(path, name):
        return _header(path, archive, name, LARGEST)[0]


def read_first(path: Path, name: str, count: int) -> np.ndarray:
    """Return the first `count` entries along the last axis of an array, as float32; no more is held in memory.

    Raises:
        ModelFileError: as `read`, or no numbers.
    """
    _require(path, (name,))
    with zipfile.ZipFile(path) as archive, _telling(path, name):
        shape, is_fortran, dtype = _header(path, archive, name, LARGEST)
        if dtype.kind not in "fiu":
            raise ModelFileError(f"{path}: {name} holds no numbers")
        rows, entries = math.prod(shape[:-1]), shape[-1]
        out = np.empty((rows, count), np.float32)
        with archive.open(f"{name}.npy") as file:
            _skip_header(file)
            if is_fortran:  # entry after entry
                for entry in range(entries):
                    values = _numbers(file, rows, dtype)
                    if entry < count:
                        out[:, entry] = values.reshape(shape[:-1], order="F").ravel()
            else:
                step = max(1, _BLOCK // entries)
                for first in range(0, rows, step):
                    block = _numbers(file, min(step, rows - first) * entries, dtype)
                    out[first : first + step] = block.reshape(-1, entries)[:, :count]
        return out.reshape(*shape[:-1], count)


def _numbers(file: IO[bytes], count: int, dtype: np.dtype) -> np.ndarray:
    content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise EOFError("it ends too early")
    return np.frombuffer(content, dtype)


def _require(path: Path, required: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the arrays, among which all required ones must be."""
    present = names(path)
    missing = [name for name in required if name not in present]
    if missing:
        raise ModelFileError(f"{path} has no array {missing[0]!r}{suggestion(missing[0], present)}")
    return present


def _array(path: Path, archive: zipfile.ZipFile, name: str, largest: int) -> np.ndarray:
    with _telling(path, name):
        _header(path, archive, name, largest)
        with archive.open(f"{name}.npy") as file:
            return npy.read_array(file, allow_pickle=False)


def _header(
    path: Path, archive: zipfile.ZipFile, name: str, largest: int
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order and type of an array that the file can hold."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        shape, is_fortran, dtype = _skip_header(file)
    if dtype.hasobject:
        raise ModelFileError(f"{path}: {name} holds Python objects, which jaxface never loads")
    # The header alone must not make NumPy allocate: compare its size with what the file can hold. The zip
    # directory may be forged too, but deflate compresses at most 1032 : 1. dtype=object: no overflow.
    size = int(np.prod([1, *shape], dtype=object)) * dtype.itemsize
    if size > min(entry.file_size, 1032 * path.stat().st_size):
        raise ModelFileError(f"{path}: {name} claims {size} bytes, more than the file can hold")
    if size > largest:
        raise ModelFileError(f"{path}: {name} has {size:,} bytes, at most {largest:,} are left to read")
    return shape, is_fortran, dtype


def _skip_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read_header(file)


@contextlib.contextmanager
def _telling(path: Path, name: str) -> Iterator[None]:
    """Raise what a damaged archive raises as a ModelFileError."""
    try:
        yield
    except _BROKEN as error:
        text = " ".join(str(error).split())[:120]
        raise ModelFileError(f"{path}: {name} cannot be read ({text}); download the file again") from None
