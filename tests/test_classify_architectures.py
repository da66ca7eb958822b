"""Sizes, outputs and published names of the convolutional nets, without any weights."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax import nnx

from jaxface import classify
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.nets import ddamfn, efficientnet, residual_masking, segmentation_vgg
from jaxface.core.errors import CheckpointError

LIVE = {  # parameters that the logits depend on, of seven classes
    "dan": 19_723_733,
    "ddamfn": 4_105_999,
    "hsemotion-b0": 4_016_515,
    "hsemotion-b2": 7_710_857,
    "resmasking": 137_796_423,
    "segvgg19": 169_220_807,
}
EMBEDDING = {
    "dan": 512,
    "ddamfn": 512,
    "hsemotion-b0": 1280,
    "hsemotion-b2": 1408,
    "resmasking": 512,
    "segvgg19": 4096,
}
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
every = pytest.mark.parametrize("name", LIVE)


def abstract(name: str, classes: int = 7) -> nnx.Module:
    return nnx.eval_shape(lambda: ARCHITECTURES[name].net(classes, rngs=nnx.Rngs(0)))


@every
def test_parameters_and_outputs(name: str) -> None:
    module = abstract(name)
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))) == LIVE[name]
    size = ARCHITECTURES[name].preprocessing["size"]
    images = jax.ShapeDtypeStruct((2, size, size, 3), np.float32)
    logits, maps = jax.eval_shape(lambda module, images: module(images), module, images)
    assert logits.shape == (2, 7)
    assert maps["embedding"].shape == (2, EMBEDDING[name])
    assert all(value.shape[0] == 2 for value in maps.values())


def b2_rows() -> list[tuple[int, ...]]:
    return [row for row, times in B2_BLOCKS for _ in range(times)]


def test_blocks_of_b2() -> None:
    module = abstract("hsemotion-b2")
    got = []
    for stage, blocks in enumerate(module.stages):
        for block in blocks.layers:
            assert isinstance(block, efficientnet.InvertedBottleneck)
            size, _, inner = block.depthwise.kernel.shape
            inputs = inner if block.expand is None else block.expand.kernel.shape[0]
            gate, outputs = block.excitation.reduce.kernel.shape[1], block.project.kernel.shape[1]
            got.append((stage, inputs, inner, gate, outputs, size, block.stride))
            assert block.residual == (block.stride == 1 and inputs == outputs)
    assert got == b2_rows()


def published_b2() -> dict[str, tuple[int, ...]]:
    """Keys and shapes as PyTorch Image Models has them."""
    shapes: dict[str, tuple[int, ...]] = {
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
    return shapes


def test_published_names_of_b2() -> None:
    shapes = published_b2() | {"classifier.0.weight": (7, 1408), "classifier.0.bias": (7,)}
    state_dict = {key: np.broadcast_to(np.float32(0.5), shape) for key, shape in shapes.items()}
    labels = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    classifier = classify.from_state_dict("hsemotion-b2", state_dict, labels=labels)
    assert classifier.labels == labels
    del state_dict["blocks.6.1.bn3.bias"]
    with pytest.raises(CheckpointError, match=r"missing 'stages.6.layers.1.project_norm.bias'"):
        classify.from_state_dict("hsemotion-b2", state_dict, labels=labels)
    assert efficientnet.TORCH.ours("classifier.weight") == efficientnet.TORCH.ours("classifier.0.weight")


def test_unused_and_repeated_arrays_are_dropped_by_name() -> None:
    for layout, dropped, kept in (
        (ddamfn.TORCH, "features.3.model.8.conv_dw.bn.running_var", "features.3.model.8.conv.bn.running_var"),
        (ddamfn.TORCH, "features.2.conv_dw.prelu.weight", "features.2.conv.prelu.weight"),
        (ddamfn.TORCH, "cat_head1.CoordAtt.Linear.conv.weight", "cat_head1.CoordAtt.Linear_h.conv.weight"),
        (ddamfn.TORCH, "bn.weight", "Linear.bn.weight"),
        (residual_masking.TORCH, "mask1.downsample8.1.bias", "mask1.conv8.downsample.1.bias"),
        (residual_masking.TORCH, "mask2.downsample1.0.weight", "layer2.0.downsample.0.weight"),
        (segmentation_vgg.TORCH, "seg4.downsample1.0.weight", "seg4.conv1.downsample.0.weight"),
    ):
        assert layout.ours(dropped) is None
        assert layout.ours(kept) is not None
