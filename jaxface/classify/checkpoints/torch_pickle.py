"""The pickle inside a PyTorch checkpoint, read without PyTorch and without running what it says.

Tensors become `FileTensor`s. Everything else that a checkpoint may hold beside them (optimisers, recorders,
layers of a library that is not here) becomes an inert stand-in that remembers its state.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import ml_dtypes
import numpy as np

from jaxface.classify.checkpoints.tensor import FileTensor, Storage
from jaxface.core.unpickle import Allowed, Inert, UnsafePickle, check_program

OpenStorage = Callable[[str, np.dtype, int], Storage]
"""(key, element type, number of elements) -> the stretch of the file that it names."""

_ELEMENTS: Mapping[str, Any] = MappingProxyType(
    {
        "Float": np.float32,
        "Double": np.float64,
        "Half": np.float16,
        "BFloat16": ml_dtypes.bfloat16,
        "Long": np.int64,
        "Int": np.int32,
        "Short": np.int16,
        "Char": np.int8,
        "Byte": np.uint8,
        "Bool": np.bool_,
    }
)
_STORAGES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
}
# What real checkpoints name of the standard library; all of it becomes stand-ins.
_HARMLESS = frozenset(
    {"__main__", "_codecs", "argparse", "collections", "copyreg", "copy_reg", "datetime", "enum"}
)
_HARMLESS |= {"functools", "numbers", "pathlib", "types"}
_HARMLESS_BUILTINS = frozenset(
    {"bytearray", "bytes", "complex", "dict", "float", "frozenset", "getattr", "int"}
)
_HARMLESS_BUILTINS |= {"list", "object", "range", "set", "slice", "str", "tuple"}


def read_pickle(stream: IO[bytes], path: Path, open_storage: OpenStorage) -> Any:
    """The object of the pickle that begins where `stream` stands; afterwards it stands behind it.

    Raises:
        UnsafePickle: it names what no checkpoint needs.
        Exception: whatever a broken program raises; there is no closed list.
    """
    start = stream.tell()
    check_program(stream, exceptions={"BINPERSID"})
    end = stream.tell()
    stream.seek(start)
    content = _Reader(stream, path, open_storage).load()
    stream.seek(end)
    return content


class StandIn(Inert):
    """An object of a class that is not here; `state` is what the file says of it."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.state = state

    def __call__(self, *_: Any, **__: Any) -> Any:
        return StandIn()

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, *_: Any) -> None:
        """Nothing."""

    extend = add = append


class _Dict(dict):
    """An ordered dictionary; attributes that a file gives it (versions of the layers) are dropped."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__()
        for argument in arguments:
            if isinstance(argument, dict | list | tuple):
                self.update(argument)

    def __setstate__(self, _: Any) -> None:
        pass


class _Element(StandIn):
    """A storage's class or a tensor's type: what its elements are."""

    dtype: np.dtype | None = None


class _Reader(pickle.Unpickler):
    def __init__(self, stream: IO[bytes], path: Path, open_storage: OpenStorage) -> None:
        super().__init__(stream, encoding="latin1")
        self._path, self._open = path, open_storage

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage"):
            if name == "Size":
                return Allowed(_tuple)
            return _element(name)
        if module == "torch._utils" and name.startswith("_rebuild"):
            return Allowed(_REBUILD[name]) if name in _REBUILD else _kind(module, name)
        if module == "torch._tensor" and name == "_rebuild_from_type_v2":
            return Allowed(_rebuild_from_type)
        if module == "collections" and name in ("OrderedDict", "defaultdict"):
            return _Dict
        if module in ("copyreg", "copy_reg") and name == "_reconstructor":
            return Allowed(_instance)
        if not _is_harmless(module, name):
            raise UnsafePickle(
                f"it asks for {module}.{name}, which no checkpoint needs; do not trust this file"
            )
        return _kind(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
            return pid[1]  # the legacy format gives a layer's class with its source, which nobody runs
        if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
            raise UnsafePickle("it refers to objects outside itself")
        _, kind, key, _, count = pid[:5]
        if not (isinstance(key, str | int) and isinstance(count, int) and count >= 0):
            raise UnsafePickle("it refers to a storage without a name or a size")
        dtype = getattr(kind, "dtype", None)
        if not isinstance(dtype, np.dtype):
            return StandIn()  # complex or quantised numbers: no parameter that is wanted here
        view = pid[5] if len(pid) == 6 else None
        first = view[1] if isinstance(view, tuple) and len(view) == 3 and isinstance(view[1], int) else 0
        return _Stored(self._open(str(key), dtype, count), dtype, first)


class _Stored:
    """A storage with the type of its elements; `first`: where a view of the legacy format begins."""

    def __init__(self, storage: Storage, dtype: np.dtype, first: int) -> None:
        self.storage, self.dtype, self.first = storage, dtype, first

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a storage from outside")


def _kind(module: str, name: str) -> type[StandIn]:
    return type(name, (StandIn,), {"__module__": module})


def _element(name: str) -> type[_Element]:
    element = _ELEMENTS.get(name.removesuffix("Storage")) or _ELEMENTS.get(_STORAGES.get(name, ""))
    return type(name, (_Element,), {"dtype": None if element is None else np.dtype(element)})


def _is_harmless(module: str, name: str) -> bool:
    """Whether a stand-in may take its place; nothing is run in any case, but such a file is no checkpoint."""
    root = module.split(".")[0]
    if root in ("builtins", "__builtin__"):
        return name in _HARMLESS_BUILTINS
    return root in _HARMLESS or not (root in sys.stdlib_module_names or root in ("posix", "nt"))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Any:
    if not isinstance(storage, _Stored):
        return StandIn()
    return FileTensor(storage.storage, storage.dtype, shape, strides, _from(storage, offset))


def _typed_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    """A tensor over bytes, whose own type comes later (`_rebuild_tensor_v3`)."""
    dtype = getattr(rest[2], "dtype", None) if len(rest) > 2 else None
    if not (isinstance(storage, _Stored) and isinstance(dtype, np.dtype)):
        return StandIn()
    return FileTensor(storage.storage, dtype, shape, strides, _from(storage, offset))


def _from(storage: _Stored, offset: Any) -> Any:
    return offset + storage.first if isinstance(offset, int) else offset


def _first(*arguments: Any) -> Any:
    return arguments[0] if arguments else StandIn()


def _rebuild_from_type(*arguments: Any) -> Any:
    if len(arguments) > 2 and isinstance(arguments[0], Allowed) and isinstance(arguments[2], tuple):
        return arguments[0](*arguments[2])
    return StandIn()


def _instance(*arguments: Any) -> Any:
    kind = _first(*arguments)
    return kind() if isinstance(kind, type) and issubclass(kind, StandIn | _Dict) else StandIn()


def _tuple(*arguments: Any) -> tuple[Any, ...]:
    return tuple(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else ()


_REBUILD: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "_rebuild_tensor": _tensor,
        "_rebuild_tensor_v2": _tensor,
        "_rebuild_tensor_v3": _typed_tensor,
        "_rebuild_parameter": _first,
        "_rebuild_parameter_with_state": _first,
    }
)
