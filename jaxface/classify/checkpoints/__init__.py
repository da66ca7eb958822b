"""Read the checkpoint files that authors publish; PyTorch is never needed.

`read(path)` recognises the format by the file's first bytes, not by its name.
"""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxface.classify.checkpoints.array_files import read_npz, read_safetensors
from jaxface.classify.checkpoints.tensorflow_files import read_hdf5, read_manifest
from jaxface.classify.checkpoints.torch_file import find_state_dict, read_torch
from jaxface.core.errors import CheckpointError
from jaxface.core.files import require_regular_file

__all__ = ["read"]

_PACKED = "an archive of {}, not the checkpoint itself; unpack it first"
_FOREIGN = {
    b"\x1f\x8b": _PACKED.format("gzip"),
    b"BZh": _PACKED.format("bzip2"),
    b"\xfd7zXZ": _PACKED.format("xz"),
    b"7z\xbc\xaf": _PACKED.format("7-Zip"),
    b"Rar!": _PACKED.format("RAR"),
    b"\x93NUMPY": "one array without a name; a net has many",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
    b"<!DOCTYPE": "a web page; fetch the file itself",
    b"<!doctype": "a web page; fetch the file itself",
    b"<html": "a web page; fetch the file itself",
}


def read(path: Path) -> Mapping[str, Any]:
    """Read the named tensors of a checkpoint, most of them on demand (`shape`, `dtype`, `np.asarray`).

    Formats: PyTorch (`.pth`, `.pt`: zip and legacy), safetensors, `.npz`, Keras' HDF5, and TensorFlow.js'
    `*-weights_manifest.json` beside its shards.

    Raises:
        CheckpointError: missing, truncated, damaged, of another format, or without tensors.
    """
    require_regular_file(path, CheckpointError, what="checkpoint")
    try:
        with path.open("rb") as file:
            head = file.read(512)
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"no checkpoint to read at {path} ({error.strerror})") from None
    if size == 0:
        raise CheckpointError(f"{path} is empty; fetch it again")
    if head[257:262] == b"ustar":
        raise CheckpointError(f"{path} is {_PACKED.format('tar')}")
    for start, what in _FOREIGN.items():
        if head.startswith(start):
            raise CheckpointError(f"{path} is {what}")
    try:
        tensors = _reader(path, head, size)(path)
    except CheckpointError as error:  # some messages do not name the file
        text = str(error)
        raise CheckpointError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    if not tensors:
        raise CheckpointError(f"{path} contains no tensors")
    return tensors


def _holds_arrays(path: Path, head: bytes) -> bool:
    """Return whether a zip archive is an .npz, by its directory; by its first entry where that is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return b".npy" in head
    return bool(names) and all(name.endswith(".npy") for name in names)


def _reader(path: Path, head: bytes, size: int) -> Callable[[Path], Mapping[str, Any]]:
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_hdf5
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return read_safetensors
    if head.startswith(b"PK") and _holds_arrays(path, head):
        return read_npz
    if head.lstrip()[:1] in (b"[", b"{"):
        return read_manifest
    if head.startswith((b"PK", b"\x80")):
        return lambda path: find_state_dict(read_torch(path), str(path))
    raise CheckpointError(
        f"{path} is in no format that jaxface reads: PyTorch, safetensors, .npz, Keras' HDF5, TensorFlow.js' "
        "manifest, or .onnx by its name"
    )
