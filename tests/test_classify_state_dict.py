"""PyTorch's keys and axes onto a net's: a toy net of every shared layer against arithmetic by hand."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from flax import nnx

from jaxface import classify
from jaxface.classify import architectures
from jaxface.classify.card import Preprocessing
from jaxface.classify.loading import abstract_module
from jaxface.classify.nets.layers import (
    BatchNorm,
    Convolution,
    Dense,
    Depthwise,
    LayerNorm,
    Pointwise,
    PReLU,
    TransposedConvolution,
)
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.errors import CheckpointError, ConfigError

LABELS = ("happy", "sad", "neutral")
SIZE = 6


class Toy(nnx.Module):
    """One of each layer, on 6 x 6 RGB."""

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.stem = Convolution(3, 4, (1, 3), rngs=rngs)
        self.norm = BatchNorm(4)
        self.act = PReLU(4)
        self.blocks = nnx.List([Depthwise(4, 3, bias=False, rngs=rngs), Pointwise(4, 5, rngs=rngs)])
        self.up = TransposedConvolution(5, 2, rngs=rngs)
        self.layer_norm = LayerNorm(2)
        self.scale = nnx.Param(jnp.ones((1, 2)))
        self.head = Dense(2 * 6 * 6, classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        maps = self.act(self.norm(self.stem(images, 1, ((0, 0), (1, 1)))))
        maps = self.up(self.blocks[1](self.blocks[0](maps, 2, 1)))
        maps = self.layer_norm(maps) * self.scale[...].reshape(1, 1, 1, 2)
        return self.head(maps.reshape(len(maps), -1)), {"maps": maps}


TORCH = TorchLayout(
    rename=((r"^features\.", ""), (r"^dw\.", "blocks.0."), (r"^pw\.", "blocks.1."), (r"^gamma$", "scale")),
    ignored_keys=(r"unused\.",),
    flatten_shapes={"head": (2, 6, 6)},
)
SHAPES = {
    "features.stem.weight": (4, 3, 1, 3),
    "features.stem.bias": (4,),
    "features.norm.weight": (4,),
    "features.norm.bias": (4,),
    "features.norm.running_mean": (4,),
    "features.norm.running_var": (4,),
    "features.act.weight": (4,),
    "dw.weight": (4, 1, 3, 3),
    "pw.weight": (5, 4, 1, 1),
    "pw.bias": (5,),
    "up.weight": (5, 2, 2, 2),
    "up.bias": (2,),
    "layer_norm.weight": (2,),
    "layer_norm.bias": (2,),
    "gamma": (1, 2),
    "head.weight": (3, 72),
    "head.bias": (3,),
    "unused.weight": (9,),
}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = architectures.Architecture(f"{__name__}:Toy", Preprocessing(size=SIZE))
    monkeypatch.setitem(architectures.ARCHITECTURES, "toy", entry)


def state_dict() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    out = {
        key: rng.uniform(0.5 if "var" in key else -1.0, 1.0, shape).astype(np.float32)
        for key, shape in SHAPES.items()
    }
    return {**out, "features.norm.num_batches_tracked": np.array(7), "index": np.arange(4)}


def torch_logits(images: np.ndarray, w: dict[str, Any]) -> np.ndarray:
    """The toy net as PyTorch would run it, (B, 3, 6, 6) channel first, by loops in float64."""
    x = np.pad(images, ((0, 0), (0, 0), (0, 0), (1, 1)))
    x = sum(
        np.einsum("oc,bchw->bohw", w["features.stem.weight"][:, :, 0, j], x[..., j : j + 6]) for j in range(3)
    )
    x = x + w["features.stem.bias"].reshape(1, 4, 1, 1)
    norm = {key: w[f"features.norm.{key}"].reshape(1, 4, 1, 1) for key in ("weight", "bias")}
    mean, var = (w[f"features.norm.running_{key}"].reshape(1, 4, 1, 1) for key in ("mean", "var"))
    x = (x - mean) / np.sqrt(var + 1e-5) * norm["weight"] + norm["bias"]
    x = np.where(x > 0, x, x * w["features.act.weight"].reshape(1, 4, 1, 1))
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = w["dw.weight"]
    x = sum(
        taps[:, 0, i, j].reshape(1, 4, 1, 1) * x[:, :, i : i + 5 : 2, j : j + 5 : 2]
        for i in range(3)
        for j in range(3)
    )
    x = np.einsum("oc,bchw->bohw", w["pw.weight"][:, :, 0, 0], x) + w["pw.bias"].reshape(1, 5, 1, 1)
    up = np.zeros((len(x), 2, 6, 6))
    for i in range(2):
        for j in range(2):
            up[:, :, i::2, j::2] = np.einsum("co,bchw->bohw", w["up.weight"][:, :, i, j], x)
    x = up + w["up.bias"].reshape(1, 2, 1, 1)
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    x = x * w["layer_norm.weight"].reshape(1, 2, 1, 1) + w["layer_norm.bias"].reshape(1, 2, 1, 1)
    x = (x * w["gamma"].reshape(1, 2, 1, 1)).reshape(len(x), -1)
    return x @ w["head.weight"].T + w["head.bias"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d,
        lambda d: {f"module.{key}": value for key, value in d.items()},
        lambda d: {f"model.module.{key}": value for key, value in d.items()},
        lambda d: {f"ema_model.{key}": value for key, value in d.items()} | {"online_model.x": np.ones(1)},
        lambda d: {key: value.astype(np.float64) if value.dtype == "f4" else value for key, value in d.items()},
        lambda d: {f"_orig_mod.{key}": value for key, value in d.items()},
        lambda d: {f"model.backbone._orig_mod.module.{key}": value for key, value in d.items()},
        lambda d: {key.replace("features.", "features._orig_mod."): value for key, value in d.items()},
        lambda d: {f"my.own_name.{key}": value for key, value in d.items()} | {"other.head": np.ones((9, 9))},
        lambda d: d | {"criterion.pos_weight": np.ones(3), "best_acc": np.ones(())},
        lambda d: {key.replace("features.", "features.module."): value for key, value in d.items()},
        lambda d: {f"net/{key}": value for key, value in d.items()},
        lambda d: {f"net_{key}": value for key, value in d.items()},
        lambda d: {key: np.asarray(value, np.float32) for key, value in d.items() if key != "index"},
        lambda d: {key: value for key, value in d.items() if "num_batches" not in key and key != "index"},
        lambda d: d | {"total_ops": np.zeros(1), "features.stem.total_params": np.zeros(1)},
        lambda d: {f"module.{key}": value for key, value in d.items()} | {"n_averaged": np.ones(())},
        lambda d: d | {"dw.attn_mask": np.zeros((4, 9, 9)), "dw.relative_coords_table": np.zeros((1, 3, 2))},
    ],
    ids=[
        *("plain", "parallel", "wrapped twice", "averaged", "double"),
        *("compiled", "compiled and wrapped", "compiled inside", "of another name", "beside a criterion"),
        *("parallel inside", "with slashes", "with underscores", "counters of floats", "without counters"),
        *("profiled", "averaged by PyTorch", "tables that modules compute"),
    ],
)
def test_every_layer_computes_what_pytorch_does(wrap: Callable[[dict], dict]) -> None:
    weights = state_dict()
    images = np.random.default_rng(1).random((2, SIZE, SIZE, 3), np.float32)
    classifier = classify.from_state_dict("toy", wrap(weights), labels=LABELS)
    logits = torch_logits(images.transpose(0, 3, 1, 2).astype(float), weights)
    np.testing.assert_allclose(classifier.logits(images), logits, atol=1e-5 * np.abs(logits).max())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"up.bias": None, "pw.bias": None}, "missing 'pw.bias', 'up.bias'; 17 arrays expected"),
        ({"up.extra": np.ones(3)}, "unknown 'up.extra'"),
        ({"blocks.0.weight": np.ones((4, 1, 3, 3))}, "unknown 'blocks.0.weight'"),  # beside dw.weight
        (
            {"head.weight": np.ones((8, 72))},
            r"'head.weight' of shape \(8, 72\) cannot be 'head/kernel'.*\(72, 3\)",
        ),
        ({"head.weight": np.ones((3, 71))}, r"'head.weight' of shape \(3, 71\)"),
        ({"dw.weight": np.ones((4, 9))}, r"'dw.weight' of shape \(4, 9\)"),
        ({"dw.weight": np.ones((4, 4, 3, 3))}, r"'dw.weight' of shape \(4, 4, 3, 3\)"),
        ({"gamma": np.full((1, 2), np.nan)}, "'scale' holds NaN"),
        ({"gamma": np.full((1, 2), 1e300)}, "'scale' holds NaN or infinite"),
        ({"gamma": "x"}, "'gamma' has type"),
        ({"gamma": np.ones((1, 2), np.int8)}, "'gamma' has type int8, must be floating point"),
        ({"features.norm.running_mean": None}, "missing 'features.norm.running_mean'"),
        ({"gamma": np.array([object(), None])}, "'gamma' has type object"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    tensors = {key: value for key, value in {**state_dict(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError, match=message):
        classify.from_state_dict("toy", tensors, labels=LABELS)


@pytest.mark.parametrize("kind", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float16])
def test_small_floats_are_read(kind: Any) -> None:
    weights = {key: value.astype(kind) if value.dtype == "f4" else value for key, value in state_dict().items()}
    state = classify.from_state_dict("toy", weights, labels=LABELS).state
    np.testing.assert_array_equal(state["scale"][...], weights["gamma"].astype(np.float32))


def test_what_lies_beside_the_net_is_said() -> None:
    weights = {f"net.{key}": value for key, value in state_dict().items()} | {"head.weight": np.ones((9, 9))}
    classifier = classify.from_state_dict("toy", weights, labels=LABELS)
    assert classifier.notes == ("its checkpoint holds 'head.weight' beside the network, left out",)
    assert classify.from_state_dict("toy", state_dict(), labels=LABELS).notes == ()


def test_two_nets_of_one_kind_are_not_guessed() -> None:
    weights = {f"{who}.{key}": value for who in ("student", "teacher") for key, value in state_dict().items()}
    with pytest.raises(CheckpointError, match=r"more than once, under 'student\.', 'teacher\.'; save one"):
        classify.from_state_dict("toy", weights, labels=LABELS)


def test_a_name_or_labels_that_are_not_known() -> None:
    with pytest.raises(ConfigError, match="did you mean 'toy'"):
        classify.from_state_dict("toyy", {}, labels=LABELS)
    with pytest.raises(ConfigError, match="pass labels="):
        classify.from_state_dict("toy", {})
    with pytest.raises(ConfigError, match="has no PyTorch layout"):
        classify.from_state_dict("face-api", {})
    with pytest.raises(CheckpointError, match="a dictionary of named tensors"):
        classify.from_state_dict("toy", [1, 2], labels=LABELS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(architectures.ARCHITECTURES))
def test_layout_names_modules_that_are_there(name: str) -> None:
    layout = architectures.ARCHITECTURES[name].torch
    module = abstract_module(classify.Card(name=name, architecture=name, native_labels=LABELS))
    paths = {".".join(map(str, path)) for path, _ in nnx.iter_modules(module)}
    assert layout is None or set(layout.flatten_shapes) <= paths
