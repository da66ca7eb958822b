"""NumPy's files from untrusted sources: what a header claims is checked before memory is taken."""

import io
import sys
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.lib import format as npy

from jaxface.core.errors import JaxfaceError, one_line
from jaxface.core.files import require_regular_file

LARGEST_ARRAYS: Final = 2**29
"""Bytes that all arrays of an archive may have together, unless said otherwise."""

MOST_ARRAYS: Final = 1000
_DEFLATE_AT_MOST = 1032  # bytes for one
_HEADER, _MOST_AXES = 10_000, 32


def map_array(path: Path, error: type[JaxfaceError], *, what: str) -> np.ndarray:
    """Return the array of a .npy file, memory-mapped.

    Args:
        error: class of what is raised.
        what: describes the file, such as "file of images".

    Raises:
        error: no regular file, no array of numbers, or fewer bytes than it claims.
    """
    require_regular_file(path, error, what=what)
    try:
        with path.open("rb") as file:
            size = _claim(file) + file.tell()
        if path.stat().st_size >= size:
            return _checked(np.load(path, mmap_mode="r", allow_pickle=False))
        problem = f"it claims {size:,} bytes and has {path.stat().st_size:,}"
    except Exception as exception:  # NumPy parses a header as Python: it raises all kinds of errors
        problem = _words(exception)
    raise error(f"{path} is a damaged {what}: {problem}")


def read_array(content: bytes, path: Path, error: type[JaxfaceError], *, what: str) -> np.ndarray:
    """Return the array that the bytes of a .npy file hold; the path is for messages.

    Raises:
        error: as `map_array`.
    """
    try:
        file = io.BytesIO(content)
        size = _claim(file) + file.tell()
        if len(content) >= size:
            return _checked(npy.read_array(io.BytesIO(content), allow_pickle=False))
        problem = f"it claims {size:,} bytes and has {len(content):,}"
    except Exception as exception:
        problem = _words(exception)
    raise error(f"{path} is a damaged {what}: {problem}")


def read_arrays(
    path: Path,
    error: type[JaxfaceError],
    *,
    what: str,
    names: Collection[str] = (),
    largest: int = LARGEST_ARRAYS,
) -> dict[str, np.ndarray]:
    """Return the arrays of a .npz archive by name.

    Args:
        names: of the arrays that must be there, and alone are read; () = all.
        largest: bytes of all of them together.

    Raises:
        error: no regular file, no whole archive, a missing array, or one of objects, too large or too many.
    """
    require_regular_file(path, error, what=what)
    left = min(largest, _DEFLATE_AT_MOST * path.stat().st_size)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            if len(entries) > MOST_ARRAYS:
                raise ValueError(f"it has {len(entries):,} arrays, at most {MOST_ARRAYS:,} are read")
            for name in names or entries:
                if name not in entries:
                    raise ValueError(f"it has no array {name!r}")
                with archive.open(entries[name]) as file:
                    left -= _claim(file)
                if left < 0:
                    raise ValueError(f"its arrays are larger than {largest:,} bytes, or than it can hold")
                with archive.open(entries[name]) as file:
                    arrays[name] = _checked(npy.read_array(file, allow_pickle=False))
    except Exception as exception:  # zipfile, zlib, lzma and NumPy each raise errors of their own
        raise error(f"{path} is a damaged {what}: {_words(exception)}") from None
    return arrays


def _claim(file: IO[bytes]) -> int:
    """Return how many bytes the array after a header has; the file is left at its beginning."""
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(file, max_header_size=_HEADER)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if len(shape) > _MOST_AXES or not all(0 <= length < 2**48 for length in shape):
        raise ValueError(f"no array has the shape {shape}")
    return int(np.prod([1, *shape], dtype=object)) * dtype.itemsize  # dtype=object: no overflow


def _checked(array: np.ndarray) -> np.ndarray:
    """Return an array of text only if all of it is: NumPy fails when it looks at an impossible letter."""
    if array.dtype.kind == "U" and array.dtype.itemsize:
        letters = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
        if array.dtype.byteorder == (">" if sys.byteorder == "little" else "<"):
            letters = letters.byteswap()
        if letters.size and letters.max() > sys.maxunicode:
            raise ValueError(f"it has a letter of the number {letters.max():,}")
    return array


def _words(exception: Exception) -> str:
    return one_line(exception, 200) or type(exception).__name__
