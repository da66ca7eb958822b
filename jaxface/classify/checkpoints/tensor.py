"""Tensors that are read on demand: shape and type are known, the numbers are in their file."""

import contextlib
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import CheckpointError
from jaxface.core.unpickle import UnsafePickle, short_line

_PIECE = 1 << 22  # bytes read at a time for a checksum
_MOST_AXES = 64  # NumPy's


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a damaged file makes the block raise into one line of a CheckpointError.

    Args:
        kind: what the file should be, such as "complete safetensors file".
    """
    try:
        yield
    except CheckpointError:
        raise
    except UnsafePickle as error:
        raise CheckpointError(f"{path}: {short_line(error)}") from None
    except Exception as error:  # a broken file may raise anything; there is no closed list
        reason = short_line(error) or type(error).__name__
        raise CheckpointError(f"{path} is not a {kind} ({reason}); fetch it again") from None


class Storage:
    """A range of a file that one or several tensors share; `place` sets it."""

    def __init__(self, path: Path) -> None:
        self._path = self.path = path
        self._start = self._size = 0
        self._checksum: int | None = None

    def place(self, start: int, size: int, checksum: int | None = None) -> None:
        """Set the range to bytes `start` ... `start + size`, with their CRC-32 if it is known."""
        self._start, self._size, self._checksum = start, size, checksum

    def read(self, first: int, count: int) -> np.ndarray:
        """Read `count` bytes from the `first` one on.

        Raises:
            CheckpointError: they are outside of the range, or their checksum differs.
        """
        if first < 0 or first + count > self._size:
            raise CheckpointError(
                f"{self._path}: a tensor claims the bytes {first} to {first + count}, {self._size} are there"
            )
        try:
            if self._checksum is not None:
                self._verify(self._checksum)
            data = np.fromfile(self._path, np.uint8, count, offset=self._start + first)
        except OSError as error:
            raise CheckpointError(f"{self._path} cannot be read: {error}") from None
        if len(data) != count:
            raise CheckpointError(f"{self._path} ended early; fetch it again")
        return data

    def _verify(self, checksum: int) -> None:
        crc, left = 0, self._size
        with self._path.open("rb") as file:
            file.seek(self._start)
            while left and (piece := file.read(min(left, _PIECE))):
                crc, left = zlib.crc32(piece, crc), left - len(piece)
        if crc != checksum:
            raise CheckpointError(f"{self._path} is damaged (a checksum differs); fetch it again")
        self._checksum = None  # once is enough

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a storage")


class FileTensor:
    """A tensor of a checkpoint; `np.asarray` reads it, as float32 where NumPy lacks its type.

    Args:
        storage: of its numbers.
        dtype: of an element.
        shape, strides, offset: in elements, as the file gives them; checked when it is read.
    """

    def __init__(
        self, storage: Storage, dtype: np.dtype, shape: Any, strides: Any = None, offset: Any = 0
    ) -> None:
        if not _are_counts(shape):
            raise CheckpointError("a tensor without a shape")
        if strides is None:
            strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        if not (_are_counts(strides) and len(strides) == len(shape) and _are_counts((offset,))):
            raise CheckpointError(f"a tensor of shape {shape} with the strides {strides} from {offset} on")
        self.shape: tuple[int, ...] = tuple(shape)
        self.dtype = dtype
        self._storage, self._strides, self._offset = storage, tuple(strides), offset

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if math.prod(self.shape) == 0 and math.prod(n for n in self.shape if n) >= 2**48:
            raise CheckpointError(f"{self._storage.path}: a tensor claims the shape {self.shape}")
        if math.prod(self.shape) == 0:
            return np.zeros(self.shape, dtype or self.dtype)
        steps = zip(self.shape, self._strides, strict=True)
        reach = 1 + sum((length - 1) * stride for length, stride in steps)
        size = self.dtype.itemsize
        data = self._storage.read(self._offset * size, reach * size)
        data = data.view(f"u{size}")  # NumPy cannot stride over types that it lacks
        array = np.lib.stride_tricks.as_strided(
            data, self.shape, tuple(stride * size for stride in self._strides), writeable=False
        ).view(self.dtype)
        if is_small_float(self.dtype):
            array = array.astype(np.float32)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a tensor")


class UnsupportedTensor:
    """A tensor of a kind that is not read (sparse, quantised, of a rare type); `what` says which."""

    shape: tuple[int, ...] = ()
    dtype = "unsupported"

    def __init__(self, what: str) -> None:
        self.what = what

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise CheckpointError(f"a tensor is {self.what}")

    def __setstate__(self, _: Any) -> None:
        pass


def _are_counts(numbers: Any) -> bool:
    return (
        isinstance(numbers, tuple | list)
        and len(numbers) <= _MOST_AXES
        and all(type(number) is int and 0 <= number < 2**48 for number in numbers)
    )


def is_small_float(dtype: Any) -> bool:
    """Return whether a type is a floating point one that NumPy lacks: bfloat16, float8."""
    return isinstance(dtype, np.dtype) and dtype.name.startswith(("bfloat", "float8"))
