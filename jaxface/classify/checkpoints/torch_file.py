"""PyTorch's two formats: a zip of one pickle and its storages; before 2020 a sequence of pickles.

Training scripts wrap the state dict in dictionaries, or save the module: `find_state_dict` looks there.
"""

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxface.classify.checkpoints.tensor import Storage, reading
from jaxface.classify.checkpoints.torch_pickle import StandIn, read_pickle
from jaxface.core.errors import CheckpointError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PICKLE = 1 << 26
_LOCAL_HEADER = 30  # bytes of a zip entry's own header before its name
_LAYERS_MOST = 10_000
_LONGEST_PATH = 1000  # characters; a module that holds itself has no end
_DEEPEST = 3  # containers inside containers

_BYTEORDER = 16  # bytes of that entry at most

_NAMES = ("ema", "model_ema", "model_state_dict", "state_dict", "net", "model")
"""In the order of preference: authors test the averaged copy (EMA), where there is one."""


def read_torch(path: Path) -> Any:
    """Read a `.pth` or `.pt`: dictionaries, `FileTensor`s and stand-ins.

    Raises:
        CheckpointError: truncated, damaged, of another format, or it requests what no checkpoint needs.
    """
    with reading(path, "complete PyTorch checkpoint"):
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)


def _read_zip(path: Path) -> Any:
    length = path.stat().st_size
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in entries if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            inner = [
                name for name in entries if name.endswith((".pth", ".pt", ".ckpt", ".safetensors", ".npz"))
            ]
            names = ", ".join(repr(name[:60]) for name in inner[:3])
            hint = f"; unpack it first, it holds {names}" if inner else ""
            raise CheckpointError(f"a zip archive without PyTorch's data.pkl{hint}")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in entries:
            raise CheckpointError(
                "a TorchScript archive; run it in PyTorch, wrapped by classify.from_function(..., on_host=True)"
            )
        order = b"little"
        if f"{root}byteorder" in entries:
            order = _read_entry(archive, entries[f"{root}byteorder"], _BYTEORDER)
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
        return read_pickle(io.BytesIO(_read_entry(archive, entries[pickles[0]], _LARGEST_PICKLE)), open_storage)


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, largest: int) -> bytes:
    """Read an entry of at most `largest` bytes, whatever its directory claims."""
    with archive.open(entry) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise CheckpointError(f"{entry.filename!r} holds more than {largest:,} bytes")
    return content


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


def find_state_dict(content: Any, origin: str) -> dict[str, Any]:
    """Find the state dict in the content of a checkpoint file.

    Args:
        content: nested dictionaries, arrays (anything with a shape) and stand-ins of modules.
        origin: the file, for messages.
    Raises:
        CheckpointError: there is none; the message lists the content.
    """
    tensors = _search(content, _DEEPEST)
    if tensors:
        return tensors
    if isinstance(content, Mapping):
        if "param_groups" in content:
            raise CheckpointError(
                f"{origin} contains the state of an optimizer, not of a network (as the 'best' files of "
                "POSTER_V2's script do); use the checkpoint beside it"
            )
        keys = ", ".join(repr(str(key)[:40]) for key in list(content)[:6])
        raise CheckpointError(
            f"{origin} contains no state dict: {keys}; must be tensors, a module, or one of {', '.join(_NAMES)}"
        )
    raise CheckpointError(f"{origin} contains a {type(content).__name__}, must be a state dict")


def _search(content: Any, depth: int) -> dict[str, Any]:
    if isinstance(content, StandIn):
        return _parameters(content)
    if not isinstance(content, Mapping):
        return {}
    for name in _NAMES if depth else ():
        if name in content and (tensors := _search(content[name], depth - 1)):
            return tensors
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and hasattr(value, "shape")}
    # scores of a training beside dictionaries of tensors are no state dict
    if tensors and all(math.prod(tensor.shape) == 1 for tensor in tensors.values()):
        inner = [value for value in content.values() if isinstance(value, Mapping) and _search(value, 0)]
        return {} if inner else tensors
    return tensors


def _parameters(module: StandIn) -> dict[str, Any]:
    """The state dict of a pickled module, from the states of its layers."""
    tensors: dict[str, Any] = {}
    waiting, count = [("", module)], 0
    while waiting:
        prefix, layer = waiting.pop()
        count += 1
        if count > _LAYERS_MOST or len(prefix) > _LONGEST_PATH:
            raise CheckpointError("a module of more layers than any network has")
        for kind in ("_parameters", "_buffers"):
            for name, value in _members(layer, kind):
                if hasattr(value, "shape"):
                    tensors[f"{prefix}{name}"] = value
        inner = [(f"{prefix}{name}.", child) for name, child in _members(layer, "_modules")]
        waiting += [(name, child) for name, child in inner if isinstance(child, StandIn)]
    return tensors


def _members(layer: StandIn, kind: str) -> list[tuple[str, Any]]:
    members = layer.state.get(kind)
    if not isinstance(members, Mapping):
        return []
    return [(name, value) for name, value in members.items() if isinstance(name, str)]
