"""Which classifiers there are, and how a name or a folder becomes one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flax import nnx

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.card import CARD_FILE, Card, read_card
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.classifier import Classifier, FlaxNetwork
from jaxface.classify.weights import fill, read_weights
from jaxface.core.errors import CheckpointError, ConfigError, suggestion
from jaxface.core.io import sha256

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


def from_state_dict(
    name: str, state_dict: Mapping[str, Any], labels: Sequence[str] | None = None
) -> Classifier:
    """A classifier from the state dict of the original PyTorch network, as its authors publish it.

    Args:
        name: an architecture ("dan"), or a model ("dan-affectnet7"), whose card then tells labels and input.
        state_dict: PyTorch's keys -> tensors as NumPy arrays (or anything that `np.asarray` reads), in
            PyTorch's layout; `module.` before every key, counters and dead parameters do no harm.
        labels: the classes in the order of the outputs; a model's card knows them.
    Raises:
        ConfigError: no such name, one that PyTorch does not publish, or no labels for an architecture.
        CheckpointError: tensors that are missing, surplus, of another shape or type, or not finite.
        LabelError: an unknown label, or one expression twice.
    """
    card = _card_of(name, labels)
    layout = ARCHITECTURES[card.architecture].torch
    if layout is None:
        raise ConfigError(f"{name!r} has no PyTorch layout; those of {_published_by_torch()} have")
    origin = f"the state dict for {name}"
    module = _module(card)
    arrays = Translated(module, layout, state_dict, origin)
    structure, abstract = nnx.split(module)
    state = fill(abstract, arrays, origin)
    return Classifier(state=state, network=FlaxNetwork(structure), card=card)


def _card_of(name: str, labels: Sequence[str] | None) -> Card:
    if name in names():
        card = read_card(_ASSETS / name)
        return card if labels is None else dataclasses.replace(card, native_labels=tuple(labels))
    if name not in ARCHITECTURES:
        raise ConfigError(f"unknown classifier {name!r}{suggestion(name, (*names(), *ARCHITECTURES))}")
    if labels is None:
        raise ConfigError(f"{name!r} is an architecture: give labels=, its classes in the order of the outputs")
    preprocessing = ARCHITECTURES[name].preprocessing
    return Card(
        name=name,
        architecture=name,
        native_labels=tuple(labels),
        source="a state dict",
        weights="",
        **preprocessing,
    )


def _published_by_torch() -> str:
    return ", ".join(sorted(name for name, entry in ARCHITECTURES.items() if entry.torch is not None))


def build(card: Card) -> tuple[FlaxNetwork, nnx.State]:
    """The net that a card names and the abstract state that it wants to be filled with.

    Raises:
        CheckpointError: an architecture that jaxface does not have.
    """
    structure, state = nnx.split(_module(card))
    return FlaxNetwork(structure), state


def _module(card: Card) -> nnx.Module:
    """The abstract net that a card names."""
    if card.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"classifier {card.name!r} has the unknown architecture {card.architecture!r}"
            f"{suggestion(card.architecture, ARCHITECTURES)}"
        )
    net = ARCHITECTURES[card.architecture].net
    return nnx.eval_shape(lambda: net(len(card.native_labels), rngs=nnx.Rngs(0)))


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
