"""Both bundled nets against their own runtimes, and the convolutions they are made of against `lax`."""

import functools
from collections.abc import Callable
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxface import classify
from jaxface.classify.nets import convolutions, pooling, winograd
from jaxface.core.types import expression_names

REFERENCE = Path(__file__).parent / "data" / "classifier_reference.npz"
PREFIX = {"face-api": "faceapi", "fer-mini-xception": "fer"}


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as archive:
        return dict(archive)


def reference_images(name: str, reference: dict[str, np.ndarray]) -> np.ndarray:
    if name == "face-api":
        return reference["rgb112_uint8"].astype(np.float32) / 255
    return np.repeat((reference["gray64"] + 1) / 2, 3, axis=-1)


@pytest.mark.parametrize("name", sorted(PREFIX))
def test_answers_are_those_of_the_original_runtime(name: str, reference: dict[str, np.ndarray]) -> None:
    classifier = classify.load(name)
    images = reference_images(name, reference)
    logits = reference[f"{PREFIX[name]}_logits"]
    # 1e-5 relative to the largest logit: single precision sums of some 10^7 products in another order
    np.testing.assert_allclose(classifier.logits(images), logits, atol=1e-5 * np.abs(logits).max(), rtol=0)
    np.testing.assert_allclose(
        classifier.probabilities(images), reference[f"{PREFIX[name]}_probs"], atol=1e-5, rtol=0
    )
    assert classifier.labels == expression_names(reference[f"{PREFIX[name]}_labels"].tolist())


CASES = [
    (3, 1, "SAME"),
    (3, 2, "SAME"),
    (5, 2, "SAME"),
    (7, 1, "SAME"),
    (3, 2, "VALID"),
    (3, 2, ((1, 1), (1, 1))),
]


@pytest.mark.parametrize(("size", "stride", "padding"), [*CASES, (1, 2, "SAME"), (3, 3, ((2, 0), (0, 1)))])
@pytest.mark.parametrize("shape", [(2, 8, 13, 5)])
def test_depthwise_and_its_gradients_are_those_of_lax(
    size: int, stride: int, padding: convolutions.Padding, shape: tuple[int, ...], key: jax.Array
) -> None:
    maps = jax.random.normal(key, shape)
    kernel = jax.random.normal(jax.random.fold_in(key, 1), (size, size, shape[-1]))
    bias = jax.random.normal(jax.random.fold_in(key, 2), (shape[-1],))

    def by_lax(maps: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        out = lax.conv_general_dilated(
            maps,
            kernel[:, :, None],
            (stride, stride),
            padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=shape[-1],
        )
        return out + bias.reshape(1, 1, 1, -1)

    def ours(maps: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return convolutions.depthwise(maps, kernel, stride, padding, bias)

    @functools.partial(jax.jit, static_argnums=0)
    def both_ways(function: Callable, *arrays: jax.Array) -> tuple[jax.Array, tuple]:
        out, back = jax.vjp(function, *arrays)
        return out, back(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))

    arrays = maps, kernel, bias
    chex.assert_trees_all_close(both_ways(ours, *arrays), both_ways(by_lax, *arrays), atol=5e-5)


@pytest.mark.parametrize(("size", "stride", "padding"), [*CASES, (4, 4, "VALID"), (3, 3, ((2, 0), (0, 1)))])
@pytest.mark.parametrize("shape", [(2, 8, 13, 3)])
def test_convolution_is_that_of_lax(
    size: int, stride: int, padding: convolutions.Padding, shape: tuple[int, ...], key: jax.Array
) -> None:
    maps = jax.random.normal(key, shape)
    kernel = jax.random.normal(jax.random.fold_in(key, 1), (size, size, shape[-1], 4))
    truth = lax.conv_general_dilated(
        maps, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    got = jax.jit(lambda maps: convolutions.convolution(maps, kernel, stride, padding))(maps)
    np.testing.assert_allclose(got, truth, atol=5e-5)


@pytest.mark.parametrize(("inputs", "stride"), [(1, 2), (5, 1)])
def test_few_channels_to_few_and_their_gradients_are_those_of_lax(
    inputs: int, stride: int, key: jax.Array
) -> None:
    maps = jax.random.normal(key, (2, 8, 13, inputs))
    kernel = jax.random.normal(jax.random.fold_in(key, 1), (3, 3, inputs, 4))

    def by_lax(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(maps, kernel, (stride, stride), "SAME", dimension_numbers=layout)

    def ours(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolutions.convolution(maps, kernel, stride)

    @functools.partial(jax.jit, static_argnums=0)
    def both_ways(function: Callable, maps: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple]:
        out, back = jax.vjp(function, maps, kernel)
        return out, back(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))

    chex.assert_trees_all_close(both_ways(ours, maps, kernel), both_ways(by_lax, maps, kernel), atol=5e-5)


@pytest.mark.parametrize("pairs", [((1, 1), (1, 1)), ((2, 0), (0, 1))])
@pytest.mark.parametrize("shape", [(2, 8, 13, 5)])
def test_winograds_form_and_its_gradients_are_those_of_lax(
    pairs: convolutions.Pairs, shape: tuple[int, ...], key: jax.Array
) -> None:
    maps = jax.random.normal(key, shape)
    kernel = jax.random.normal(jax.random.fold_in(key, 1), (3, 3, shape[-1], 4))

    def by_lax(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(maps, kernel, (1, 1), pairs, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def by_tiles(maps: jax.Array, kernel: jax.Array) -> jax.Array:
        return winograd.convolution(maps, kernel, pairs)

    @functools.partial(jax.jit, static_argnums=0)
    def both_ways(function: Callable, maps: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple]:
        out, back = jax.vjp(function, maps, kernel)
        return out, back(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))

    chex.assert_trees_all_close(both_ways(by_tiles, maps, kernel), both_ways(by_lax, maps, kernel), atol=5e-5)


def test_large_convolutions_take_winograds_form(monkeypatch: pytest.MonkeyPatch) -> None:
    def products(edge: int, channels: int) -> int:
        maps = jax.ShapeDtypeStruct((1, edge, edge, channels), jnp.float32)
        kernel = jax.ShapeDtypeStruct((3, 3, channels, channels), jnp.float32)
        program = jax.make_jaxpr(lambda maps, kernel: convolutions.convolution(maps, kernel))(maps, kernel)
        return str(program).count("dot_general")

    assert products(56, 256) == 16
    assert products(28, 256) == products(112, 128) == 0
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    assert products(56, 256) == 0


def test_accelerators_get_lax(monkeypatch: pytest.MonkeyPatch, key: jax.Array) -> None:
    maps, kernel = jax.random.normal(key, (1, 6, 6, 3)), jnp.ones((3, 3, 3))
    on_cpu = convolutions.depthwise(maps, kernel, 2)
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    assert "feature_group_count=3" in str(jax.make_jaxpr(lambda x: convolutions.depthwise(x, kernel, 2))(maps))
    np.testing.assert_allclose(convolutions.depthwise(maps, kernel, 2), on_cpu, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(3, 2), (2, 2), (3, 1), (2, 3)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_max_pool_and_its_gradient_are_those_of_lax(
    window: int, stride: int, padding: convolutions.Padding, key: jax.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = jax.random.randint(key, (2, 9, 8, 3), -9, 0).astype(
        jnp.float32
    )  # ties, and all below a zero padding

    def both_ways(maps: jax.Array) -> tuple[jax.Array, jax.Array]:
        out, back = jax.vjp(lambda maps: pooling.max_pool(maps, window, stride, padding), maps)
        return out, back(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))[0]

    on_cpu = jax.jit(both_ways)(maps)
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    chex.assert_trees_all_close(on_cpu, jax.jit(lambda maps: both_ways(maps))(maps), atol=1e-6)
