"""Backbones of POSTER++: IR-50 up to its third stage, and MobileFaceNet without its head.

IR-50 is the residual net of face recognition (Deng et al. 2019, arXiv:1801.07698); MobileFaceNet, here a
landmark detector, has inverted residuals with PReLU (Chen et al. 2018, arXiv:1804.07573).
"""

from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Depthwise, Pointwise, PReLU, in_turn
from jaxface.classify.nets.torch_layout import numbered
from jaxface.core.types import Array

IR50_NAMES = (
    *numbered(r"\.input_layer", ".", {0: "stem", 1: "stem_norm", 2: "stem_prelu"}),
    (r"\.body([123])\.", r".stage\1."),
    *numbered(r"\.res_layer", ".", {0: "norm", 1: "first", 2: "prelu", 3: "second", 4: "second_norm"}),
    *numbered(r"\.shortcut_layer", ".", {0: "shortcut", 1: "shortcut_norm"}),
)
"""Published names of the parts of IR-50, for the `rename` of a net that contains one."""

MOBILE_FACENET_NAMES = (
    (r"\.conv_23\.", ".down28."),
    (r"\.conv_34\.", ".down14."),
    (r"\.conv_45\.", ".down7."),
    (r"\.conv_3\.model\.", ".stage28."),
    (r"\.conv_4\.model\.", ".stage14."),
    (r"\.conv_5\.model\.", ".stage7."),
    (r"\.conv1\.", ".stem."),
    (r"\.conv2_dw\.", ".depthwise."),
    (r"\.conv_6_sep\.", ".separate."),
    (r"\.conv\.(conv|bn|prelu)\.", r".expand.\1."),
    (r"\.conv_dw\.", ".depthwise."),
    (r"\.conv\.weight$", ".weight"),
    (r"\.bn\.", "_norm."),
    (r"\.prelu\.", "_prelu."),
)
"""The same of MobileFaceNet."""


class Unit(nnx.Module):
    """BatchNorm, 3 x 3, PReLU, strided 3 x 3, BatchNorm, plus the map itself; nothing after the sum.

    A map that changes its channels is projected; one that only shrinks loses pixels.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, rngs: nnx.Rngs) -> None:
        self.norm = BatchNorm(inputs)
        self.first = Convolution(inputs, outputs, bias=False, rngs=rngs)
        self.prelu = PReLU(outputs)
        self.second = Convolution(outputs, outputs, bias=False, rngs=rngs)
        self.second_norm = BatchNorm(outputs)
        self.shortcut = None if inputs == outputs else Pointwise(inputs, outputs, bias=False, rngs=rngs)
        self.shortcut_norm = None if inputs == outputs else BatchNorm(outputs)
        self.stride = stride

    def __call__(self, maps: Array) -> Array:
        inner = self.prelu(self.first(self.norm(maps), 1, 1))
        inner = self.second_norm(self.second(inner, self.stride, 1))
        if self.shortcut is None or self.shortcut_norm is None:
            return inner + maps[:, :: self.stride, :: self.stride]
        return inner + self.shortcut_norm(self.shortcut(maps, self.stride))


class Ir50(nnx.Module):
    """(B, 112, 112, 3) -> the stem (B, 112, 112, 64) and three stages, each half as large as its input.

    They have 64, 128 and 256 channels.
    """

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.stem = Convolution(3, 64, bias=False, rngs=rngs)
        self.stem_norm = BatchNorm(64)
        self.stem_prelu = PReLU(64)
        self.stage1 = _stage(64, 64, 3, rngs=rngs)
        self.stage2 = _stage(64, 128, 4, rngs=rngs)
        self.stage3 = _stage(128, 256, 14, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, Array, Array, Array]:
        stem = self.stem_prelu(self.stem_norm(self.stem(images, 1, 1)))
        first = in_turn(self.stage1, stem)
        second = in_turn(self.stage2, first)
        return stem, first, second, in_turn(self.stage3, second)


def _stage(inputs: int, outputs: int, units: int, *, rngs: nnx.Rngs) -> nnx.List:
    rest = [Unit(outputs, outputs, 1, rngs=rngs) for _ in range(units - 1)]
    return nnx.List([Unit(inputs, outputs, 2, rngs=rngs), *rest])


class InvertedResidual(nnx.Module):
    """1 x 1 to more channels, depthwise 3 x 3, 1 x 1 back; on a shortcut where the map keeps its size."""

    def __init__(self, inputs: int, outputs: int, inner: int, stride: int = 1, *, rngs: nnx.Rngs) -> None:
        self.expand = Pointwise(inputs, inner, bias=False, rngs=rngs)
        self.expand_norm = BatchNorm(inner)
        self.expand_prelu = PReLU(inner)
        self.depthwise = Depthwise(inner, 3, bias=False, rngs=rngs)
        self.depthwise_norm = BatchNorm(inner)
        self.depthwise_prelu = PReLU(inner)
        self.project = Pointwise(inner, outputs, bias=False, rngs=rngs)
        self.project_norm = BatchNorm(outputs)
        self.stride = stride

    def __call__(self, maps: Array) -> Array:
        inner = self.expand_prelu(self.expand_norm(self.expand(maps)))
        inner = self.depthwise_prelu(self.depthwise_norm(self.depthwise(inner, self.stride, 1)))
        out = self.project_norm(self.project(inner))
        return maps + out if self.stride == 1 else out


class MobileFaceNet(nnx.Module):
    """(B, 112, 112, 3) -> maps (B, 28, 28, 64), (B, 14, 14, 128) and (B, 7, 7, 512)."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.stem = Convolution(3, 64, bias=False, rngs=rngs)
        self.stem_norm = BatchNorm(64)
        self.stem_prelu = PReLU(64)
        self.depthwise = Depthwise(64, 3, bias=False, rngs=rngs)
        self.depthwise_norm = BatchNorm(64)
        self.depthwise_prelu = PReLU(64)
        self.down28 = InvertedResidual(64, 64, 128, 2, rngs=rngs)
        self.stage28 = nnx.List([InvertedResidual(64, 64, 128, rngs=rngs) for _ in range(4)])
        self.down14 = InvertedResidual(64, 128, 256, 2, rngs=rngs)
        self.stage14 = nnx.List([InvertedResidual(128, 128, 256, rngs=rngs) for _ in range(6)])
        self.down7 = InvertedResidual(128, 128, 512, 2, rngs=rngs)
        self.stage7 = nnx.List([InvertedResidual(128, 128, 256, rngs=rngs) for _ in range(2)])
        self.separate = Pointwise(128, 512, bias=False, rngs=rngs)
        self.separate_norm = BatchNorm(512)
        self.separate_prelu = PReLU(512)

    def __call__(self, images: Array) -> tuple[Array, Array, Array]:
        maps = self.stem_prelu(self.stem_norm(self.stem(images, 2, 1)))
        maps = self.depthwise_prelu(self.depthwise_norm(self.depthwise(maps, 1, 1)))
        maps28 = in_turn(self.stage28, self.down28(maps))
        maps14 = in_turn(self.stage14, self.down14(maps28))
        maps7 = in_turn(self.stage7, self.down7(maps14))
        return maps28, maps14, self.separate_prelu(self.separate_norm(self.separate(maps7)))
