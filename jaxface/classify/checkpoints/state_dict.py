"""Map a PyTorch state dict to a net: the layer that owns an array determines the order of its axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from jaxface.classify.nets import layers
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.classify.weights import check_names
from jaxface.core.errors import CheckpointError

Turn = Callable[[np.ndarray], np.ndarray]

_WRAPPERS = ("module.", "model.")  # prefixes of DataParallel and of training wrappers
_AVERAGED = "ema_model."  # the averaged copy; there are also counters and the copy that was trained


class Array(NamedTuple):
    """An array of a layer in PyTorch: its name there, and the map from its axes to ours."""

    name: str
    turn: Turn
    rank: tuple[int, ...] = (1,)


def _matrix(array: np.ndarray) -> np.ndarray:
    """(out, in) or (out, in, 1, 1) -> (in, out)."""
    return array.reshape(array.shape[:2]).T if array.shape[2:] in ((), (1, 1)) else array


def _each_channel(array: np.ndarray) -> np.ndarray:
    """(channels, 1, height, width) -> (height, width, channels)."""
    return array[:, 0].transpose(1, 2, 0) if array.shape[1] == 1 else array


def _same(array: np.ndarray) -> np.ndarray:
    return array


_BIAS = {"bias": Array("bias", _same)}
_DENSE = {"kernel": Array("weight", _matrix, (2, 4)), **_BIAS}
_NORM = {"scale": Array("weight", _same), **_BIAS}

LAYERS: Mapping[type[nnx.Module], Mapping[str, Array]] = {
    layers.Convolution: {"kernel": Array("weight", lambda array: array.transpose(2, 3, 1, 0), (4,)), **_BIAS},
    layers.Depthwise: {"kernel": Array("weight", _each_channel, (4,)), **_BIAS},
    layers.TransposedConvolution: {
        "kernel": Array("weight", lambda array: array.transpose(2, 3, 0, 1), (4,)),
        **_BIAS,
    },
    layers.Pointwise: _DENSE,
    layers.Dense: _DENSE,
    layers.BatchNorm: {
        **_NORM,
        "mean": Array("running_mean", _same),
        "variance": Array("running_var", _same),
    },
    layers.LayerNorm: _NORM,
    layers.PReLU: {"slope": Array("weight", _same)},
}
"""Shared layer -> its arrays in PyTorch's terms. Arrays that a net owns itself are used unchanged."""


class Translated(Mapping[str, np.ndarray]):
    """The arrays of a state dict under our names and with our axes; each is read on demand.

    Args:
        module: the net, abstract or not.
        layout: the `TORCH` of its file.
        state_dict: PyTorch's keys -> tensors: NumPy arrays, or anything that `np.asarray` reads.
        origin: the file, for messages.
    Raises:
        CheckpointError: keys that are missing or unknown to the net.
    """

    def __init__(
        self, module: nnx.Module, layout: TorchLayout, state_dict: Mapping[str, Any], origin: str
    ) -> None:
        self._origin, self._layout, self._tensors = origin, layout, unwrapped(state_dict, origin)
        self._expected = _places(module, layout)
        self._keys: dict[str, str] = {}
        surplus = []
        for key in self._tensors:
            torch_key = layout.map_key(key)
            if torch_key is None:
                continue
            if torch_key not in self._expected or torch_key in self._keys:
                surplus.append(key)
            self._keys.setdefault(torch_key, key)
        missing = sorted(self._expected.keys() - self._keys.keys())
        check_names(origin, missing, surplus, len(self._expected), len(self._tensors))
        self._places = {place.name: torch_key for torch_key, place in self._expected.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        torch_key = self._places[name]
        key, place = self._keys[torch_key], self._expected[torch_key]
        shape = tuple(getattr(self._tensors[key], "shape", place.shape))
        if math.prod(shape) != math.prod(place.shape):  # before anything of that size is read
            raise self._misfit(key, shape, place)
        try:
            array = np.asarray(self._tensors[key])
        except (TypeError, RuntimeError, ValueError) as error:  # foreign tensors that NumPy cannot read
            raise CheckpointError(f"{self._origin}: {key!r} is not an array of numbers ({error})") from None
        if array.dtype.kind != "f":
            raise CheckpointError(f"{self._origin}: {key!r} has type {array.dtype}, must be floating point")
        ours = place.turn(array) if place.rank is None or array.ndim in place.rank else array
        if ours.shape != place.shape:
            raise self._misfit(key, array.shape, place)
        return ours

    def _misfit(self, key: str, shape: tuple[int, ...], place: _Place) -> CheckpointError:
        return CheckpointError(
            f"{self._origin}: {key!r} of shape {shape} cannot be {place.name!r}, which has the shape "
            f"{place.shape} in the net"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Place(NamedTuple):
    """Place of an array in the net: our name and shape, and the map of its axes."""

    name: str
    shape: tuple[int, ...]
    turn: Turn
    rank: tuple[int, ...] | None


def _places(module: nnx.Module, layout: TorchLayout) -> dict[str, _Place]:
    """Renamed key (`blocks.0.norm.running_mean`) -> the place in the net."""
    owners = dict(nnx.iter_modules(module))
    places = {}
    for path, leaf in nnx.to_flat_state(nnx.state(module)):
        owner, array = path[:-1], str(path[-1])
        arrays = LAYERS.get(type(owners[owner]))
        name, turn, rank = arrays[array] if arrays is not None else (array, _same, None)
        owner_key = ".".join(map(str, owner))
        if array == "kernel" and owner_key in layout.flatten_shapes:
            turn = partial(_unflatten, layout.flatten_shapes[owner_key])
        place = _Place("/".join(map(str, path)), tuple(leaf.shape), turn, rank)
        places[f"{owner_key}.{name}".lstrip(".")] = place
    return places


def _unflatten(maps: tuple[int, int, int], array: np.ndarray) -> np.ndarray:
    """(out, channels height width) -> (height width channels, out)."""
    if array.shape[1:] != (math.prod(maps),):
        return array.T
    return array.reshape(-1, *maps).transpose(2, 3, 1, 0).reshape(-1, array.shape[0])


def unwrapped(state_dict: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the floating point tensors of a state dict, without the prefixes of wrappers.

    Raises:
        CheckpointError: not a dictionary of named tensors.
    """
    if not isinstance(state_dict, Mapping) or not all(isinstance(key, str) for key in state_dict):
        raise CheckpointError(f"{origin}: must be a state dict, a dictionary of named tensors")
    tensors = {key: tensor for key, tensor in state_dict.items() if not _counts(tensor)}
    ema_tensors = {key: tensor for key, tensor in tensors.items() if key.startswith(_AVERAGED)}
    if ema_tensors:
        tensors = {key.removeprefix(_AVERAGED): tensor for key, tensor in ema_tensors.items()}
    while tensors and (prefix := _prefix(tensors)):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors


def _prefix(tensors: Mapping[str, Any]) -> str:
    return next((word for word in _WRAPPERS if all(key.startswith(word) for key in tensors)), "")


def _counts(tensor: Any) -> bool:
    """Whether it contains integers: a counter or an index table, never a parameter."""
    dtype = str(getattr(tensor, "dtype", ""))
    return "int" in dtype or "bool" in dtype
