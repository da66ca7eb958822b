"""Read the pickle inside a PyTorch checkpoint without PyTorch and without running its program.

Tensors become `FileTensor`s. Everything else in a checkpoint (optimizers, recorders, layers of other libraries)
becomes an inert stand-in that keeps its state.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import IO, Any

import ml_dtypes
import numpy as np

from jaxface.classify.checkpoints.tensor import FileTensor, Storage, UnsupportedTensor
from jaxface.core import pickle_names, unpickle
from jaxface.core.unpickle import Allowed, StatefulInert, UnsafePickle, as_tuple

OpenStorage = Callable[[str, np.dtype, int], Storage]
"""(key, element type, number of elements) -> the range of the file."""

_STORAGES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
    "int32": "Int",
    "int16": "Short",
    "int8": "Char",
    "uint8": "Byte",
    "bool": "Bool",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e5m2": "Float8_e5m2",
    "float8_e4m3fnuz": "Float8_e4m3fnuz",
    "float8_e5m2fnuz": "Float8_e5m2fnuz",
}
"""Of a tensor's type, the class of its storage."""

_ELEMENTS = {
    alias: np.dtype(getattr(ml_dtypes, name, name))  # NumPy lacks bfloat16
    for name, storage in _STORAGES.items()
    for alias in (name, f"{storage}Storage")
}


def read_pickle(stream: IO[bytes], open_storage: OpenStorage) -> Any:
    """Read the pickle that begins at the stream's position; the stream is behind it afterwards.

    Raises:
        UnsafePickle: it requests what no checkpoint needs.
        Exception: a broken program may raise anything; there is no closed list.
    """
    return unpickle.load(stream, _resolve, partial(_load_storage, open_storage))


class StandIn(StatefulInert):
    """An object of a class that is not here, which may be called and filled like a container."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return StandIn()

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, *_: Any) -> None:
        """Do nothing."""

    extend = add = append


class _Dict(dict):
    """An ordered dictionary; its attributes in a file (versions of the layers) are dropped."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__()
        for argument in arguments:
            if isinstance(argument, dict | list | tuple):
                self.update(argument)

    def __setstate__(self, _: Any) -> None:
        pass


class _Element(StandIn):
    """A storage's class or a tensor's type, with the type of its elements."""

    dtype: np.dtype | None = None


def _resolve(module: str, name: str) -> Any:
    if module in ("torch", "torch.storage"):
        if name == "Size":
            return Allowed(as_tuple)
        return type(name, (_Element,), {"dtype": _ELEMENTS.get(name)})
    if module == "torch._utils" and name.startswith("_rebuild"):
        return Allowed(_REBUILD.get(name, partial(_unsupported, name)))
    if module == "torch._tensor" and name == "_rebuild_from_type_v2":
        return Allowed(_rebuild_from_type)
    if module == "collections" and name in ("OrderedDict", "defaultdict"):
        return _Dict
    if module in ("copyreg", "copy_reg") and name == "_reconstructor":
        return Allowed(_instance)
    if pickle_names.could_run(module, name):
        raise UnsafePickle(f"it asks for {module}.{name}, which no checkpoint needs; do not trust this file")
    return _kind(module, name)


def _load_storage(open_storage: OpenStorage, pid: Any) -> Any:
    """The storage of a persistent id ("storage", class, key, device, count), checked."""
    if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
        return pid[1]  # the legacy format has a layer's class with its source, which is never run
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
        raise UnsafePickle("it refers to objects outside itself")
    _, kind, key, _, count = pid[:5]
    if not (isinstance(key, str | int) and isinstance(count, int) and count >= 0):
        raise UnsafePickle("it refers to a storage without a name or a size")
    dtype = getattr(kind, "dtype", None)
    if getattr(kind, "__name__", "") == "UntypedStorage":
        dtype = np.dtype(np.uint8)  # `_rebuild_tensor_v3` brings the type
    if not isinstance(dtype, np.dtype):
        return StandIn()  # complex or quantised numbers: not a parameter of our nets
    view = pid[5] if len(pid) == 6 else None
    first = view[1] if isinstance(view, tuple) and len(view) == 3 and isinstance(view[1], int) else 0
    return _TypedStorage(open_storage(str(key), dtype, count), dtype, first)


class _TypedStorage:
    """A storage with the type of its elements; `first`: start of a view in the legacy format."""

    def __init__(self, storage: Storage, dtype: np.dtype, first: int) -> None:
        self.storage, self.dtype, self.first = storage, dtype, first

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a storage")


def _kind(module: str, name: str) -> type[StandIn]:
    return type(name, (StandIn,), {"__module__": module})


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Any:
    if not isinstance(storage, _TypedStorage):
        return UnsupportedTensor("of a type that is not read (complex or quantised numbers)")
    start = offset + storage.first if isinstance(offset, int) else offset
    return FileTensor(storage.storage, storage.dtype, shape, strides, start)


def _tensor_of_type(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    """A tensor whose storage has bytes; its type is the third of the rest."""
    dtype = getattr(rest[2], "dtype", None) if len(rest) > 2 else None
    if not isinstance(storage, _TypedStorage) or not isinstance(dtype, np.dtype):
        name = getattr(rest[2], "__name__", "unknown") if len(rest) > 2 else "unknown"
        return UnsupportedTensor(f"of the type {name[:30]}, which is not read")
    return FileTensor(storage.storage, dtype, shape, strides, offset)


def _unsupported(name: str, *_: Any) -> UnsupportedTensor:
    kinds = {"sparse": "a sparse tensor", "qtensor": "a quantised tensor", "meta": "a tensor without numbers"}
    kind = next((kind for word, kind in kinds.items() if word in name), f"a tensor of {name[:60]}")
    return UnsupportedTensor(f"{kind}, which is not read; save it as a plain one")


def _first(*arguments: Any) -> Any:
    return arguments[0] if arguments else StandIn()


def _rebuild_from_type(*arguments: Any) -> Any:
    if len(arguments) > 2 and isinstance(arguments[0], Allowed) and isinstance(arguments[2], tuple):
        return arguments[0](*arguments[2])
    return StandIn()


def _instance(*arguments: Any) -> Any:
    kind = _first(*arguments)
    return kind() if isinstance(kind, type) and issubclass(kind, StandIn | _Dict) else StandIn()


_REBUILD: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "_rebuild_tensor": _tensor,
        "_rebuild_tensor_v2": _tensor,
        "_rebuild_tensor_v3": _tensor_of_type,
        "_rebuild_parameter": _first,
        "_rebuild_parameter_with_state": _first,
    }
)
