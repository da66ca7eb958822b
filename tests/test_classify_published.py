"""The seventeen classifiers of the paper: their cards, and where their weights are."""

import numpy as np
import pytest

from jaxface import classify
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.registry import ASSETS, folders
from jaxface.core.errors import CheckpointError
from tests import random_weights

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
UNPUBLISHED = sorted(path.parent.name for path in ASSETS.glob("*/card.toml"))
UNPUBLISHED = [name for name in UNPUBLISHED if not classify.read_card(ASSETS / name).weights]


# in the order of the outputs; index 0 first
ORDERS = {
    "AffectNet": "neutral happiness sadness surprise fear disgust anger contempt",
    "RAF-DB": "surprise fear disgust happiness sadness anger neutral",
    "ddamfn-rafdb": "neutral happiness sadness surprise fear disgust anger",
    "hsemotion-affectnet7": "anger disgust fear happiness neutral sadness surprise",
    "hsemotion-affectnet8": "anger contempt disgust fear happiness neutral sadness surprise",
    "emonext": "anger disgust fear happiness neutral sadness surprise",
    "FER2013": "anger disgust fear happiness sadness surprise neutral",
}


def test_all_seventeen_are_known() -> None:
    assert len(PAPER) == 17 and set(PAPER) <= set(classify.names())


@pytest.mark.parametrize("name", PAPER)
def test_labels_stand_in_the_order_of_the_outputs(name: str) -> None:
    for folder in folders(name):
        card = classify.read_card(folder)
        keys = (name, card.architecture.split("-")[0], card.dataset.removesuffix("-7").removesuffix("-8"))
        order = next(ORDERS[key] for key in keys if key in ORDERS).split()
        assert card.labels == tuple(order[: len(card.labels)])


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_card_agrees_with_the_net(name: str) -> None:
    card = classify.read_card(ASSETS / name)
    assert card.name == name and name.startswith(card.architecture.removesuffix("-b0"))
    assert card.preprocessing == ARCHITECTURES[card.architecture].preprocessing
    assert card.parameters == sum(int(np.prod(shape)) for shape in random_weights.shapes(name).values())
    classes = {"AffectNet-7": 7, "AffectNet-8": 8, "RAF-DB": 7, "FER2013": 7}[card.dataset]
    assert len(card.labels) == classes and ("contempt" in card.labels) == (classes == 8)
    assert card.licence != "unknown" and "github.com" in card.source + "huggingface"


@pytest.mark.parametrize("name", PAPER)
def test_without_a_checkpoint_the_message_says_where_it_is(name: str) -> None:
    card = classify.read_card(folders(name)[0])
    with pytest.raises(CheckpointError, match=r"comes without weights: .*jaxface classifiers import") as caught:
        classify.load(name)
    assert card.published_file in str(caught.value) and card.source in str(caught.value)
