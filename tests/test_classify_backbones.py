"""Backbones of the learning frameworks against what the original networks compute on generated weights."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from flax import nnx

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.weights import fill
from tests import classifier_fixtures as fixtures

CLASSES = 12
ROWS = (
    fixtures.Row(
        "resnet18",
        "resnet18",
        taps={"stem": "maxpool"} | {f"stage{stage}": f"layer{stage}" for stage in range(1, 5)},
        tolerance=1e-5,
    ),
    fixtures.Row(
        "swin-b",
        "swin_base_patch4_window7_224",
        taps={"stem": "patch_embed", "stage0": "layers.0.blocks.1", "stage1": "layers.1.blocks.1"}
        | {"stage2": "layers.2", "stage3": "layers.3", "map": "norm"}
        | {f"merge{stage}": f"layers.{stage}.downsample" for stage in range(1, 4)},
        tolerance=5e-6,  # epsilon: 1e-5 at the end, 6e-5 at the stem; tanh GELU: 8e-5
    ),
)


class Answer(NamedTuple):
    """What a backbone makes of a fixture's images."""

    row: fixtures.Row
    arrays: dict[str, np.ndarray]
    logits: np.ndarray
    maps: dict[str, Any]


@pytest.fixture(scope="module", params=ROWS, ids=str)
def answer(request: pytest.FixtureRequest) -> Answer:
    row = request.param
    state_dict, arrays = fixtures.load(row.file, "backbones")
    entry = ARCHITECTURES[row.architecture]
    assert entry.torch is not None
    module = nnx.eval_shape(lambda: entry.net(CLASSES, rngs=nnx.Rngs(0)))
    structure, abstract = nnx.split(module)
    state = fill(abstract, Translated(module, entry.torch, state_dict, row.file), row.file)
    logits, maps = jax.jit(lambda state, images: nnx.merge(structure, state)(images))(
        state, arrays["input_norm_nhwc"]
    )
    return Answer(row, arrays, np.asarray(logits), maps)


def test_logits_and_features_are_the_originals(answer: Answer) -> None:
    # the fixtures' own rule would let another epsilon of the LayerNorms pass: it moves Swin's logits by 2e-5
    np.testing.assert_allclose(answer.logits, answer.arrays["logits_f64"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(answer.maps["embedding"], answer.arrays["features_f64"], atol=1e-5, rtol=0)


def test_maps_are_the_originals(answer: Answer) -> None:
    errors = {}
    for ours, theirs in answer.row.taps.items():
        got, maps = fixtures.tap(answer.arrays, theirs, answer.maps[ours])
        errors[ours] = float(np.abs(got - maps).max() / np.abs(maps).max())
    assert {name: error for name, error in errors.items() if error > answer.row.tolerance} == {}
