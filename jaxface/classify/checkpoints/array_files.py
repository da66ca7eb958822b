"""Files of named arrays: `.npz` and safetensors. Nothing in them is executed."""

import json
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from jaxface.classify.checkpoints.tensor import FileTensor, Storage, reading

_NPZ = "readable .npz of arrays"
_LONGEST_HEADER = 1 << 24
_MOST_ARRAYS = 20_000
_TYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


class NpzArray:
    """An array of an `.npz`, with shape and type; its numbers are read on demand."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, entry: str) -> None:
        self._path, self._entry = path, entry
        with archive.open(entry) as file:
            major, _ = np.lib.format.read_magic(file)
            reader = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            self.shape, _, self.dtype = reader(file)
        if self.dtype.hasobject:
            raise ValueError(f"{entry} holds Python objects, which are never loaded")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        path, entry = self._path, self._entry
        with reading(path, _NPZ), zipfile.ZipFile(path) as archive, archive.open(entry) as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
        return array if dtype is None else array.astype(dtype, copy=False)


def read_npz(path: Path) -> dict[str, NpzArray]:
    """Read the arrays of an `.npz`, by name.

    Raises:
        CheckpointError: truncated, damaged or of another format; some damage shows when an array is read.
    """
    with reading(path, _NPZ), zipfile.ZipFile(path) as archive:
        entries = archive.namelist()
        if not all(entry.endswith(".npy") for entry in entries):
            raise ValueError("an archive of other files")
        if len(entries) > _MOST_ARRAYS:
            raise ValueError(f"{len(entries):,} arrays; at most {_MOST_ARRAYS:,} are read")
        return {entry.removesuffix(".npy"): NpzArray(path, archive, entry) for entry in entries}


def read_safetensors(path: Path) -> dict[str, FileTensor]:
    """Read the tensors of a safetensors file, by name: a JSON header, then a range of bytes for each.

    The header is read here and not by the format's library, which writes: the library (0.8) fails on float8 in
    NumPy, and it maps the file, so that one which is cut short meanwhile ends the process.

    Raises:
        CheckpointError: truncated, of another format, or a header that does not fit the file.
    """
    length = path.stat().st_size
    with reading(path, "complete safetensors file"):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > min(length - 8, _LONGEST_HEADER):
                raise ValueError(f"a header of {size} bytes")
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        if len(header) > _MOST_ARRAYS:
            raise ValueError(f"{len(header):,} tensors; at most {_MOST_ARRAYS:,} are read")
        return {name: _tensor(path, 8 + size, length, entry) for name, entry in header.items()}


def _tensor(path: Path, begin: int, length: int, entry: dict[str, Any]) -> FileTensor:
    first, last = entry["data_offsets"]
    if entry["dtype"] not in _TYPES:
        raise ValueError(f"a tensor of the type {entry['dtype']!s:.20}, which is not read")
    dtype, shape = np.dtype(_TYPES[entry["dtype"]]), tuple(entry["shape"])
    if not (isinstance(first, int) and isinstance(last, int) and 0 <= first <= last <= length - begin):
        raise ValueError(f"a tensor at {first} to {last} of {length - begin} bytes")
    storage = Storage(path)
    storage.place(begin + first, last - first)
    return FileTensor(storage, dtype, shape)
