"""Which classifiers there are, and how a name or a folder becomes one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flax import nnx

from jaxface.classify.card import CARD_FILE, Card, read_card
from jaxface.classify.classifier import Classifier, FlaxNetwork
from jaxface.classify.nets.face_api import FaceApi
from jaxface.classify.nets.mini_xception import MiniXception
from jaxface.classify.weights import fill, read_weights
from jaxface.core.errors import CheckpointError, ConfigError, suggestion
from jaxface.core.io import sha256

ARCHITECTURES: dict[str, Callable[..., nnx.Module]] = {
    "face-api": FaceApi,
    "fer-mini-xception": MiniXception,
}
"""Architecture -> `build(classes, rngs=...)`: a module that gives (logits, named maps)."""

_ASSETS = Path(__file__).parent / "assets"


def names() -> tuple[str, ...]:
    """Every name that `load` knows, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in _ASSETS.glob(f"*/{CARD_FILE}")))


def describe() -> list[dict[str, Any]]:
    """What is known of each name without loading it: one row each, for a table."""
    rows = []
    for name in names():
        card = read_card(_ASSETS / name)
        rows.append(
            {
                "name": name,
                "architecture": card.architecture,
                "dataset": card.dataset,
                "input": f"{card.size} px {card.channels}",
                "labels": list(card.labels),
                "parameters": card.parameters,
                "licence": card.licence,
                "source": card.source,
                "weights": "bundled",
            }
        )
    return rows


def load(name_or_folder: str | Path, checkpoint: str | Path | None = None) -> Classifier:
    """A classifier by its name (`names()`), or from a folder that holds `card.toml` and its weights.

    Args:
        checkpoint: an `.npz` of the net's arrays to use in place of the weights beside the card.
    Raises:
        ConfigError: no such name; the message suggests the closest.
        CheckpointError: a card or weights that are missing, damaged, renamed or do not fit.
    """
    folder = _find(name_or_folder)
    card = read_card(folder)
    if checkpoint is None:
        path = folder / card.weights
        arrays = read_weights(path)
        if card.sha256 and sha256(path) != card.sha256:
            raise CheckpointError(
                f"{path} is not the file its card describes (SHA-256 differs); fetch it again"
            )
    else:
        path = Path(checkpoint)
        arrays = read_weights(path)
        card = dataclasses.replace(card, source=path.name, sha256=sha256(path), licence="unknown")
    network, abstract = build(card)
    state = fill(abstract, arrays, str(path))
    parameters = sum(array.size for array in arrays.values())
    return Classifier(state=state, network=network, card=dataclasses.replace(card, parameters=parameters))


def build(card: Card) -> tuple[FlaxNetwork, nnx.State]:
    """The net that a card names and the abstract state that it wants to be filled with.

    Raises:
        CheckpointError: an architecture that jaxface does not have.
    """
    if card.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"classifier {card.name!r} has the unknown architecture {card.architecture!r}"
            f"{suggestion(card.architecture, ARCHITECTURES)}"
        )
    builder = ARCHITECTURES[card.architecture]
    module = nnx.eval_shape(lambda: builder(len(card.native_labels), rngs=nnx.Rngs(0)))
    structure, state = nnx.split(module)
    return FlaxNetwork(structure), state


def _find(name_or_folder: str | Path) -> Path:
    known = names()
    if isinstance(name_or_folder, str) and name_or_folder in known:
        return _ASSETS / name_or_folder
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    if isinstance(name_or_folder, Path) or len(folder.parts) > 1:
        raise CheckpointError(f"no classifier's folder at {folder}; it would hold {CARD_FILE} and its weights")
    raise ConfigError(
        f"unknown classifier {name_or_folder!r}{suggestion(name_or_folder, known)} "
        f"(or give a folder with {CARD_FILE})"
    )
