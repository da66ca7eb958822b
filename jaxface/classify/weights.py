"""Weights of a net as a flat file of named arrays, checked one by one against the net."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from safetensors.numpy import save_file

from jaxface.classify.checkpoints.tensor import UnsupportedTensor, is_small_float
from jaxface.core.errors import CheckpointError
from jaxface.core.io import atomic_path

SHOWN = 3
_ALIGNMENT = 64  # bytes, as XLA requires


def write_safetensors(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as safetensors, atomically; the same arrays give the same bytes."""
    with atomic_path(path) as temporary:
        save_file(arrays, temporary)


def flat_arrays(state: nnx.State) -> dict[str, np.ndarray]:
    """Return the arrays of a filled net by name, as `fill` takes them."""
    return {_name(path): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(state)}


def array_shapes(state: nnx.State) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every array of a net; names are paths such as `block0/second/depthwise`."""
    return {_name(path): tuple(leaf.shape) for path, leaf in nnx.to_flat_state(state)}


def fill(
    state: nnx.State, arrays: Mapping[str, Any], origin: str, name_of: Callable[[str], str] = str
) -> nnx.State:
    """Return the net's state with the values of `arrays`, as float32 on the device; each is read once.

    Args:
        state: of the same structure, abstract or not.
        arrays: our names -> arrays, or tensors that are read on demand.
        origin: the file, for messages.
        name_of: our name of an array -> the file's, for messages.
    Raises:
        CheckpointError: an array that is missing, surplus, of another shape or type, or not finite.
    """
    values = load_arrays(array_shapes(state), arrays, origin, name_of)
    leaves = nnx.to_flat_state(state)
    return nnx.from_flat_state([(path, leaf.replace(values[_name(path)])) for path, leaf in leaves])


def load_arrays(
    shapes: Mapping[str, tuple[int, ...]],
    arrays: Mapping[str, Any],
    origin: str,
    name_of: Callable[[str], str] = str,
) -> dict[str, jax.Array]:
    """Return arrays of these names and shapes, as float32 on the device. Arguments and errors as `fill`."""
    missing, surplus = sorted(shapes.keys() - arrays.keys()), sorted(arrays.keys() - shapes.keys())
    check_names(origin, [name_of(name) for name in missing], surplus, len(shapes), len(arrays))
    return {
        name: jax.device_put(check_array(arrays[name], name_of(name), shape, origin))
        for name, shape in shapes.items()
    }


def check_names(
    origin: str,
    missing: Sequence[str],
    surplus: Sequence[str],
    expected: int,
    present: int,
    missing_count: int | None = None,
) -> None:
    """Check that a file has exactly the arrays of a net; the counts are for the message.

    Args:
        missing: as the file names them; the first ones of `missing_count`, None = all.

    Raises:
        CheckpointError: names the first few.
    """
    if missing or surplus:
        raise CheckpointError(
            f"{origin} does not fit the net: {_list('missing', missing, missing_count)}"
            f"{_list('unknown', surplus)}"
            f"{expected} arrays expected, {present} present"
        )


def check_array(tensor: Any, name: str, shape: tuple[int, ...], origin: str) -> np.ndarray:
    """Return one array as finite float32 of a shape.

    Raises:
        CheckpointError: another shape or type, or numbers that are not finite.
    """
    if isinstance(tensor, UnsupportedTensor):
        raise CheckpointError(f"{origin}: {name!r} is {tensor.what}")
    if tuple(tensor.shape) != shape:  # before anything of that size is read
        raise CheckpointError(f"{origin}: {name!r} has shape {tuple(tensor.shape)}, the net has {shape}")
    if np.dtype(tensor.dtype).kind != "f" and not is_small_float(tensor.dtype):
        raise CheckpointError(f"{origin}: {name!r} has type {tensor.dtype}, must be floating point")
    array = _aligned(shape)
    with np.errstate(over="ignore"):  # what overflows float32 is refused here, too
        np.copyto(array, np.asarray(tensor), casting="unsafe")
    if not (np.isfinite(array.min(initial=0)) and np.isfinite(array.max(initial=0))):
        raise CheckpointError(f"{origin}: {name!r} holds NaN or infinite numbers")
    return array


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Uninitialised float32 that JAX adopts on the CPU without a copy: a large net is in memory once."""
    size = 4 * math.prod(shape)
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path))


def _list(word: str, names: Sequence[str], count: int | None = None) -> str:
    if not names:
        return ""
    count = len(names) if count is None else count
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return f"{word} {', '.join(map(repr, names[:SHOWN]))}{more}; "
