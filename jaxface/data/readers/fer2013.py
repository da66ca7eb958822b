"""FER2013 (Goodfellow et al. 2013) and FER+ (Barsoum et al. 2016), new labels of the same images.

As microsoft/FERPlus, pytorch/vision and HazyResearch/meerkat read them. FER2013: `fer2013.csv`
(some archives call it `fer2013`) or `icml_face_data.csv` (with blanks in its header) at the root or
in `fer2013/`, with the columns emotion, pixels (48 x 48 grey values) and Usage (Training,
PublicTest, PrivateTest); or Kaggle's `train.csv` without Usage, its training part alone (its
`test.csv` has no labels); or class folders in `train` and `test`. Codes 0 to 6 = anger, disgust,
fear, happiness, sadness, surprise, neutral. FER+: `fer2013new.csv`, row by row for `fer2013.csv`,
with the columns Usage, "Image name" (empty where there is no face) and ten annotators' votes."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxface.core.errors import DataError
from jaxface.core.tables import is_missing
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.readers.photographs import read_folder
from jaxface.data.sources import Check

LABELS = (*BASE_EXPRESSIONS, "neutral")
CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_NO_FACE = ("unknown", "NF")
_TABLES = ("fer2013.csv", "icml_face_data.csv", "fer2013")
_TRAINING = "train.csv"
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
    path = _find_table(root, (*_TABLES, _TRAINING) if split == "train" else _TABLES)
    if path is None:
        if not (root / split).is_dir():
            hint = f"; {_TRAINING} has the training part alone" if _find_table(root, (_TRAINING,)) else ""
            raise DataError(
                f"{root} has neither {' nor '.join(_TABLES)} nor a folder {split}/: no FER2013{hint}"
            )
        dataset = read_folder(root, split=split, check=check)
        return dataclasses.replace(dataset.relabel(LABELS), name="fer2013")
    images = common.ImageList()
    for number, usage, text, pixels in _rows(path):
        if usage == _USAGE[split]:
            if is_missing(text):
                images.leave_out(common.NO_LABEL, f"line {number}")
            else:
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
    path = _find_table(root, _TABLES) or root / _TABLES[0]
    columns = (*CLASSES, *_NO_FACE)
    votes = list(common.read_table(root / "fer2013new.csv", ("Usage", *columns)))
    images, rows = common.ImageList(), 0
    for rows, (number, _, _, pixels) in enumerate(_rows(path), 1):
        if rows > len(votes):
            continue
        line, row = votes[rows - 1]
        if row["Usage"] != _USAGE[split]:
            continue
        name = row.get("Image name", f"line {line}")
        if not name:
            images.leave_out("no name in FER+", f"line {line}")
            continue
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


def _find_table(root: Path, names: Sequence[str]) -> Path | None:
    paths = (folder / name for folder in (root, root / "fer2013") for name in names)
    return next((path for path in paths if path.is_file()), None)


def _rows(path: Path) -> Iterator[tuple[int, str, str, np.ndarray | None]]:
    """Yield line, usage, code and image (48, 48, 1) of each row; None for damaged pixels."""
    usage = () if path.name == _TRAINING else ("Usage",)
    for number, row in common.read_table(path, ("emotion", "pixels", *usage)):
        try:
            pixels = np.array(row["pixels"].split(), np.uint8)
            image = pixels.reshape(_EDGE, _EDGE, 1)
        except (ValueError, OverflowError):
            image = None
        yield number, row.get("Usage", _USAGE["train"]), row["emotion"], image
