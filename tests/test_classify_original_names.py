"""Missing tensors are named as the file would name them."""

import random
from pathlib import Path

import numpy as np
import pytest

from jaxface import classify
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.keys import is_constant
from jaxface.classify.checkpoints.original_names import original_name
from jaxface.classify.weights import flat_arrays
from jaxface.core.errors import CheckpointError
from tests import torch_state_dicts
from tests.shared import shared_file

FILES = {
    "dan": "classifiers/dan_7",
    "ddamfn": "classifiers/ddamfn_7",
    "hsemotion-b0": "classifiers/hsemotion_b0_8",
    "poster-v2": "classifiers/posterv2_7",
    "resmasking": "classifiers/resmasking",
    "segvgg19": "classifiers/segvgg19",
    "resnet18": "backbones/resnet18",
}


def keys_of(architecture: str) -> list[str]:
    if architecture == "emonext-tiny":
        return list(torch_state_dicts.emonext("tiny"))
    with np.load(shared_file(f"fixtures/{FILES[architecture]}.npz")) as file:
        return [key for key in file.files if not is_constant(key)]


@pytest.mark.parametrize("architecture", ["emonext-tiny", *FILES])
def test_a_missing_array_gets_its_published_name(architecture: str) -> None:
    keys, layout = keys_of(architecture), ARCHITECTURES[architecture].torch
    assert layout is not None
    wrong = {}
    for key in random.Random(0).sample(keys, 40):
        name = layout.map_key(key)
        others = [other for other in keys if other != key]
        if name is not None and (original := original_name(name, layout.rename, layout.map_key, others)) != key:
            wrong[key] = original
    assert not wrong


def test_a_prefix_of_the_file_is_kept() -> None:
    arrays = torch_state_dicts.tensors(torch_state_dicts.emonext("tiny"))
    del arrays["downsample_layers.0.0.weight"]
    arrays_of_module = {f"module.{key}": array for key, array in arrays.items()}
    labels = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    with pytest.raises(CheckpointError, match=r"missing 'module\.downsample_layers\.0\.0\.weight'; "):
        classify.from_state_dict("emonext-tiny", arrays_of_module, labels=labels)


def test_a_manifest_is_told_in_its_own_names(tmp_path: Path) -> None:
    card = classify.load("face-api")
    published = ARCHITECTURES["face-api"].array_key
    assert published is not None
    arrays = flat_arrays(card.state)
    foreign = {published(name): array for name, array in arrays.items() if name != "block1/second/depthwise"}
    np.savez(tmp_path / "foreign.npz", **foreign)
    with pytest.raises(CheckpointError, match="missing 'dense1/conv1/depthwise_filter'; 49 arrays expected"):
        classify.load("face-api", checkpoint=tmp_path / "foreign.npz")
