"""VGG-16 of VGGFace against NumPy in double precision, from arrays in torchvision's names and layout."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.card import Card
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import vgg
from jaxface.classify.preprocess import prepare
from jaxface.classify.weights import fill

HIDDEN, CLASSES = 6, 5
CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's numbers
POOLED = (2, 7, 14, 21, 28)  # a pooling follows these
WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


@pytest.fixture(scope="module")
def state_dict() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    widths = zip(CONVS, itertools.pairwise(WIDTHS), strict=True)
    shapes = {f"features.{conv}": (wide, before, 3, 3) for conv, (before, wide) in widths}
    shapes |= {"classifier.0": (HIDDEN, 512 * 49), "classifier.3": (HIDDEN, HIDDEN)}
    shapes |= {"classifier.6": (CLASSES, HIDDEN)}
    arrays = {}
    for name, shape in shapes.items():
        gain = np.sqrt(2 / np.prod(shape[1:]))
        arrays[f"{name}.weight"] = (gain * random.normal(size=shape)).astype(np.float32)
        arrays[f"{name}.bias"] = random.uniform(-0.1, 0.1, shape[0]).astype(np.float32)
    return arrays


@pytest.fixture(scope="module")
def net(state_dict: dict[str, np.ndarray]) -> vgg.Vgg16:
    module = nnx.eval_shape(lambda: vgg.Vgg16(CLASSES, HIDDEN, rngs=nnx.Rngs(0)))
    structure, abstract = nnx.split(module)
    return nnx.merge(
        structure, fill(abstract, Translated(module, vgg.TORCH, state_dict, "generated"), "generated")
    )


def convolved(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(C, H, W) by (F, C, 3, 3), one pixel of zeros around."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(maps, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))
    return np.einsum("chwij,fcij->fhw", windows, weight, optimize=True) + bias[:, None, None]


def test_maps_are_those_of_numpy(net: vgg.Vgg16, state_dict: dict[str, np.ndarray]) -> None:
    image = np.random.default_rng(1).normal(size=(32, 64, 3)).astype(np.float32)
    maps, pools = image.transpose(2, 0, 1).astype(np.float64), []
    for conv in CONVS:
        maps = np.maximum(
            convolved(maps, state_dict[f"features.{conv}.weight"], state_dict[f"features.{conv}.bias"]), 0
        )
        if conv in POOLED:
            channels, height, width = maps.shape
            maps = maps.reshape(channels, height // 2, 2, width // 2, 2).max((2, 4))
            pools.append(maps.transpose(1, 2, 0))
    got = jax.jit(lambda images: net.encoder(images))(image[None])
    for ours, theirs in zip(got, pools, strict=True):
        np.testing.assert_allclose(ours[0], theirs, atol=1e-5 * np.abs(theirs).max(), rtol=0)


def test_dense_layers_take_the_map_channel_first(net: vgg.Vgg16, state_dict: dict[str, np.ndarray]) -> None:
    maps = np.random.default_rng(2).uniform(size=(2, 7, 7, 512)).astype(np.float32)
    features, answers = maps.transpose(0, 3, 1, 2).reshape(2, -1).astype(np.float64), []
    for number in (0, 3, 6):
        features = (
            features @ state_dict[f"classifier.{number}.weight"].T + state_dict[f"classifier.{number}.bias"]
        )
        features = features if number == 6 else np.maximum(features, 0)
        answers.append(features)
    logits, hidden = net.top(jnp.asarray(maps))
    for ours, theirs in zip((*hidden, logits), answers, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_parameters_and_outputs() -> None:
    entry = ARCHITECTURES["vgg16-face"]
    module = nnx.eval_shape(lambda: entry.net(2622, rngs=nnx.Rngs(0)))
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module))) == 145_002_878
    images = jax.ShapeDtypeStruct((2, 224, 224, 3), np.float32)
    logits, maps = jax.eval_shape(lambda module, images: module(images), module, images)
    assert logits.shape == (2, 2622)
    assert maps["stage5"].shape == (2, 7, 7, 512)
    assert maps["embedding"].shape == (2, 4096)


def test_input_is_blue_green_red_less_the_mean() -> None:
    card = Card(name="faces", architecture="vgg16-face", native_labels=("happy", "sad"))
    card = card.with_preprocessing(ARCHITECTURES["vgg16-face"].preprocessing)
    image = np.random.default_rng(3).uniform(size=(1, 224, 224, 3)).astype(np.float32)
    pixel = 255 * image[0, 5, 7].astype(np.float64)[::-1] - (93.5940, 104.7624, 129.1863)
    np.testing.assert_allclose(prepare(jnp.asarray(image), card)[0, 5, 7], pixel, atol=2e-5)
