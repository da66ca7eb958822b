"""Checkpoints as PyTorch writes them, made without PyTorch: the same pickles, the same two containers."""

import contextlib
import dataclasses
import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "complex64": "ComplexFloatStorage",
}


@dataclasses.dataclass(eq=False)
class Stored:
    """A storage: numbers in one row."""

    numbers: np.ndarray


@dataclasses.dataclass(eq=False)
class Tensor:
    """A view of a storage, as `torch.save` pickles it; strides and offset count elements."""

    storage: Stored
    shape: Any
    strides: Any
    offset: Any = 0

    def __reduce__(self) -> Any:
        arguments = (self.storage, self.offset, self.shape, self.strides, False, OrderedDict())
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


@dataclasses.dataclass(eq=False)
class Parameter:
    tensor: Tensor

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_parameter, (self.tensor, True, OrderedDict())


def tensor(array: Any) -> Tensor:
    """A contiguous tensor with a storage of its own."""
    array = np.ascontiguousarray(array)
    strides = tuple(step // array.itemsize for step in array.strides)
    return Tensor(Stored(array.reshape(-1)), array.shape, strides)


def tensors(arrays: dict[str, np.ndarray]) -> OrderedDict[str, Tensor]:
    return OrderedDict((key, tensor(array)) for key, array in arrays.items())


def module(name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A whole module (`timm.models.efficientnet.EfficientNet`) whose layers hold the arrays."""
    place, _, kind = name.rpartition(".")
    cls = type(kind, (), {"__module__": place})
    one = cls()
    one.__dict__ |= {"training": False, "_parameters": OrderedDict(), "_buffers": OrderedDict()}
    one.__dict__["_modules"] = OrderedDict()
    inner: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        first, _, rest = key.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = array
        elif "running" in key or array.dtype.kind == "i":
            one.__dict__["_buffers"][key] = tensor(array)
        else:
            one.__dict__["_parameters"][key] = Parameter(tensor(array))
    for key, rest_of in inner.items():
        one.__dict__["_modules"][key] = module(f"{place}.Layer{len(key)}", rest_of)
    one.__dict__["_parameters"]["bias_that_is_none"] = None
    one.__dict__["act_layer"] = np.float64  # classes and functions of libraries lie in there, too
    return one


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, legacy: bool) -> None:
        super().__init__(file, 2)
        self.keys: dict[int, str] = {}
        self.storages: list[Stored] = []
        self.legacy = legacy

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, Stored):
            return None
        if id(thing) not in self.keys:
            self.keys[id(thing)] = str(len(self.storages))
            self.storages.append(thing)
        kind = getattr(sys.modules["torch"], KINDS[thing.numbers.dtype.name])
        return ("storage", kind, self.keys[id(thing)], "cpu", thing.numbers.size) + (None,) * self.legacy


@contextlib.contextmanager
def _pretended(thing: Any) -> Iterator[None]:
    """The modules whose names the pickle must hold, empty but for these names."""
    before = dict(sys.modules)
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in KINDS.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    sys.modules |= {"torch": torch, "torch._utils": utils}
    waiting, ids = [thing], set()
    while waiting:
        one = waiting.pop()
        if id(one) in ids:
            continue
        ids.add(id(one))
        if isinstance(one, dict):
            waiting += one.values()
        elif "_modules" in getattr(one, "__dict__", {}):
            cls = type(one)
            names = cls.__module__.split(".")
            for count in range(len(names)):
                name = ".".join(names[: count + 1])
                module = sys.modules.setdefault(name, types.ModuleType(name))
            one.__class__ = module.__dict__.setdefault(cls.__name__, cls)
            waiting += one.__dict__["_modules"].values()
    try:
        yield
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]
        sys.modules |= before


def save_zip(path: Path, thing: Any, root: str = "archive") -> Path:
    """As `torch.save` has written since 1.6."""
    buffer = io.BytesIO()
    with _pretended(thing):
        pickler = _Pickler(buffer, legacy=False)
        pickler.dump(thing)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{root}/data.pkl", buffer.getvalue())
        archive.writestr(f"{root}/byteorder", "little")
        for key, storage in enumerate(pickler.storages):
            archive.writestr(f"{root}/data/{key}", storage.numbers.tobytes())
        archive.writestr(f"{root}/version", "3\n")
    return path


def save_legacy(path: Path, thing: Any) -> Path:
    """As `torch.save` wrote before 1.6."""
    with path.open("wb") as file:
        for part in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}):
            pickle.dump(part, file, 2)
        with _pretended(thing):
            pickler = _Pickler(file, legacy=True)
            pickler.dump(thing)
        pickle.dump([str(key) for key in range(len(pickler.storages))], file, 2)
        for storage in pickler.storages:
            file.write(storage.numbers.size.to_bytes(8, "little") + storage.numbers.tobytes())
    return path


def arrays() -> dict[str, np.ndarray]:
    """A small state dict: two layers, statistics, a counter."""
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (4, 3, 3, 3), "bn.weight": (4,), "bn.running_mean": (4,), "scale": (2,)}
    out = {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    return out | {"bn.num_batches_tracked": np.array([3])}


HALF = np.dtype(ml_dtypes.bfloat16)
