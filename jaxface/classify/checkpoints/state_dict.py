"""Map a PyTorch state dict to a net: the layer that owns an array determines the order of its axes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from jaxface.classify.checkpoints.keys import (
    common_prefixes,
    float_tensors,
    has_integers,
    is_constant,
    usual_prefix,
    without_modules,
)
from jaxface.classify.checkpoints.original_names import original_name
from jaxface.classify.checkpoints.tensor import UnsupportedTensor, is_small_float
from jaxface.classify.nets import layers
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.classify.weights import SHOWN, check_names
from jaxface.core.errors import CheckpointError

Turn = Callable[[np.ndarray], np.ndarray]

_AVERAGED = re.compile(r"(^|[._])ema([._]|$)")  # the averaged copy is preferred to the one that was trained
_RECORDS = re.compile(r"(criterion|loss|metric|best|acc|accuracy|epoch|optimizer|scheduler)", re.IGNORECASE)
"""What training scripts keep beside a net; its first name alone is looked at."""


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
        self._origin, self._layout = origin, layout
        self._expected = _places(module, layout)
        every = float_tensors(state_dict, origin)
        self._prefix = ""
        self._tensors, self.ignored_keys = self._network(every)
        self._keys: dict[str, str] = {}
        surplus = []
        for key in self._tensors:
            torch_key = layout.map_key(key)
            if torch_key is None:
                continue
            if torch_key not in self._expected or torch_key in self._keys:
                surplus.append(self._prefix + key)
            self._keys.setdefault(torch_key, key)
        missing = sorted(self._expected.keys() - self._keys.keys())
        self._require_floats(state_dict, missing)
        counts = len(self._expected), len(self._tensors)
        if missing or surplus:
            check_names(
                origin, [self._name_in_file(key) for key in missing[:SHOWN]], surplus, *counts, len(missing)
            )
        self._places = {place.name: torch_key for torch_key, place in self._expected.items()}

    def _name_in_file(self, torch_key: str) -> str:
        """A missing array's name as the file would have it."""
        layout = self._layout
        return self._prefix + original_name(torch_key, layout.rename, layout.map_key, self._tensors)

    def _network(self, tensors: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The tensors of the net, without the prefix under which it is whole, and what lies beside it."""
        tensors = {key: tensor for key, tensor in tensors.items() if self._expects(key) or not is_constant(key)}
        prefixes = self._whole_prefixes(tensors)
        if not prefixes:
            inner = without_modules(tensors)
            if prefixes := self._whole_prefixes(inner):
                tensors = inner
        averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
        prefixes = averaged or prefixes
        if len(prefixes) > 1:
            raise CheckpointError(
                f"{self._origin} holds the net more than once, under {', '.join(map(repr, prefixes[:4]))}; "
                "save one of them"
            )
        prefix = self._prefix = prefixes[0] if prefixes else usual_prefix(tensors)
        inside = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        ignored = [key for key in tensors if not key.startswith(prefix)]
        records = [key for key in inside if _RECORDS.search(key.split(".")[0]) and not self._expects(key)]
        ignored += [prefix + key for key in records]
        return {key: tensor for key, tensor in inside.items() if key not in records}, ignored

    def _whole_prefixes(self, tensors: Mapping[str, Any]) -> list[str]:
        candidates = ("", *common_prefixes(tensors, len(self._expected)))
        return [prefix for prefix in candidates if self._is_whole(tensors, prefix)]

    def _expects(self, key: str) -> bool:
        return self._layout.map_key(key) in self._expected

    def _is_whole(self, tensors: Mapping[str, Any], prefix: str) -> bool:
        keys = {self._layout.map_key(key[len(prefix) :]) for key in tensors if key.startswith(prefix)}
        return keys >= self._expected.keys()

    def _require_floats(self, state_dict: Mapping[str, Any], missing: list[str]) -> None:
        """Check that nothing of what is missing is there as whole numbers, which are never parameters."""
        for key, tensor in state_dict.items() if missing else ():
            parts = key.split(".")
            inner = (self._layout.map_key(".".join(parts[n:])) for n in range(len(parts)))
            if has_integers(tensor) and any(name in missing for name in inner):
                raise self._no_float(key, tensor.dtype)

    def _no_float(self, key: str, dtype: Any) -> CheckpointError:
        return CheckpointError(f"{self._origin}: {key!r} has type {dtype}, must be floating point")

    def __getitem__(self, name: str) -> np.ndarray:
        torch_key = self._places[name]
        key, place = self._keys[torch_key], self._expected[torch_key]
        if isinstance(self._tensors[key], UnsupportedTensor):
            raise CheckpointError(f"{self._origin}: {key!r} is {self._tensors[key].what}")
        shape = tuple(getattr(self._tensors[key], "shape", place.shape))
        if math.prod(shape) != math.prod(place.shape):  # before anything of that size is read
            raise self._misfit(key, shape, place)
        try:
            array = np.asarray(self._tensors[key])
        except (TypeError, RuntimeError, ValueError) as error:  # foreign tensors that NumPy cannot read
            raise CheckpointError(f"{self._origin}: {key!r} is not an array of numbers ({error})") from None
        if is_small_float(array.dtype):
            array = array.astype(np.float32)
        if array.dtype.kind != "f":
            raise self._no_float(key, array.dtype)
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
