"""EfficientNet-B0 and B2 (Tan & Le 2019, arXiv:1905.11946), as in HSEmotion (Savchenko 2021, arXiv:2103.17107).

They began as TensorFlow's weights: its padding (SAME) and its epsilon of batch normalisation.
"""

import functools
import math
from collections.abc import Callable

import jax
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Depthwise, Pointwise
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

STEM, LAST = 32, 1280
STAGES = (  # kernel, stride, expansion, channels, blocks: Table 1 of the paper
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)

TORCH = TorchLayout(
    rename=(
        # the first stage has no expansion, and so other numbers
        (r"^blocks\.0\.(\d)\.bn1\.", r"blocks.0.\1.depthwise_norm."),
        (r"^blocks\.0\.(\d)\.conv_pw\.", r"blocks.0.\1.project."),
        (r"^blocks\.0\.(\d)\.bn2\.", r"blocks.0.\1.project_norm."),
        (r"\.conv_pw\.", ".expand."),
        (r"\.bn1\.", ".expand_norm."),
        (r"\.conv_dw\.", ".depthwise."),
        (r"\.bn2\.", ".depthwise_norm."),
        (r"\.se\.conv_", ".excitation."),
        (r"\.conv_pwl\.", ".project."),
        (r"\.bn3\.", ".project_norm."),
        (r"^blocks\.(\d)\.", r"stages.\1.layers."),
        (r"^conv_stem\.", "stem."),
        (r"^bn1\.", "stem_norm."),
        (r"^conv_head\.", "last."),
        (r"^bn2\.", "last_norm."),
        (r"^classifier\.(0\.)?", "head."),
    )
)

_norm = functools.partial(BatchNorm, epsilon=1e-3)


class SqueezeExcitation(nnx.Module):
    """Multiply (B, H, W, C) by a gate in (0, 1) for each channel (Hu et al. 2017, arXiv:1709.01507).

    Args:
        inner: channels that the means are squeezed to.
        activation: between the two dense layers.
    """

    def __init__(
        self,
        channels: int,
        inner: int,
        activation: Callable[[Array], Array] = jax.nn.relu,
        *,
        bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        self.activation = activation
        self.reduce = Dense(channels, inner, bias=bias, rngs=rngs)
        self.expand = Dense(inner, channels, bias=bias, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        gates = jax.nn.sigmoid(self.expand(self.activation(self.reduce(maps.mean((1, 2))))))
        return maps * gates[:, None, None]


class InvertedBottleneck(nnx.Module):
    """MBConv: wide, depthwise, squeeze and excitation, narrow; added to the input if that has the same shape.

    Args:
        expansion: how many times wider it is within; 1 = the first convolution is left out.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int, expansion: int, *, rngs: nnx.Rngs
    ) -> None:
        inner = inputs * expansion
        self.stride, self.residual = stride, stride == 1 and inputs == outputs
        self.expand = Pointwise(inputs, inner, bias=False, rngs=rngs) if expansion > 1 else None
        self.expand_norm = _norm(inner) if expansion > 1 else None
        self.depthwise = Depthwise(inner, size, bias=False, rngs=rngs)
        self.depthwise_norm = _norm(inner)
        self.excitation = SqueezeExcitation(inner, inputs // 4, jax.nn.silu, rngs=rngs)
        self.project = Pointwise(inner, outputs, bias=False, rngs=rngs)
        self.project_norm = _norm(outputs)

    def __call__(self, maps: Array) -> Array:
        inner = maps
        if self.expand is not None and self.expand_norm is not None:
            inner = jax.nn.silu(self.expand_norm(self.expand(inner)))
        inner = jax.nn.silu(self.depthwise_norm(self.depthwise(inner, self.stride)))
        out = self.project_norm(self.project(self.excitation(inner)))
        return maps + out if self.residual else out


class EfficientNet(nnx.Module):
    """(B, S, S, 3) -> logits (B, K) and maps: `stem`, `stage0` ... `stage6`, `last`, `embedding`.

    Args:
        width, depth: the compound scaling's factors of channels and of blocks; B0 has 1 and 1, B2 1.1 and 1.2.
    """

    def __init__(self, classes: int, *, width: float = 1.0, depth: float = 1.0, rngs: nnx.Rngs) -> None:
        inputs = _channels(STEM, width)
        self.stem = Convolution(3, inputs, bias=False, rngs=rngs)
        self.stem_norm = _norm(inputs)
        self.stages: nnx.List[nnx.Sequential] = nnx.List()
        for size, stride, expansion, channels, blocks in STAGES:
            outputs = _channels(channels, width)
            first = InvertedBottleneck(inputs, outputs, size, stride, expansion, rngs=rngs)
            others = (
                InvertedBottleneck(outputs, outputs, size, 1, expansion, rngs=rngs)
                for _ in range(math.ceil(blocks * depth) - 1)
            )
            self.stages.append(nnx.Sequential(first, *others))
            inputs = outputs
        last = _channels(LAST, width)
        self.last = Pointwise(inputs, last, bias=False, rngs=rngs)
        self.last_norm = _norm(last)
        self.head = Dense(last, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = jax.nn.silu(self.stem_norm(self.stem(images, 2)))
        taps = {"stem": maps}
        for number, stage in enumerate(self.stages):
            maps = taps[f"stage{number}"] = stage(maps)
        maps = taps["last"] = jax.nn.silu(self.last_norm(self.last(maps)))
        taps["embedding"] = maps.mean((1, 2))
        return self.head(taps["embedding"]), taps


def _channels(count: int, width: float) -> int:
    """Scale a count, to the nearest multiple of eight that is at most a tenth too small."""
    exact = count * width
    multiple = max(8, int(exact + 4) // 8 * 8)
    return multiple if multiple >= 0.9 * exact else multiple + 8
