"""FER2013 (Goodfellow et al. 2013) and FER+ (Barsoum et al. 2016), new labels of the same images.

The layouts are from memory, unverified against the publishers' files. FER2013: `fer2013.csv` or
`icml_face_data.csv` with the columns emotion, pixels (48 x 48 grey values) and Usage (Training,
PublicTest, PrivateTest), or class folders in `train` and `test`; codes 0 to 6 = anger, disgust,
fear, happiness, sadness, surprise, neutral. FER+: `fer2013new.csv`, row by row for `fer2013.csv`,
with the columns Usage, "Image name" and ten annotators' votes."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxface.core.errors import DataError
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.readers.photographs import read_folder
from jaxface.data.sources import Check

LABELS = (*BASE_EXPRESSIONS, "neutral")
CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_NO_FACE = ("unknown", "NF")
_TABLES = ("fer2013.csv", "icml_face_data.csv")
_USAGE = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
_EDGE = 48

Split = Literal["train", "val", "test"]


def read_fer2013(root: Path, *, split: Split = "train", check: Check = "quick") -> Dataset:
    """Read FER2013 with the competition's labels; images (48, 48, 1).

    Args:
        root: the folder with the table, or with class folders in `train`, `test` (and perhaps
            `val`); class folders are read as RGB.
        split: "val" is PublicTest and "test" PrivateTest.

    Raises:
        DataError: neither layout is there, or a row is damaged.
        LabelError: a code outside 0 to 6.
    """
    common.check_option("split", split, tuple(_USAGE))
    path = next((root / name for name in _TABLES if (root / name).is_file()), None)
    if path is None:
        if not (root / split).is_dir():
            raise DataError(f"{root} has neither {' nor '.join(_TABLES)} nor a folder {split}/: no FER2013")
        dataset = read_folder(root, split=split, check=check)
        return dataclasses.replace(dataset.relabel(LABELS), name="fer2013")
    images = common.ImageList()
    for number, usage, text, pixels in _rows(path):
        if usage == _USAGE[split]:
            row = {"label": common.parse_code(path, number, text, LABELS)}
            _add(images, f"line {number}", row, pixels)
    return common.build_dataset("fer2013", path, images, check=check, labels=LABELS)


def read_ferplus(root: Path, *, split: Split = "train", check: Check = "quick") -> Dataset:
    """Read FER2013's images with FER+'s labels: the class with most votes.

    As its authors do (from memory), single votes are ignored as mistakes. Images without a clear
    winner, and those where "unknown" or "NF" (no face) wins, are left out. The column `votes` (N,
    8) holds the fractions of the votes.

    Args:
        root: the folder with `fer2013.csv` and `fer2013new.csv`.

    Raises:
        DataError: a file is missing, the tables differ in length, or a row is damaged.
    """
    common.check_option("split", split, tuple(_USAGE))
    path = next((root / name for name in _TABLES if (root / name).is_file()), root / _TABLES[0])
    columns = (*CLASSES, *_NO_FACE)
    votes = list(common.read_table(root / "fer2013new.csv", ("Usage", *columns)))
    images, rows = common.ImageList(), 0
    for rows, (number, _, _, pixels) in enumerate(_rows(path), 1):
        if rows > len(votes):
            continue
        line, row = votes[rows - 1]
        if row["Usage"].strip() != _USAGE[split]:
            continue
        name = row.get("Image name") or f"line {line}"
        votes_of = [common.parse_number(root / "fer2013new.csv", line, row[each]) for each in columns]
        counts = np.where(np.array(votes_of) > 1, votes_of, 0)
        winner = int(counts.argmax())
        if pixels is not None and winner >= len(CLASSES):
            images.leave_out(f"{_NO_FACE[winner - len(CLASSES)]!r} wins", name)
        elif pixels is not None and (counts == counts[winner]).sum() > 1:
            images.leave_out("no clear winner", name)
        else:
            fractions = counts[: len(CLASSES)] / max(counts[: len(CLASSES)].sum(), 1)
            _add(images, f"line {number}", {"label": winner, "votes": fractions}, pixels)
    if rows != len(votes):
        raise DataError(
            f"{path} has {rows} images and fer2013new.csv {len(votes)} rows; they must match row by row"
        )
    return common.build_dataset("ferplus", path, images, check=check, labels=CLASSES)


def _add(images: common.ImageList, name: str, row: Mapping[str, Any], pixels: np.ndarray | None) -> None:
    if pixels is None:
        images.leave_out(f"not {_EDGE} x {_EDGE} grey values", name)
    else:
        images.add(name, row)
        images.pixels.append(pixels)


def _rows(path: Path) -> Iterator[tuple[int, str, str, np.ndarray | None]]:
    """Yield line, usage, code and image (48, 48, 1) of each row; None for damaged pixels."""
    for number, row in common.read_table(path, ("emotion", "pixels", "Usage")):
        try:
            pixels = np.array(row["pixels"].split(), np.uint8)
            image = pixels.reshape(_EDGE, _EDGE, 1)
        except (ValueError, OverflowError):
            image = None
        yield number, row["Usage"].strip(), row["emotion"], image
