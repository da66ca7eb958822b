"""PyTorch's two formats: a zip of one pickle and its storages; before 2020 a sequence of pickles."""

import io
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxface.classify.checkpoints.tensor import Storage
from jaxface.classify.checkpoints.torch_pickle import read_pickle
from jaxface.core.errors import CheckpointError
from jaxface.core.unpickle import UnsafePickle, one_line

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PICKLE = 1 << 28
_LOCAL_HEADER = 30  # bytes of a zip entry's own header before its name


def read_torch(path: Path) -> Any:
    """Read a `.pth` or `.pt`: dictionaries, `FileTensor`s and stand-ins.

    Raises:
        CheckpointError: truncated, damaged, of another format, or it requests what no checkpoint needs.
    """
    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except CheckpointError:
        raise
    except UnsafePickle as error:
        raise CheckpointError(f"{path}: {one_line(error)}") from None
    except Exception as error:
        # A broken program may raise anything; there is no closed list.
        text = one_line(error) or type(error).__name__
        raise CheckpointError(f"{path} is not a complete PyTorch checkpoint ({text}); fetch it again") from None


def _read_zip(path: Path) -> Any:
    length = path.stat().st_size
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in entries if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise CheckpointError("a zip archive without PyTorch's data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in entries:
            raise CheckpointError(
                "a TorchScript archive; run it in PyTorch, wrapped by classify.from_function(..., on_host=True)"
            )
        if entries[pickles[0]].file_size > _LARGEST_PICKLE:
            raise CheckpointError(f"its index claims {entries[pickles[0]].file_size} bytes")
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in entries else b"little"
        storages: dict[str, Storage] = {}

        def open_storage(key: str, dtype: np.dtype, count: int) -> Storage:
            if key not in storages:
                entry = entries.get(f"{root}data/{key}")
                if entry is None:
                    raise CheckpointError(f"storage {key!r} is missing; fetch it again")
                storages[key] = _place(file, path, entry, length)
            return storages[key]

        if order != b"little":
            raise CheckpointError("written on a big-endian machine; save it again on another")
        return read_pickle(io.BytesIO(archive.read(pickles[0])), open_storage)


def _place(file: IO[bytes], path: Path, entry: zipfile.ZipInfo, length: int) -> Storage:
    """The range of an entry's bytes in the archive; PyTorch stores them without compression."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise CheckpointError("its tensors are compressed, which PyTorch never does; unpack and save it again")
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) != _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise CheckpointError("an entry of the archive is not where its index says; fetch it again")
    lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    start = entry.header_offset + _LOCAL_HEADER + sum(lengths)
    if start + entry.file_size > length:
        raise CheckpointError(f"storage {entry.filename!r} reaches out of the file; fetch it again")
    storage = Storage(path)
    storage.place(start, entry.file_size, entry.CRC)
    return storage


def _read_legacy(path: Path) -> Any:
    length = path.stat().st_size
    storages: dict[str, tuple[Storage, int]] = {}

    def open_storage(key: str, dtype: np.dtype, count: int) -> Storage:
        if key not in storages:
            storages[key] = (Storage(path), dtype.itemsize)
        return storages[key][0]

    with path.open("rb") as file:
        if read_pickle(file, open_storage) != _LEGACY_MAGIC:
            raise CheckpointError("a pickle, but not one of PyTorch's")
        for _ in range(2):  # version of the protocol, description of the machine
            read_pickle(file, open_storage)
        content = read_pickle(file, open_storage)
        keys = read_pickle(file, open_storage)
        for key in keys:
            storage, size = storages[str(key)]
            count = int.from_bytes(file.read(8), "little")
            start = file.tell()
            if start + count * size > length:
                raise CheckpointError(
                    f"storage {key} claims {count} numbers, {length - start} bytes are left; fetch it again"
                )
            storage.place(start, count * size)
            file.seek(start + count * size)
    return content
