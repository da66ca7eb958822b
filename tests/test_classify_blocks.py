"""Blocks of the transformers and of EmoNeXt against plain arithmetic; sizes of nets without a fixture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import ndimage

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import attention, convnext, emonext


@pytest.mark.parametrize("affine", [((1, 0, 0), (0, 1, 0)), ((0.9, 0.3, 0.2), (-0.4, 1.2, -0.1))])
def test_warp_samples_between_aligned_corners_with_zeros_outside(
    affine: tuple[tuple[float, ...], ...], key: jax.Array
) -> None:
    height, width = 9, 12
    image = jax.random.uniform(key, (height, width, 2), minval=0.5)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    looks_x, looks_y = np.asarray(affine) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    where = np.stack([(looks_y + 1) / 2 * (height - 1), (looks_x + 1) / 2 * (width - 1)])
    samples = np.stack(
        [
            ndimage.map_coordinates(np.asarray(image[..., c]), where, order=1, mode="grid-constant")
            for c in (0, 1)
        ],
        -1,
    )
    got = jax.jit(emonext.warp)(image, jnp.asarray(affine, jnp.float32))
    # positions are float32: 1e-6 of 12 pixels, times differences of at most 1 between them
    np.testing.assert_allclose(got.reshape(-1, 2), samples, atol=2e-5)


@pytest.mark.parametrize("window", [2, 5])
def test_position_bias_is_the_tables_row_of_the_displacement(window: int, key: jax.Array) -> None:
    span = 2 * window - 1
    table = jax.random.normal(key, (span**2, 3))
    row, column = np.divmod(np.arange(window**2), window)
    down, right = (place[:, None] - place[None] + window - 1 for place in (row, column))  # query less key
    rows = np.asarray(table)[down * span + right].transpose(2, 0, 1)
    bias = jax.jit(attention.relative_position_bias, static_argnums=1)(table, window)
    np.testing.assert_array_equal(bias, rows)


def test_attention_is_a_softmax_over_the_keys_of_each_head() -> None:
    draw = np.random.default_rng(0)
    query, keys, value = draw.standard_normal((3, 4, 6), np.float32)
    bias = draw.standard_normal((2, 4, 4), np.float32)
    got = jax.jit(attention.attend, static_argnums=3)(query, keys, value, 2, bias)
    for head, own in enumerate((slice(0, 3), slice(3, 6))):
        weights = np.exp(query[:, own] @ keys[:, own].T / np.sqrt(3) + bias[head])
        truth = weights / weights.sum(1, keepdims=True) @ value[:, own]
        np.testing.assert_allclose(got[:, own], truth, atol=1e-5)


def timm_convnext(classes: int) -> dict[str, tuple[int, ...]]:
    """timm's keys of ConvNeXt-B and their shapes."""

    def layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}

    keys = layer("stem.0", 128, 3, 4, 4) | layer("stem.1", 128)
    for stage, depth in enumerate((3, 3, 27, 3)):
        width = 128 << stage
        if stage > 0:
            keys |= layer(f"stages.{stage}.downsample.0", width // 2)
            keys |= layer(f"stages.{stage}.downsample.1", width, width // 2, 2, 2)
        for block in (f"stages.{stage}.blocks.{number}" for number in range(depth)):
            keys |= {f"{block}.gamma": (width,)} | layer(f"{block}.conv_dw", width, 1, 7, 7)
            keys |= layer(f"{block}.norm", width) | layer(f"{block}.mlp.fc1", 4 * width, width)
            keys |= layer(f"{block}.mlp.fc2", width, 4 * width)
    return keys | layer("head.norm", 1024) | layer("head.fc", classes, 1024)


def test_convnext_b_takes_timms_file() -> None:
    arrays = {key: np.broadcast_to(np.float32(0), shape) for key, shape in timm_convnext(1000).items()}
    net = nnx.eval_shape(lambda: ARCHITECTURES["convnext-b"].net(1000, rngs=nnx.Rngs(0)))
    ours = Translated(net, convnext.TORCH, arrays, "timm's file")
    assert sum(ours[name].size for name in ours) == 88_591_464  # as torchvision states it
