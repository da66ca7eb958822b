"""Keys and shapes of checkpoints that nobody recorded, as `../shared/specs/classifiers.md` has them."""

import numpy as np

Shapes = dict[str, tuple[int, ...]]

B2_BLOCKS = [  # stage, channels in, within, of the gate, out, kernel, stride; how often in a row
    ((0, 32, 32, 8, 16, 3, 1), 1),
    ((0, 16, 16, 4, 16, 3, 1), 1),
    ((1, 16, 96, 4, 24, 3, 2), 1),
    ((1, 24, 144, 6, 24, 3, 1), 2),
    ((2, 24, 144, 6, 48, 5, 2), 1),
    ((2, 48, 288, 12, 48, 5, 1), 2),
    ((3, 48, 288, 12, 88, 3, 2), 1),
    ((3, 88, 528, 22, 88, 3, 1), 3),
    ((4, 88, 528, 22, 120, 5, 1), 1),
    ((4, 120, 720, 30, 120, 5, 1), 3),
    ((5, 120, 720, 30, 208, 5, 2), 1),
    ((5, 208, 1248, 52, 208, 5, 1), 4),
    ((6, 208, 1248, 52, 352, 3, 1), 1),
    ((6, 352, 2112, 88, 352, 3, 1), 1),
]
EMONEXT = {  # blocks in each stage, and channels of the first
    "tiny": ((3, 3, 9, 3), 96),
    "small": ((3, 3, 27, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
}


def tensors(shapes: Shapes) -> dict[str, np.ndarray]:
    """Tensors of these names and shapes that take no memory."""
    return {key: np.broadcast_to(np.float32(0.5), shape) for key, shape in shapes.items()}


def b2_rows() -> list[tuple[int, ...]]:
    return [row for row, times in B2_BLOCKS for _ in range(times)]


def b2(classes: int = 7) -> Shapes:
    """HSEmotion's EfficientNet-B2 in PyTorch Image Models, with the head that HSEmotion gave it."""
    shapes: Shapes = {
        "conv_stem.weight": (32, 3, 3, 3),
        "conv_head.weight": (1408, 352, 1, 1),
    }
    norms = {"bn1": 32, "bn2": 1408}
    counts: dict[int, int] = {}
    for stage, inputs, inner, gate, outputs, size, _ in b2_rows():
        prefix = f"blocks.{stage}.{counts.get(stage, 0)}."
        counts[stage] = counts.get(stage, 0) + 1
        narrow = "conv_pwl" if stage else "conv_pw"
        if stage:
            shapes[f"{prefix}conv_pw.weight"] = (inner, inputs, 1, 1)
        shapes |= {
            f"{prefix}conv_dw.weight": (inner, 1, size, size),
            f"{prefix}se.conv_reduce.weight": (gate, inner, 1, 1),
            f"{prefix}se.conv_reduce.bias": (gate,),
            f"{prefix}se.conv_expand.weight": (inner, gate, 1, 1),
            f"{prefix}se.conv_expand.bias": (inner,),
            f"{prefix}{narrow}.weight": (outputs, inner, 1, 1),
        }
        widths = (inner, inner, outputs) if stage else (inner, outputs)
        norms |= {f"{prefix}bn{number}": width for number, width in enumerate(widths, 1)}
    for norm, width in norms.items():
        shapes |= {f"{norm}.{array}": (width,) for array in ("weight", "bias", "running_mean", "running_var")}
    return shapes | _layer("classifier.0", classes, 1408)


def emonext(size: str, classes: int = 7) -> Shapes:
    """EmoNeXt with the attention that feeds its training loss alone."""
    depths, width = EMONEXT[size]
    norms = {"localization.1": 8, "localization.5": 10}
    shapes = {
        f"{norm}.{array}": (count,)
        for norm, count in norms.items()
        for array in ("weight", "bias", "running_mean", "running_var")
    }
    shapes |= _layer("localization.0", 8, 3, 7, 7) | _layer("localization.4", 10, 8, 5, 5)
    shapes |= _layer("fc_loc.0", 32, 10 * 52 * 52) | _layer("fc_loc.2", 6, 32)
    for stage, depth in enumerate(depths):
        wide, entry = width << stage, f"downsample_layers.{stage}"
        if stage == 0:
            shapes |= _layer(f"{entry}.0", wide, 3, 4, 4) | _layer(f"{entry}.1", wide)
        else:
            shapes |= _layer(f"{entry}.0", wide // 2) | _layer(f"{entry}.1", wide, wide // 2, 2, 2)
            shapes |= {
                f"{entry}.2.fc.0.weight": (wide // 16, wide),
                f"{entry}.2.fc.2.weight": (wide, wide // 16),
            }
        for block in (f"stages.{stage}.{number}" for number in range(depth)):
            shapes |= {f"{block}.gamma": (wide,)} | _layer(f"{block}.dwconv", wide, 1, 7, 7)
            shapes |= _layer(f"{block}.norm", wide) | _layer(f"{block}.pwconv1", 4 * wide, wide)
            shapes |= _layer(f"{block}.pwconv2", wide, 4 * wide)
    last = 8 * width
    for name in ("query", "key", "value"):
        shapes |= _layer(f"attention.{name}", last, last)
    return shapes | _layer("attention.norm", last) | _layer("norm", last) | _layer("head", classes, last)


def _layer(name: str, *shape: int) -> Shapes:
    """A weight, and a bias as long as its first axis."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
