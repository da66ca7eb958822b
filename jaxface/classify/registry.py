"""The known classifiers: the cards of the package, and a user's folders."""

from pathlib import Path
from typing import Any

from jaxface.classify.card import CARD_FILE, Card, read_card
from jaxface.classify.hub import download, is_hub_name
from jaxface.core.errors import CheckpointError, ConfigError, suggestion

ASSETS = Path(__file__).parent / "assets"

_FAMILIES = {
    "hsemotion-affectnet7": ("hsemotion-b0-affectnet7", "hsemotion-b2-affectnet7"),
    "hsemotion-affectnet8": ("hsemotion-b0-affectnet8", "hsemotion-b2-affectnet8"),
}
"""The paper's names that stand for several nets; the checkpoint decides."""


def names() -> tuple[str, ...]:
    """Return every name that `load` accepts, in alphabetical order; `describe` says which have weights."""
    return tuple(sorted({*_FAMILIES, *(path.parent.name for path in ASSETS.glob(f"*/{CARD_FILE}"))}))


def describe() -> list[dict[str, Any]]:
    """Describe each name without loading it: one row each, for a table."""
    return [_row(name, read_card(folders(name)[0])) for name in names()]


def _row(name: str, card: Card) -> dict[str, Any]:
    return {
        "name": name,
        "architecture": card.architecture,
        "dataset": card.dataset,
        "input": f"{card.size} px {card.channels}",
        "labels": list(card.labels),
        "parameters": card.parameters,
        "licence": card.licence,
        "source": card.source,
        "file": card.published_file,
        "weights": "bundled" if card.weights else "download" if card.published_file else "train",
    }


def folders(name_or_folder: str | Path) -> tuple[Path, ...]:
    """Return the folder with the card of a classifier; several if the name stands for several nets.

    Raises:
        ConfigError: no such name (the message suggests the closest), or no name.
        CheckpointError: no such folder.
    """
    if not isinstance(name_or_folder, str | Path):
        raise no_classifier(name_or_folder)
    if is_hub_name(name_or_folder):
        return (download(str(name_or_folder)),)
    all_names = names()
    if isinstance(name_or_folder, str) and name_or_folder in all_names:
        return tuple(ASSETS / name for name in _FAMILIES.get(name_or_folder, (name_or_folder,)))
    folder = Path(name_or_folder)
    if folder.is_dir():
        return (folder,)
    if folder.is_file():
        raise CheckpointError(
            f"{folder} is a file, no classifier's folder; to make one: jaxface classifiers import NAME {folder}"
        )
    if isinstance(name_or_folder, Path) or len(folder.parts) > 1:
        raise CheckpointError(
            f"no classifier's folder at {folder}; it must contain {CARD_FILE} and its weights"
        )
    raise ConfigError(
        f"unknown classifier {name_or_folder!r}{suggestion(name_or_folder, all_names)} "
        f"(or pass a folder with {CARD_FILE})"
    )


def no_classifier(value: object) -> ConfigError:
    """Return the error for an object in place of a classifier, with what makes one of it."""
    name = getattr(value, "__name__", None)
    what = f"the function {name!r}" if name and not isinstance(value, type) else f"a {type(value).__name__}"
    if hasattr(value, "state_dict") or hasattr(value, "image_processor"):
        remedy = "jf.classify.from_torch(module, processor)"
    elif callable(value):
        remedy = f"jf.classify.from_function({name or 'fn'}, labels=[...]); on_host=True unless it is JAX"
    else:
        return ConfigError(f"got {what} for a classifier; give a name, a folder or a Classifier")
    return ConfigError(f"got {what} for a classifier; make one of it: {remedy}")
