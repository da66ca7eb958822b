"""Read .npz archives from untrusted sources."""

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

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
"""Bytes of an array; texture spaces have 1.25 thousand million."""


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

    Raises:
        ModelFileError: an array is missing, truncated, made of objects, or claims more than the
            archive holds.
    """
    present = names(path)
    missing = [name for name in required if name not in present]
    if missing:
        raise ModelFileError(f"{path} has no array {missing[0]!r}{suggestion(missing[0], present)}")
    selection = [*required, *(name for name in optional if name in present)]
    with zipfile.ZipFile(path) as archive:
        return {name: _array(path, archive, name, largest) for name in selection}


def _array(path: Path, archive: zipfile.ZipFile, name: str, largest: int) -> np.ndarray:
    try:
        entry = archive.getinfo(f"{name}.npy")
        with archive.open(entry) as file:
            version = npy.read_magic(file)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(file)
        if dtype.hasobject:
            raise ModelFileError(f"{path}: {name} holds Python objects, which jaxface never loads")
        # The header alone must not make NumPy allocate: compare its size with what the file can hold. The zip
        # directory may be forged too, but deflate compresses at most 1032 : 1. dtype=object: no overflow.
        size = int(np.prod([1, *shape], dtype=object)) * dtype.itemsize
        if size > min(entry.file_size, 1032 * path.stat().st_size):
            raise ModelFileError(f"{path}: {name} claims {size} bytes, more than the file can hold")
        if size > largest:
            raise ModelFileError(f"{path}: {name} has {size:,} bytes, at most {largest:,} are read")
        with archive.open(entry) as file:
            return npy.read_array(file, allow_pickle=False)
    except _BROKEN as error:
        text = " ".join(str(error).split())[:120]
        raise ModelFileError(f"{path}: {name} cannot be read ({text}); download the file again") from None
