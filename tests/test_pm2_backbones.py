"""DRML and JAA-Net: regions and attention against NumPy, parameters against arithmetic, losses by hand."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.step import train_mode
from jaxface.frameworks.pm2.backbones import Drml, JaaNet, losses
from jaxface.frameworks.pm2.backbones.attention_maps import attention, places, resize_nearest, scale_gradient
from jaxface.frameworks.pm2.backbones.drml import RegionConvolution, join_cells, split_cells
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.networks import ENCODERS, Detector

BP4D = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
RANDOM = np.random.default_rng(0)


def parameters(module: nnx.Module) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def region_loop(
    maps: np.ndarray, layer: RegionConvolution, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """The region layer, one output number at a time."""
    kernel, bias, scale, shift = (
        np.asarray(each[...], np.float64) for each in (layer.kernel, layer.bias, layer.scale, layer.shift)
    )
    batch, height, width, _ = maps.shape
    tall, wide = height // layer.grid, width // layer.grid
    out = np.zeros((batch, height, width, bias.shape[1]))
    for row in range(height):
        for column in range(width):
            cell = row // tall * layer.grid + column // wide
            top, left = row // tall * tall, column // wide * wide
            for i in range(3):
                for j in range(3):
                    y, x = row + i - 1, column + j - 1
                    if top <= y < top + tall and left <= x < left + wide:
                        normal = (maps[:, y, x] - mean[cell]) / np.sqrt(variance[cell] + 1e-5)
                        active = np.maximum(normal * scale[cell] + shift[cell], 0.0)
                        out[:, row, column] += active @ kernel[cell, i, j]
            out[:, row, column] += bias[cell]
    return out


@jax.jit
def asked(layer: RegionConvolution, maps: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """What the layer answers, and the statistics that it then keeps."""
    return layer(maps), (layer.mean[...], layer.variance[...])


def test_a_region_layer_is_a_convolution_in_each_cell() -> None:
    layer = RegionConvolution(3, 4, 2, rngs=nnx.Rngs(0))
    for each, low in ((layer.bias, -1.0), (layer.scale, 0.5), (layer.shift, -0.5), (layer.mean, -0.2)):
        each[...] = jnp.asarray(RANDOM.uniform(low, 1.0, each.shape), jnp.float32)
    maps = RANDOM.normal(size=(2, 6, 8, 3)).astype(np.float32)
    mean, variance = np.asarray(layer.mean[...]), np.asarray(layer.variance[...])
    truth = region_loop(maps, layer, mean, variance)
    np.testing.assert_allclose(asked(layer, jnp.asarray(maps))[0], truth, atol=1e-5)
    whole = np.concatenate(
        [maps[:, :, :4].reshape(2, 2, 3, 4, 3), maps[:, :, 4:].reshape(2, 2, 3, 4, 3)], axis=1
    )
    cells = whole.transpose(1, 0, 2, 3, 4)[[0, 2, 1, 3]].reshape(4, -1, 3)
    with train_mode(layer, nnx.state(layer, nnx.Param), jax.random.key(0)):
        output, (stored_mean, stored_variance) = asked(layer, jnp.asarray(maps))
    np.testing.assert_allclose(output, region_loop(maps, layer, cells.mean(1), cells.var(1)), atol=1e-4)
    np.testing.assert_allclose(stored_mean, 0.9 * mean + 0.1 * cells.mean(1), atol=1e-6)
    np.testing.assert_allclose(stored_variance, 0.9 * variance + 0.1 * cells.var(1, ddof=1), atol=1e-6)


def test_cells_are_joined_as_they_were_divided() -> None:
    maps = jnp.asarray(RANDOM.normal(size=(2, 6, 9, 1)), jnp.float32)
    np.testing.assert_array_equal(join_cells(split_cells(maps, 3), 3), maps)
    with pytest.raises(ConfigError, match="6 x 9 pixels cannot be divided into 2 x 2"):
        split_cells(maps, 2)


def test_drml_has_the_parameters_of_the_paper() -> None:
    first, region = 11 * 11 * 3 * 32 + 32, 64 * (3 * 3 * 32 * 32 + 32 + 2 * 32)
    later = [8 * 8 * 32, 8 * 8 * 16, 6 * 6 * 16, 5 * 5 * 16]
    dense = 27 * 27 * 16 * 4096 + 4096 + 4096 * 2048 + 2048
    count = first + region + 2 * 32 + sum(16 * each + 16 for each in later) + dense
    assert parameters(nnx.eval_shape(lambda: Drml(rngs=nnx.Rngs(0)))) == count


def test_jaa_net_has_the_parameters_of_the_paper() -> None:
    def convolution(a: int, b: int) -> int:
        return 9 * a * b + b

    def regions(a: int, b: int) -> int:
        branches = ((64, b, b // 2), (16, b // 2, b // 4), (4, b // 4, b // 4))
        local = sum(cells * (convolution(x, y) + 2 * x) for cells, x, y in branches)
        return convolution(a, b) + local + 2 * b

    def normed(*edges: int) -> int:
        return sum(convolution(a, b) + 2 * b for a, b in pairwise(edges))

    flat, numbers = 5 * 5 * 160, (6, 12, 25)  # a branch each: three tell what twelve would
    units = len(numbers)
    pyramid = normed(64, 96, 96, 128, 128, 160, 160)
    refinement = normed(1, 64, 64, 64) + convolution(64, 1)
    alignment = flat * 512 + 512 + 512 * 98 + 98
    answer = 3 * flat * 512 + 512 + 512 * units + units
    count = regions(3, 32) + regions(32, 64) + (2 + units) * pyramid + units * refinement + alignment + answer
    assert parameters(nnx.eval_shape(lambda: JaaNet(numbers, rngs=nnx.Rngs(0)))) == count


def attention_loop(marks: np.ndarray, unit_places: tuple[np.ndarray, np.ndarray], edge: int) -> np.ndarray:
    points, below = unit_places
    out = np.zeros((edge, edge, len(below)))
    ruler = abs(marks[22, 0] - marks[25, 0])
    half = round((edge - 1) / 2 * 0.14)
    for unit, (pair, down) in enumerate(zip(points, below, strict=True)):
        for point in pair:
            x = round(float(marks[point, 0] * edge))
            y = round(float((marks[point, 1] + down * ruler) * edge))
            for row in range(max(y - half, 0), min(y + half, edge - 1) + 1):
                for column in range(max(x - half, 0), min(x + half, edge - 1) + 1):
                    value = 1 - (abs(row - y) + abs(column - x)) * 0.56 / (edge * 0.14)
                    out[row, column, unit] = max(out[row, column, unit], value)
    return out


def test_attention_lies_about_the_landmarks() -> None:
    marks = RANDOM.uniform(0.02, 0.98, (49, 2)).astype(np.float32)
    weights = np.asarray(jax.jit(attention, static_argnums=(1, 2))(jnp.asarray(marks), BP4D, 52))
    np.testing.assert_allclose(weights, attention_loop(marks, places(BP4D), 52), atol=1e-5)
    assert weights.max() == 1.0 and (weights > 0).mean() < 0.1
    slope = jax.jit(jax.grad(lambda marks: jnp.sum(attention(marks, (12,), 20))))(jnp.asarray(marks))
    assert not np.asarray(slope).any()  # the answer may not bend the landmarks
    nearest = np.asarray(resize_nearest(jnp.asarray(weights)[None], 44))[0]
    np.testing.assert_array_equal(nearest[[0, 20, 43]][:, [5]], weights[[0, 23, 50]][:, [5]])
    with pytest.raises(ConfigError, match="no place for action unit 45"):
        places((12, 45))


def test_enhanced_maps_are_the_same_with_a_larger_gradient() -> None:
    value, slope = jax.value_and_grad(lambda x: jnp.sum(scale_gradient(x, 2.0) ** 2))(jnp.asarray([0.5, -1.0]))
    assert float(value) == 1.25
    np.testing.assert_allclose(slope, [2.0, -4.0])


def test_losses_are_the_papers() -> None:
    logits, units = RANDOM.normal(size=5).astype(np.float32), np.float32([1, 0, 1, 0, 1])
    mask, rates = np.array([True, True, True, False, True]), np.float32([0.5, 0.1, 0.25, 0.2, 0.4])
    weights = 1 / rates.astype(np.float64) / np.sum(1 / rates) * 5
    np.testing.assert_allclose(losses.balance(jnp.asarray(rates)), weights, rtol=1e-6)
    answer, float_mask = 1 / (1 + np.exp(-logits.astype(np.float64))), mask.astype(float)
    entropy = -weights * (units * np.log(answer) + (1 - units) * np.log(1 - answer))
    dice = weights * (1 - (2 * units * answer + 1) / (units**2 + answer**2 + 1))
    inputs = [jnp.asarray(each) for each in (logits, units, mask)]
    for function, each in ((losses.weighted_cross_entropy, entropy), (losses.weighted_dice, dice)):
        value = function(*inputs, jnp.asarray(weights, jnp.float32))
        np.testing.assert_allclose(value, (float_mask * each).sum() / 4, rtol=1e-5)
    true = RANDOM.uniform(size=(49, 2))
    points = true + 0.01 * RANDOM.normal(size=(49, 2))
    apart = ((true[19:25].mean(0) - true[25:31].mean(0)) ** 2).sum()
    loss = ((points - true) ** 2).sum() / (2 * apart)
    np.testing.assert_allclose(losses.alignment_loss(jnp.float32(points), jnp.float32(true)), loss, rtol=1e-4)
    maps, first = RANDOM.uniform(0.1, 0.9, (2, 3, 3, 4))
    loss = -(first * np.log(maps) + (1 - first) * np.log(1 - maps)).mean((0, 1)).sum()
    np.testing.assert_allclose(losses.refinement_loss(jnp.float32(maps), jnp.float32(first)), loss, rtol=1e-5)


def test_encoders_give_features_of_their_width() -> None:
    """As the framework builds and asks them; JAA-Net with the loss of its own, which wants landmarks."""
    task, images = Task(units=(6, 12), size=64, channels=3), jnp.zeros((2, 64, 64, 3))
    for name in ("drml-small", "jaa-net-small"):
        entry = ENCODERS[name]
        faces = jnp.zeros((2, entry.size, entry.size, 3))
        config = Pm2Config(encoder=name)
        detector = nnx.eval_shape(lambda config=config: Detector(config, task, rngs=nnx.Rngs(0)))
        structure, state = nnx.split(detector)

        def features(state: nnx.State, faces: jax.Array, structure: nnx.GraphDef = structure) -> jax.Array:
            return nnx.merge(structure, state).encoder(faces)

        assert jax.eval_shape(features, state, faces).shape == (2, detector.encoder.width)
        assert entry.mixes and (entry.loss is None) == name.startswith("drml")
    with pytest.raises(ConfigError, match="landmarks = true in its recipe"):
        losses.jaa_loss(None, images, {"units": jnp.zeros((2, 2))})
    with pytest.raises(ConfigError, match="size = 40: must be a multiple of 16"):
        JaaNet((12,), 40, rngs=nnx.Rngs(0))
