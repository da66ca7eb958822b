"""What the original networks compute on generated weights (`../shared/fixtures`), one row each.

A new net needs a row here; `test_classify_contract.py` holds every row to the same tests.
"""

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from tests.shared import shared_file
from tests.torch_files import module, tensors

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """A fixture and the net that is to answer as it does.

    Attributes:
        architecture: a key of `ARCHITECTURES`.
        file: name of the fixture.
        name: the classifier whose card tells how such a network was published.
        labels: in the order of the outputs.
        container: a state dict -> what its authors' training script saves.
        taps: our map -> the module whose output the fixture holds.
        tolerance: of the maps, in units of the largest value of each: above what float32 costs, below what a
            mistake makes that the logits do not show (another epsilon of a LayerNorm, the other GELU).
    """

    architecture: str
    file: str
    name: str = ""
    labels: tuple[str, ...] = AFFECTNET
    container: Callable[[Arrays], Any] = tensors
    taps: dict[str, str] = field(default_factory=dict)
    tolerance: float = 1e-4  # five times what the softmax of a deep masking block lost in single precision

    def __str__(self) -> str:
        return self.file


ROWS = (
    Row(
        "dan",
        "dan_7",
        "dan-affectnet7",
        container=lambda arrays: {"iter": 3, "model_state_dict": tensors(arrays)},
        taps={f"stage{stage + 1}": f"features.{stage + 4}" for stage in range(3)}
        | {"stage4": "features", "spatial0": "cat_head0.sa", "head0": "cat_head0", "head3": "cat_head3"},
    ),
    Row(
        "ddamfn",
        "ddamfn_7",
        "ddamfn-affectnet7",
        taps={"stem": "features.1", "stage1": "features.3", "stage2": "features.5", "stage3": "features.7"}
        | {
            "features": "features.8",
            "attention0": "cat_head0",
            "attention1": "cat_head1",
            "embedding": "Linear",
        },
    ),
    Row(
        "emonext-tiny",
        "emonext_tiny",
        "emonext-tiny-fer2013",
        ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        container=lambda arrays: {"ema": tensors({f"ema_model.{key}": array for key, array in arrays.items()})},
        taps={"stem": "downsample_layers.0", "affine": "fc_loc", "embedding": "norm"}
        | {f"down{stage}": f"downsample_layers.{stage}" for stage in range(1, 4)}
        | {f"stage{stage}": f"stages.{stage}" for stage in range(4)},
        tolerance=3e-5,  # epsilon: 6e-4 at the stem; tanh GELU: 1e-4
    ),
    Row(
        "hsemotion-b0",
        "hsemotion_b0_8",
        "hsemotion-b0-affectnet8",
        ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
        lambda arrays: module("timm.models.efficientnet.EfficientNet", arrays),
        {f"stage{stage}": f"blocks.{stage}" for stage in range(7)}
        | {"stem": "bn1", "last": "bn2", "embedding": "global_pool"},
    ),
    Row(
        "poster-v2",
        "posterv2_7",
        "poster-v2-rafdb",
        RAFDB,
        lambda arrays: {"state_dict": tensors({f"module.{key}": array for key, array in arrays.items()})},
        taps={"stem": "ir_back.input_layer", "embedding": "VIT.se_block"}
        | {f"stage{stage}": f"ir_back.body{stage}" for stage in (1, 2, 3)}
        | {"landmark28": "face_landback.conv_3", "landmark14": "face_landback.conv_4"}
        | {"landmark7": "last_face_conv"}
        | {"attended28": "ffn1", "attended14": "ffn2", "attended7": "ffn3"},
        tolerance=5e-6,  # epsilon: 8e-6 at ffn1, 2e-5 at the end; tanh GELU: 9e-5
    ),
    Row(
        "resmasking",
        "resmasking",
        "resmasking-fer2013",
        FER2013,
        lambda arrays: {"net": tensors(arrays), "best_acc": 70.0},
        taps={"stem": "maxpool", "embedding": "avgpool"}
        | {f"stage{stage}": f"layer{stage}" for stage in range(1, 5)}
        | {f"mask{stage}": f"mask{stage}" for stage in range(1, 5)},
    ),
    Row(
        "segvgg19",
        "segvgg19",
        "segvgg19-fer2013",
        FER2013,
        lambda arrays: {"net": tensors(arrays), "best_acc": 70.0},
        taps={f"stage{stage}": f"maxp{stage}" for stage in range(1, 6)}
        | {f"mask{stage}": f"seg{stage}" for stage in range(1, 5)},
    ),
)


def load(file: str, folder: str = "classifiers") -> tuple[Arrays, Arrays]:
    """The state dict of a fixture's network, generated, and its arrays (logits, taps, images)."""
    manifest, overrides, arrays = _parts(file, folder)
    return _generator().state_dict(file, manifest, overrides), arrays


def arrays_of(file: str) -> Arrays:
    """A fixture's arrays alone: weights take longer than all of these."""
    return _parts(file)[2]


def tensors_of(file: str) -> Arrays:
    """The state dict of a fixture's network, but for the numbers: they are zeros that take no memory."""
    whole = {"bn_count", "relpos_index"}
    return {
        key: np.broadcast_to(np.zeros((), np.int64 if kind in whole else np.float32), shape)
        for key, shape, kind, *_ in _parts(file)[0]
    }


def tap(arrays: Arrays, place: str, maps: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ours, and what the fixture holds: the same sample of places, in the original's order of axes."""
    ours, shape = np.asarray(maps), tuple(arrays[f"tap/{place}/shape"])
    if ours.ndim == len(shape) and ours.shape != shape:
        ours = np.moveaxis(ours, -1, 1)
    assert ours.size == np.prod(shape)
    return ours.reshape(-1)[arrays[f"tap/{place}/idx"]], arrays[f"tap/{place}/val"]


def _parts(file: str, folder: str = "classifiers") -> tuple[list[list[Any]], Arrays, Arrays]:
    parts: tuple[list[list[Any]], Arrays, Arrays] = _generator().load_fixture(
        shared_file(f"fixtures/{folder}/{file}.npz")
    )
    return parts


@functools.cache
def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", shared_file("fixtures/classifiers/generate.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
