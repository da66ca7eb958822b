"""AffectNet (Mollahosseini, Hasani & Mahoor 2017), manually annotated, in both layouts that went round.

As commonly known, not checked against the publishers' files. Tables: `training.csv` and `validation.csv` (in
`Manually_Annotated_file_lists` or at the root) with the columns subDirectory_filePath, face_x, face_y,
face_width, face_height, expression; images in `Manually_Annotated_Images`. Arrays: `train_set` and `val_set`,
each with `images/N.jpg`, cropped, and `annotations/N_exp.npy`, the code as a string. Codes 0 to 7 = neutral,
happiness, sadness, surprise, fear, disgust, anger, contempt; 8 to 10 = none, uncertain, no face."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data.dataset import Dataset
from jaxface.data.image_io import SUFFIXES, Check
from jaxface.data.readers.common import Found, chosen, code, dataset, folder, number_of, table

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_OTHERS = ("none", "uncertain", "no face")
_TABLES = {"train": "training.csv", "val": "validation.csv"}
_FOLDERS = {"train": "train_set", "val": "val_set"}
_COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression")


def read_affectnet8(root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick") -> Dataset:
    """AffectNet with contempt; see `read_affectnet7`."""
    return _read(root, split, check, LABELS)


def read_affectnet7(root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick") -> Dataset:
    """AffectNet without contempt, which the report counts; its test part was never published.

    Args:
        root: the folder that holds `train_set` and `val_set`, or the tables and `Manually_Annotated_Images`;
            in that layout the face is cut out by its box.

    Raises:
        DataError: neither layout is there, or a row or annotation is damaged.
        LabelError: a code outside 0 to 10.
    """
    return _read(root, split, check, LABELS[:7])


def _read(root: Path, split: str, check: Check, labels: tuple[str, ...]) -> Dataset:
    chosen("split", split, tuple(_TABLES))
    found = Found()
    home = next(
        (p for p in (root / "Manually_Annotated_file_lists", root) if (p / _TABLES[split]).is_file()), None
    )
    if (root / _FOLDERS[split]).is_dir():
        _arrays(root, _FOLDERS[split], found, labels)
    elif home is not None:
        _table(root, home / _TABLES[split], found, labels)
    else:
        raise DataError(
            f"{root} has neither {_FOLDERS[split]}/ nor {_TABLES[split]}, wanted AffectNet's {split} part"
        )
    return dataset(f"affectnet{len(labels)}", root, found, check=check, labels=labels)


def _take(found: Found, labels: tuple[str, ...], label: int, name: str, box: tuple[float, ...] | None) -> None:
    every = (*LABELS, *_OTHERS)
    if label < len(labels):
        found.add(name, {"label": label}, box)
    else:
        found.leave(f"class {every[label]!r} is not asked for", name)


def _arrays(root: Path, part: str, found: Found, labels: tuple[str, ...]) -> None:
    images = folder(root, part, "images", wanted="AffectNet's images")
    notes = folder(root, part, "annotations", wanted="AffectNet's annotations")
    for path in sorted(images.iterdir(), key=lambda path: (len(path.stem), path.stem)):
        name = str(path.relative_to(root))
        if path.suffix.lower() not in SUFFIXES:
            continue
        note = notes / f"{path.stem}_exp.npy"
        if not note.is_file():
            found.leave("no annotation", name)
            continue
        try:
            text = str(np.load(note, allow_pickle=False).item())
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"{note} is damaged: {error}") from None
        _take(found, labels, code(note, 1, text, (*LABELS, *_OTHERS)), name, None)


def _table(root: Path, path: Path, found: Found, labels: tuple[str, ...]) -> None:
    base = "Manually_Annotated_Images"
    folder(root, base, wanted="AffectNet's images")
    for number, row in _rows(path):
        label = code(path, number, row["expression"], (*LABELS, *_OTHERS))
        x, y, width, height = (number_of(path, number, row[name]) for name in _COLUMNS[1:5])
        _take(found, labels, label, f"{base}/{row['subDirectory_filePath']}", (x, y, x + width, y + height))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The table with its header; without one, the columns stand in the published order."""
    full = (*_COLUMNS[:5], "facial_landmarks", "expression", "valence", "arousal")
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), [])
    return table(path, _COLUMNS, None if "expression" in first else full)
