"""TensorFlow.js weights as in face-api: a manifest in JSON and shards of bytes, some quantised."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import CheckpointError
from jaxface.core.unpickle import one_line

_TYPES = {
    "float32": np.float32,
    "int32": np.int32,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "float16": np.float16,
}


def read_manifest(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a `*-weights_manifest.json` from the shards beside it, as float32.

    Raises:
        CheckpointError: not a manifest, a shard that is missing, or one of another length.
    """
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
        out: dict[str, np.ndarray] = {}
        for group in groups:
            out |= _group(path, group)
        return out
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a manifest of weights ({one_line(error)}); fetch it and its shards again"
        ) from None


def _group(path: Path, group: dict[str, Any]) -> dict[str, np.ndarray]:
    names = group["paths"]
    if any(name != Path(name).name for name in names):
        raise CheckpointError(f"{path}: its shards ({names}) must be files beside it")
    shards = [path.parent / name for name in names]
    for shard in shards:
        if not shard.is_file():
            raise CheckpointError(f"{path}: its shard {shard.name} is not beside it")
    data = np.concatenate([np.fromfile(shard, np.uint8) for shard in shards])
    out, first = {}, 0
    for weight in group["weights"]:
        quantization = weight.get("quantization")
        dtype = np.dtype(_TYPES[quantization["dtype"] if quantization else weight["dtype"]])
        count = math.prod(weight["shape"])
        end = first + count * dtype.itemsize
        if not first <= end <= len(data):
            raise CheckpointError(
                f"{path}: {weight['name']!r} claims the bytes {first} to {end} of {len(data)} in {names}"
            )
        numbers = data[first:end].view(dtype)
        if quantization and "scale" in quantization:
            numbers = numbers * quantization["scale"] + quantization["min"]
        out[weight["name"]] = numbers.reshape(weight["shape"]).astype(np.float32)
        first = end
    if first != len(data):
        raise CheckpointError(f"{path} describes {first} bytes, {names} hold {len(data)}")
    return out
