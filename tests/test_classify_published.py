"""The seventeen classifiers of the paper: their cards, their places for published tensors, their types."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.classify import loading
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.registry import ASSETS, folders
from jaxface.core.errors import CheckpointError
from tests import generated
from tests.shared import shared_file

PAPER = [
    *(
        f"{net}-{data}"
        for net in ("dan", "ddamfn", "poster-v2")
        for data in ("affectnet7", "affectnet8", "rafdb")
    ),
    *(f"hsemotion-{data}" for data in ("affectnet7", "affectnet8")),
    *(f"emonext-{size}-fer2013" for size in ("tiny", "small", "base", "large")),
    "resmasking-fer2013",
    "segvgg19-fer2013",
]
FIXTURES = {
    "dan_7": "dan-rafdb",
    "ddamfn_7": "ddamfn-rafdb",
    "hsemotion_b0_8": "hsemotion-b0-affectnet8",
    "posterv2_7": "poster-v2-rafdb",
    "emonext_tiny": "emonext-tiny-fer2013",
    "resmasking": "resmasking-fer2013",
    "segvgg19": "segvgg19-fer2013",
}
UNPUBLISHED = sorted(path.parent.name for path in ASSETS.glob("*/card.toml"))
UNPUBLISHED = [name for name in UNPUBLISHED if not classify.read_card(ASSETS / name).weights]


def test_all_seventeen_are_known() -> None:
    assert len(PAPER) == 17 and set(PAPER) <= set(classify.names())


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_card_agrees_with_the_net(name: str) -> None:
    card = classify.read_card(ASSETS / name)
    assert card.name == name and name.startswith(card.architecture.removesuffix("-b0"))
    for field, value in ARCHITECTURES[card.architecture].preprocessing.items():
        assert getattr(card, field) == value, field
    assert card.parameters == sum(int(np.prod(shape)) for shape in generated.shapes(name).values())
    classes = {"AffectNet-7": 7, "AffectNet-8": 8, "RAF-DB": 7, "FER2013": 7}[card.dataset]
    assert len(card.labels) == classes and ("contempt" in card.labels) == (classes == 8)
    assert card.licence != "unknown" and "github.com" in card.source + "huggingface"


@pytest.mark.parametrize("name", PAPER)
def test_without_a_checkpoint_the_message_says_where_it_is(name: str) -> None:
    card = classify.read_card(folders(name)[0])
    with pytest.raises(CheckpointError, match=r"comes without weights: .*jaxface classifiers import") as caught:
        classify.load(name)
    assert card.published_file in str(caught.value) and card.source in str(caught.value)


@pytest.mark.parametrize(("fixture", "name"), FIXTURES.items())
def test_every_published_tensor_has_its_place(fixture: str, name: str) -> None:
    path = shared_file(f"fixtures/classifiers/{fixture}.npz")
    tensors = published(path)
    card = classify.read_card(ASSETS / name)
    module = loading.abstract_module(card)
    translated = Translated(module, ARCHITECTURES[card.architecture].torch, tensors, fixture)
    wanted = generated.shapes(name)
    assert set(translated) == set(wanted)
    for key, shape in wanted.items():
        assert translated[key].shape == shape, key
    first = next(key for key in tensors if key.endswith(".weight") and tensors[key].ndim == 4)
    with pytest.raises(CheckpointError, match=r"missing .* arrays wanted"):
        Translated(module, ARCHITECTURES[card.architecture].torch, without(tensors, first), fixture)


def published(path: Path) -> dict[str, np.ndarray]:
    """Tensors of the right names, shapes and types that take no memory."""
    sys.path.insert(0, str(path.parent))
    try:
        import generate
    finally:
        sys.path.remove(str(path.parent))
    whole = {"bn_count", "relpos_index"}
    return {
        row[0]: np.broadcast_to(np.zeros((), np.int64 if row[2] in whole else np.float32), row[1])
        for row in generate.load_fixture(path)[0]
    }


def without(tensors: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: tensor for name, tensor in tensors.items() if name != key}


@pytest.mark.parametrize("name", [*FIXTURES.values(), "hsemotion-b2-affectnet7"])
def test_half_precision_passes_through(name: str) -> None:
    card = classify.read_card(ASSETS / name)
    network, state = loading.build(card)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16), state)
    images = jax.ShapeDtypeStruct((2, card.size, card.size, card.depth), jnp.bfloat16)
    logits, maps = jax.eval_shape(network, state, images)
    assert logits.shape == (2, len(card.labels)) and logits.dtype == jnp.bfloat16
    assert maps and all(value.shape[0] == 2 for value in maps.values())
