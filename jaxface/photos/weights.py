"""Load the nets that look at photographs: bundled, or from their authors' files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.weights import array_shapes, fill
from jaxface.core.errors import CheckpointError, ConfigError, suggestion
from jaxface.core.npy_files import read_arrays
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.photos import nets

RANGES = "ranges"
"""Of a bundled file: (arrays, 2) scale and minimum of each quantised array, in the order of their names."""


@dataclass(frozen=True)
class Entry:
    """One net.

    Attributes:
        net: `net(rngs=...)`.
        published_name: our name of an array -> its name in the manifest.
        manifest: file name of the manifest in the package's folder `model`.
        is_bundled: whether its weights come with jaxface.
    """

    net: Callable[..., nnx.Module]
    published_name: Callable[[str], str]
    manifest: str
    is_bundled: bool


ENTRIES = {
    "detector": Entry(
        nets.Detector, nets.published_detector_name, "tiny_face_detector_model-weights_manifest.json", True
    ),
    "landmarks": Entry(
        nets.Landmarks, nets.published_landmarks_name, "face_landmark_68_model-weights_manifest.json", True
    ),
    "landmarks-small": Entry(
        nets.SmallLandmarks,
        nets.published_landmarks_name,
        "face_landmark_68_tiny_model-weights_manifest.json",
        True,
    ),
    "age-sex": Entry(nets.AgeAndSex, nets.published_age_name, "age_gender_model-weights_manifest.json", False),
}


@pytree
class Net:
    """A net and its arrays. Call it under `jit`: (B, size, size, 3) in 0..255 -> its answers."""

    state: Any
    structure: Any = static()

    def __call__(self, images: Array) -> Array:
        return nnx.merge(self.structure, self.state)(images)


def load(name: str, file: str | Path | None = None) -> Net:
    """Load one of `ENTRIES`.

    Args:
        file: the manifest of its weights, or the folder with it (of the npm package: `model`); None = the
            bundled weights.

    Raises:
        ConfigError: no such net, or one that is not bundled and no file.
        CheckpointError: weights that are missing, damaged or of another net.
    """
    if name not in ENTRIES:
        raise ConfigError(f"no net {name!r} for photographs{suggestion(name, ENTRIES)}")
    entry = ENTRIES[name]
    if file is not None:
        path = Path(file)
        path = path / entry.manifest if path.is_dir() else path
        return _filled(entry, checkpoints.read(path), str(path))
    if not entry.is_bundled:
        raise ConfigError(
            f"the weights of {name!r} do not come with jaxface; give the folder that holds {entry.manifest}"
        )
    with as_file(files("jaxface.photos.assets") / f"{name}.npz") as path:
        return _filled(
            entry, dequantised(read_arrays(path, CheckpointError, what="file of weights")), str(path)
        )


def published_shapes(entry: Entry) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every array of a net, as its manifest has them."""
    out = {}
    for name, shape in array_shapes(_abstract(entry)[1]).items():
        kernel = name.rpartition("/")[2]
        tail = {"depthwise": (*shape, 1), "pointwise": (1, 1, *shape)}.get(kernel, shape)
        is_dense = "fc/" in entry.published_name(name)
        if kernel == "kernel" and len(shape) == 2 and not is_dense:
            tail = (1, 1, *shape)
        out[entry.published_name(name)] = tail
    return out


def dequantised(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a bundled file by their published names, float32."""
    names = sorted(arrays.keys() - {RANGES})
    return {
        name: (arrays[name] * scale + low).astype(np.float32)
        for name, (scale, low) in zip(names, arrays[RANGES].tolist(), strict=True)
    }


def _abstract(entry: Entry) -> tuple[Any, Any]:
    # Shapes alone need no random numbers, so one key serves all.
    key = SimpleNamespace(params=lambda: jax.random.key(0))
    return nnx.split(nnx.eval_shape(lambda: entry.net(rngs=key)))


def _filled(entry: Entry, tensors: Mapping[str, Any], origin: str) -> Net:
    structure, state = _abstract(entry)
    shapes = array_shapes(state)
    arrays = {}
    by_published_name = {entry.published_name(name): name for name in shapes}
    for key, tensor in tensors.items():
        name = by_published_name.get(key, key)
        shape = tuple(tensor.shape)
        fits = name in shapes and [n for n in shape if n > 1] == [n for n in shapes[name] if n > 1]
        arrays[name] = np.asarray(tensor).reshape(shapes[name]) if fits else tensor
    return Net(fill(state, arrays, origin), structure)
