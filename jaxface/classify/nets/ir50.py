"""IR-50, the residual net of face recognition (Deng et al. 2019, arXiv:1801.07698), up to its third stage."""

from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Pointwise, PReLU, in_turn
from jaxface.classify.nets.torch_layout import numbered
from jaxface.core.types import Array

TORCH_NAMES = (
    *numbered(r"\.input_layer", ".", {0: "stem", 1: "stem_norm", 2: "stem_prelu"}),
    (r"\.body([123])\.", r".stage\1."),
    *numbered(r"\.res_layer", ".", {0: "norm", 1: "first", 2: "prelu", 3: "second", 4: "second_norm"}),
    *numbered(r"\.shortcut_layer", ".", {0: "shortcut", 1: "shortcut_norm"}),
)
"""Published names of its parts, for the `rename` of a net that contains one."""


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
