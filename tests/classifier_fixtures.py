"""What the original networks compute on generated weights (`../shared/fixtures`), one row each.

A new net needs a row here; `test_classify_fixtures.py` holds every row to the same tests.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from tests.shared import shared_file

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")


@dataclass(frozen=True)
class Row:
    """A fixture and the net that is to answer as it does.

    Attributes:
        architecture: a key of `ARCHITECTURES`.
        file: name of the fixture.
        labels: in the order of the outputs.
        taps: our map -> the module whose output the fixture holds.
        tolerance: of the maps, in units of the largest value of each: above what float32 costs, below what a
            mistake makes that the logits do not show (another epsilon of a LayerNorm, the other GELU).
    """

    architecture: str
    file: str
    labels: tuple[str, ...] = AFFECTNET
    taps: dict[str, str] = field(default_factory=dict)
    tolerance: float = 1e-4  # five times what the softmax of a deep masking block lost in single precision

    def __str__(self) -> str:
        return self.file


ROWS = (
    Row(
        "dan",
        "dan_7",
        taps={f"stage{stage + 1}": f"features.{stage + 4}" for stage in range(3)}
        | {"stage4": "features", "spatial0": "cat_head0.sa", "head0": "cat_head0", "head3": "cat_head3"},
    ),
    Row(
        "ddamfn",
        "ddamfn_7",
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
        ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        {"stem": "downsample_layers.0", "affine": "fc_loc", "embedding": "norm"}
        | {f"down{stage}": f"downsample_layers.{stage}" for stage in range(1, 4)}
        | {f"stage{stage}": f"stages.{stage}" for stage in range(4)},
        tolerance=3e-5,  # epsilon: 6e-4 at the stem; tanh GELU: 1e-4
    ),
    Row(
        "hsemotion-b0",
        "hsemotion_b0_8",
        ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
        {f"stage{stage}": f"blocks.{stage}" for stage in range(7)}
        | {"stem": "bn1", "last": "bn2", "embedding": "global_pool"},
    ),
    Row(
        "poster-v2",
        "posterv2_7",
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
        taps={"stem": "maxpool", "embedding": "avgpool"}
        | {f"stage{stage}": f"layer{stage}" for stage in range(1, 5)}
        | {f"mask{stage}": f"mask{stage}" for stage in range(1, 5)},
    ),
    Row(
        "segvgg19",
        "segvgg19",
        taps={f"stage{stage}": f"maxp{stage}" for stage in range(1, 6)}
        | {f"mask{stage}": f"seg{stage}" for stage in range(1, 5)},
    ),
)


def load(file: str, folder: str = "classifiers") -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The state dict of a fixture's network, generated, and its arrays (logits, taps, images)."""
    generate = _generator()
    manifest, overrides, arrays = generate.load_fixture(shared_file(f"fixtures/{folder}/{file}.npz"))
    return generate.state_dict(file, manifest, overrides), arrays


def tap(arrays: dict[str, np.ndarray], module: str, maps: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ours, and what the fixture holds: the same sample of places, in the original's order of axes."""
    ours, shape = np.asarray(maps), tuple(arrays[f"tap/{module}/shape"])
    if ours.ndim == len(shape) and ours.shape != shape:
        ours = np.moveaxis(ours, -1, 1)
    assert ours.size == np.prod(shape)
    return ours.reshape(-1)[arrays[f"tap/{module}/idx"]], arrays[f"tap/{module}/val"]


@functools.cache
def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", shared_file("fixtures/classifiers/generate.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
