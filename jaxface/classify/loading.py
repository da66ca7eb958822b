"""Load a classifier from a name, a folder, a checkpoint file or a state dict; write it as a folder."""

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
from flax import nnx

from jaxface.classify import checkpoints, exported, onnx_host
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.card import CARD_FILE, Card, read_card
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.classifier import Classifier, FlaxNetwork
from jaxface.classify.model_card import write_cards
from jaxface.classify.registry import folders, names
from jaxface.classify.weights import array_shapes, fill, flat_arrays, write_safetensors
from jaxface.core.errors import CheckpointError, ConfigError, suggestion
from jaxface.core.files import require_regular_file
from jaxface.core.io import atomic_path, sha256


def load(
    name_or_folder: str | Path,
    checkpoint: str | Path | None = None,
    labels: Sequence[str] | None = None,
) -> Classifier:
    """Load a classifier by its name (`names()`), or from a folder with `card.toml` and its weights.

    Args:
        name_or_folder: also "hf:owner/name", a folder of the Hugging Face Hub (`hub.download`), or an `.onnx`.
        checkpoint: weights that replace those beside the card, as their authors publish them: PyTorch
            (`.pth`, `.pt`), safetensors, `.npz`, Keras' HDF5, TensorFlow.js' manifest; or an `.onnx`, which
            runs on the host.
        labels: a class for each output of an `.onnx` of your own, in order.
    Raises:
        ConfigError: no such name; the message suggests the closest.
        CheckpointError: a card or weights that are missing, damaged, renamed or do not fit; or a name
            without weights (the message says where its authors publish them).
        LabelError: no label is an expression or action unit.
    """
    if is_own_onnx(name_or_folder):
        return _load_own_onnx(Path(name_or_folder), labels)
    if labels is not None:
        raise ConfigError(f"labels are for an .onnx file; those of {name_or_folder} stand in its {CARD_FILE}")
    places = folders(name_or_folder)
    if checkpoint is None:
        return _load_folder(places[0])
    path = require_regular_file(checkpoint, CheckpointError, what="checkpoint")
    cards = [_card_for(read_card(place), path) for place in places]
    if onnx_host.is_onnx(path):
        return _first_that_fits(cards, lambda card: onnx_host.classifier(card, path))
    tensors = checkpoints.read(path)
    return _first_that_fits(cards, lambda card: _load_into(card, tensors, str(path)))


def is_own_onnx(name_or_folder: Any) -> bool:
    """Return whether what stands for a classifier is an ONNX file."""
    if not isinstance(name_or_folder, str | Path):
        return False
    path = Path(name_or_folder)
    return onnx_host.is_onnx(path) and not path.is_dir()


def _load_own_onnx(path: Path, labels: Sequence[str] | None) -> Classifier:
    if not labels:
        raise CheckpointError(
            f"{path} does not say what its outputs are: give a label for each, in order, as --labels "
            f"happiness,sadness,neutral; or import it once: jaxface classifiers import {path} --labels ..."
        )
    return onnx_host.classifier(onnx_host.card_of(path, labels), path)


def from_state_dict(
    name: str, state_dict: Mapping[str, Any], labels: Sequence[str] | None = None
) -> Classifier:
    """Build a classifier from the state dict of the original PyTorch network, as its authors publish it.

    Args:
        name: an architecture ("dan"), or a model ("dan-affectnet7"), whose card has labels and preprocessing.
        state_dict: PyTorch's keys -> tensors as NumPy arrays (or anything that `np.asarray` reads), in
            PyTorch's layout; `module.` before every key, counters and unused parameters are ignored.
        labels: the classes in the order of the outputs; None = those of the model's card.
    Raises:
        ConfigError: no such name, one that is not published for PyTorch, or no labels for an architecture.
        CheckpointError: tensors that are missing, surplus, of another shape or type, or not finite.
        LabelError: an unknown label, or one expression twice.
    """
    cards = _cards_of(name, labels)
    if ARCHITECTURES[cards[0].architecture].torch is None:
        torch_names = ", ".join(
            sorted(name for name, entry in ARCHITECTURES.items() if entry.torch is not None)
        )
        raise ConfigError(f"{name!r} has no PyTorch layout; those of {torch_names} have")
    origin = f"the state dict for {name}"
    return _first_that_fits(cards, lambda card: _load_into(card, state_dict, origin, from_torch=True))


def import_checkpoint(name: str, checkpoint: str | Path, out: str | Path) -> Classifier:
    """Convert a published checkpoint to a folder: `weights.safetensors`, `card.toml` and a README.md.

    An `.onnx` is copied as it is.

    Args:
        name: a name, or a folder with a card, for labels, preprocessing and licence.
        out: the folder; these files in it are replaced.
    Returns:
        The classifier, loaded from the folder.
    Raises:
        as `load`.
    """
    classifier, folder = load(name, checkpoint), Path(out)
    path = folder / ("weights.onnx" if classifier.on_host else "weights.safetensors")
    if classifier.on_host:
        with atomic_path(path) as temporary:
            shutil.copyfile(checkpoint, temporary)
    else:
        write_safetensors(path, flat_arrays(classifier.state))
    write_cards(dataclasses.replace(classifier.card, weights=path.name, sha256=sha256(path)), folder)
    return load(folder)


def import_onnx(path: str | Path, labels: Sequence[str], out: str | Path, **preprocessing: Any) -> Classifier:
    """Write an ONNX file of one's own as a folder: a copy, `card.toml`, README.md. Return it as loaded.

    Args:
        labels: a class for each output, in order.
        out: the folder; these files in it are replaced.
        preprocessing: fields of `Preprocessing`, such as mean and std; what is left out is read from the file.
    Raises:
        as `onnx_host.card_of`.
    """
    path, folder = Path(path), Path(out)
    if (data := path.with_name(path.name + ".data")).exists():
        raise CheckpointError(
            f"{path} keeps its weights in {data.name}; save it as one file: "
            f"onnx.save(onnx.load('{path}'), 'one.onnx')"
        )
    card = dataclasses.replace(
        onnx_host.card_of(path, labels, **preprocessing), name=folder.resolve().name, weights="weights.onnx"
    )
    onnx_host.classifier(card, path)  # refuses what does not fit before anything is written
    with atomic_path(folder / card.weights) as temporary:
        shutil.copyfile(path, temporary)
    write_cards(card, folder)
    return load(folder)


def build(card: Card) -> tuple[FlaxNetwork, nnx.State]:
    """Build the net of a card, with an abstract state to fill.

    Raises:
        CheckpointError: an architecture that jaxface does not have.
    """
    structure, state = nnx.split(abstract_module(card))
    return FlaxNetwork(structure, ARCHITECTURES[card.architecture].cpu_batch), state


def _load_folder(folder: Path) -> Classifier:
    card = read_card(folder)
    if not card.weights:
        where = f"its authors publish {card.published_file} at {card.source}"
        raise CheckpointError(
            f"{card.name} comes without weights: {where if card.published_file else card.source}; pass the "
            f"file as checkpoint=, or convert it to a folder: jaxface classifiers import {card.name} FILE"
        )
    if card.weights != Path(card.weights).name:
        raise CheckpointError(
            f"{folder / CARD_FILE}: weights = {card.weights!r}: must be the name of a file beside it"
        )
    path = folder / card.weights
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}; the card beside it names this file")
    if onnx_host.is_onnx(path):
        classifier = onnx_host.classifier(card, path)
    elif card.architecture == exported.ARCHITECTURE:
        classifier = exported.read(card, folder, checkpoints.read(path))
    else:
        classifier = _load_into(card, checkpoints.read(path), str(path))
    if card.sha256 and sha256(path) != card.sha256:
        raise CheckpointError(f"{path} is not the file its card describes (SHA-256 differs); fetch it again")
    return classifier


def _card_for(card: Card, path: Path) -> Card:
    """The card with another weights file, of unknown licence."""
    if card.weights:
        card = dataclasses.replace(card, source=path.name, licence="unknown")
    return dataclasses.replace(card, sha256=sha256(path), weights=path.name)


def _cards_of(name: str, labels: Sequence[str] | None) -> list[Card]:
    if name in names():
        cards = [read_card(place) for place in folders(name)]
        if labels is not None:
            cards = [dataclasses.replace(card, native_labels=tuple(labels)) for card in cards]
        return cards
    if name not in ARCHITECTURES:
        raise ConfigError(f"unknown classifier {name!r}{suggestion(name, (*names(), *ARCHITECTURES))}")
    if labels is None:
        raise ConfigError(f"{name!r} is an architecture: pass labels=, its classes in the order of the outputs")
    card = Card(name=name, architecture=name, native_labels=tuple(labels), source="a state dict", weights="")
    preprocessing = ARCHITECTURES[name].preprocessing
    return [card if preprocessing is None else card.with_preprocessing(preprocessing)]


def _first_that_fits(cards: Sequence[Card], make: Callable[[Card], Classifier]) -> Classifier:
    """The first net that a checkpoint fits; else the error of the last one."""
    for card in cards[:-1]:
        try:
            return make(card)
        except CheckpointError:
            continue
    return make(cards[-1])


def _load_into(card: Card, tensors: Mapping[str, Any], origin: str, from_torch: bool = False) -> Classifier:
    """The net of a card, filled with tensors under our names or their published ones."""
    module = abstract_module(card)
    structure, abstract = nnx.split(module)
    entry = ARCHITECTURES[card.architecture]
    shapes = array_shapes(abstract)
    arrays: Mapping[str, Any] = tensors
    ignored: list[str] = []
    name_of: Callable[[str], str] = str
    if entry.array_key is not None and shapes.keys().isdisjoint(tensors):
        arrays, name_of = _rename_keys(entry.array_key, shapes, tensors), entry.array_key
    elif entry.torch is not None and (from_torch or shapes.keys().isdisjoint(tensors)):
        arrays = Translated(module, entry.torch, tensors, origin)
        ignored = arrays.ignored_keys
    state = fill(abstract, arrays, origin, name_of)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state))
    return Classifier(
        state=state,
        network=FlaxNetwork(structure, entry.cpu_batch),
        card=dataclasses.replace(card, parameters=parameters, note=_note(ignored) or card.note),
    )


def _note(ignored: Sequence[str]) -> str:
    if not ignored:
        return ""
    more = f" and {len(ignored) - 3} more" if len(ignored) > 3 else ""
    return f"its checkpoint holds {', '.join(map(repr, ignored[:3]))}{more} beside the network, left out"


def _rename_keys(
    name_of: Callable[[str], str], shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Any]
) -> dict[str, Any]:
    """Arrays under the names of a Keras or TensorFlow file; only axes of length one differ from ours."""
    theirs = {name_of(name): name for name in shapes}
    out = {}
    for key, tensor in tensors.items():
        name = theirs.get(key, key)
        shape = tuple(tensor.shape)  # before anything of that size is read
        fits = name in shapes and [n for n in shape if n > 1] == [n for n in shapes[name] if n > 1]
        out[name] = np.asarray(tensor).reshape(shapes[name]) if fits else tensor
    return out


def abstract_module(card: Card) -> nnx.Module:
    """Return the abstract net of a card."""
    if card.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"classifier {card.name!r} has the unknown architecture {card.architecture!r}"
            f"{suggestion(card.architecture, ARCHITECTURES)}"
        )
    net = ARCHITECTURES[card.architecture].net
    # Shapes alone need no random numbers, so one key serves all; `nnx.Rngs` costs seconds for many layers.
    key = SimpleNamespace(params=lambda: jax.random.key(0))
    return nnx.eval_shape(lambda: net(card.outputs, rngs=key))
