"""Reading .npz archives of arrays that nobody vouches for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jaxface.core.errors import ModelFileError, suggestion


def names(path: Path) -> tuple[str, ...]:
    """The names of the arrays inside, without reading them.

    Raises:
        ModelFileError: the file is no whole zip archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy"))
    except (zipfile.BadZipFile, OSError) as error:
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
        if claimed > entry.file_size:
            raise ModelFileError(f"{path}: {name} claims {claimed} bytes and holds {entry.file_size}")
        with archive.open(entry) as file:
            return npy.read_array(file, allow_pickle=False)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        text = " ".join(str(error).split())[:120]
        raise ModelFileError(f"{path}: {name} cannot be read ({text}); fetch the file again") from None
