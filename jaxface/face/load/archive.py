"""Reading .npz archives of arrays that nobody vouches for."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jaxface.core.errors import ModelFileError, suggestion

# What zipfile and NumPy raise for damaged archives and headers.
_BROKEN = (ValueError, KeyError, OSError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


def names(path: Path) -> tuple[str, ...]:
    """The names of the arrays inside, without reading them.

    Raises:
        ModelFileError: the file is no whole zip archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy"))
    except _BROKEN as error:
        raise ModelFileError(f"{path} is no whole .npz archive ({error}); fetch it again") from None


def read(path: Path, wanted: Iterable[str], optional: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """The arrays called `wanted`, and those of `optional` that are there. Pickled objects are refused.

    Raises:
        ModelFileError: an array is missing, truncated, made of objects, or claims more than the archive holds.
    """
    present = names(path)
    missing = [name for name in wanted if name not in present]
    if missing:
        raise ModelFileError(f"{path} has no array {missing[0]!r}{suggestion(missing[0], present)}")
    chosen = [*wanted, *(name for name in optional if name in present)]
    with zipfile.ZipFile(path) as archive:
        return {name: _array(path, archive, name) for name in chosen}


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        entry = archive.getinfo(f"{name}.npy")
        with archive.open(entry) as file:
            version = npy.read_magic(file)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(file)
        if dtype.hasobject:
            raise ModelFileError(f"{path}: {name} holds Python objects, which are never loaded")
        claimed = int(np.prod([1, *shape], dtype=object)) * dtype.itemsize
        # The directory may lie about sizes as well; deflate packs no more than 1032 : 1.
        if claimed > min(entry.file_size, 1032 * path.stat().st_size):
            raise ModelFileError(f"{path}: {name} claims {claimed} bytes, more than the file can hold")
        with archive.open(entry) as file:
            return npy.read_array(file, allow_pickle=False)
    except _BROKEN as error:
        text = " ".join(str(error).split())[:120]
        raise ModelFileError(f"{path}: {name} cannot be read ({text}); fetch the file again") from None
