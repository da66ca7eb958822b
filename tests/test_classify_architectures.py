"""HSEmotion-B2 block by block, and what is dropped of published checkpoints, by name."""

from pathlib import Path
from typing import Any

import pytest

from jaxface import classify
from jaxface.classify.nets import ddamfn, efficientnet, residual_masking, segmentation_vgg
from jaxface.core.errors import CheckpointError
from tests import random_weights, torch_files, torch_state_dicts


def test_blocks_of_b2() -> None:
    module: Any = random_weights.module("hsemotion-b2-affectnet7")
    got = []
    for stage, blocks in enumerate(module.stages):
        for block in blocks.layers:
            assert isinstance(block, efficientnet.InvertedBottleneck)
            size, _, inner = block.depthwise.kernel.shape
            inputs = inner if block.expand is None else block.expand.kernel.shape[0]
            gate, outputs = block.excitation.reduce.kernel.shape[1], block.project.kernel.shape[1]
            got.append((stage, inputs, inner, gate, outputs, size, block.stride))
            assert block.residual == (block.stride == 1 and inputs == outputs)
    assert got == torch_state_dicts.b2_rows()


def test_b2_is_imported_under_its_published_names(tmp_path: Path) -> None:
    arrays = torch_state_dicts.tensors(torch_state_dicts.b2())
    whole = torch_files.module("timm.models.efficientnet.EfficientNet", arrays)
    file = torch_files.save_zip(tmp_path / "enet_b2_7.pt", whole)
    classifier = classify.import_checkpoint("hsemotion-affectnet7", file, tmp_path / "mine")
    assert classifier.name == "hsemotion-b2-affectnet7" and classifier.card.weights == "weights.safetensors"
    assert classifier.labels == ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    del arrays["blocks.6.1.bn3.bias"]
    with pytest.raises(CheckpointError, match=r"missing 'blocks.6.1.bn3.bias'"):
        classify.from_state_dict("hsemotion-b2", arrays, labels=classifier.labels)
    assert efficientnet.TORCH.map_key("classifier.weight") == efficientnet.TORCH.map_key("classifier.0.weight")


def test_unused_and_repeated_arrays_are_dropped_by_name() -> None:
    for layout, copy, original in (
        (ddamfn.TORCH, "features.3.model.8.conv_dw.bn.running_var", "features.3.model.8.conv.bn.running_var"),
        (ddamfn.TORCH, "features.2.conv_dw.prelu.weight", "features.2.conv.prelu.weight"),
        (ddamfn.TORCH, "cat_head1.CoordAtt.Linear.conv.weight", "cat_head1.CoordAtt.Linear_h.conv.weight"),
        (ddamfn.TORCH, "bn.weight", "Linear.bn.weight"),
        (residual_masking.TORCH, "mask1.downsample8.1.bias", "mask1.conv8.downsample.1.bias"),
        (residual_masking.TORCH, "mask2.downsample1.0.weight", "layer2.0.downsample.0.weight"),
        (segmentation_vgg.TORCH, "seg4.downsample1.0.weight", "seg4.conv1.downsample.0.weight"),
    ):
        assert layout.map_key(copy) is None
        assert layout.map_key(original) is not None
