"""Aff-Wild2 (Kollias & Zafeiriou 2019), cropped and aligned frames, as in the ABAW competitions.

As th2l/Affwild2-ABAW3-ActionUnit and phan-kimngan/Affwild2-ABAW3-EXPR-PRLAB read it: annotations
`*EXPR*/Train_Set/VIDEO.txt` (and `Validation_Set`; the same with `*AU*`) anywhere below the root's
`annotations` (or `3rd_ABAW_Annotations`, `5th_ABAW_Annotations`, ...), whose first line names the
columns and whose line k + 1 annotates frame k; -1 = not annotated. Frames
`cropped_aligned/VIDEO/00001.jpg`. The first line of the expressions reads
Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other."""

import re
from pathlib import Path
from typing import Literal

import numpy as np

from jaxface.core.errors import DataError, LabelError
from jaxface.core.listing import is_litter, list_files, list_folders
from jaxface.core.tables import is_missing
from jaxface.core.types import expression_name
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.sources import Check

_PARTS = {"train": "Train_Set", "val": "Validation_Set"}
OTHER = "other"


def read_affwild2(root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick") -> Dataset:
    """Read frames with expressions, and the columns `identity` (the video) and `frame`.

    The class "other" is no expression of the vocabulary; `relabel` drops it.

    Raises:
        DataError: a folder is missing, or a line is damaged.
        LabelError: a header with an unknown expression, or another header than the first video's.
    """
    folder, images = _annotation_folder(root, "EXPR", split), common.ImageList()
    labels: tuple[str, ...] = ()
    for video, path in enumerate(list_files(folder, (".txt",))):
        header, *rows = common.read_lines(path, "annotations of a video")
        names = tuple(_label(path, name) for name in header[1].split(","))
        if labels and names != labels:
            raise LabelError(f"{path} has the classes {', '.join(names)}, but other videos {', '.join(labels)}")
        labels = names
        for frame, (number, text) in enumerate(rows, 1):
            name = _frame(root, path.stem, frame)
            if text == "-1" or is_missing(text):
                images.leave_out("not annotated", name)
            else:
                label = common.parse_code(path, number, text, labels)
                images.add(name, {"label": label, "identity": video, "frame": frame})
    return common.build_dataset("affwild2", root, images, check=check, labels=labels)


def read_affwild2_units(
    root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick"
) -> Dataset:
    """Read frames with action units. Headers are AU1,AU2,AU4,...; -1 = unknown.

    Raises:
        DataError: a folder is missing, or a line or header is damaged.
    """
    folder, images = _annotation_folder(root, "AU", split), common.ImageList()
    units: tuple[int, ...] = ()
    for video, path in enumerate(list_files(folder, (".txt",))):
        header, *rows = common.read_lines(path, "annotations of a video")
        numbers = tuple(int(number) for number in re.findall(r"AU\s*(\d+)", header[1]))
        if not numbers or (units and numbers != units):
            raise DataError(f"{path} begins with {header[1]!r}, not with the action units of the other videos")
        units = numbers
        for frame, (number, text) in enumerate(rows, 1):
            values = np.array([common.parse_optional(path, number, each) for each in text.split(",")])
            if len(values) != len(units):
                raise DataError(f"{path}, line {number}: {len(values)} values for {len(units)} action units")
            row = {
                "units": values == 1,
                "units_known": (values == 0) | (values == 1),
                "identity": video,
                "frame": frame,
            }
            images.add(_frame(root, path.stem, frame), row)
    return common.build_dataset("affwild2-units", root, images, check=check, units=units)


def _annotation_folder(root: Path, task: str, split: str) -> Path:
    common.check_option("split", split, tuple(_PARTS))
    of_challenge = (path for path in list_folders(root) if "abaw" in path.name.lower())
    annotations = next(of_challenge, root / "annotations")
    if (root / "annotations").is_dir() or not annotations.is_dir():
        annotations = common.require_folder(root, "annotations", contents="Aff-Wild2's annotations")
    common.require_folder(root, "cropped_aligned", contents="Aff-Wild2's cropped and aligned frames")
    folders = [
        path
        for path in sorted(annotations.rglob(_PARTS[split]))
        if task in path.parent.name.split("_") and not any(map(is_litter, path.relative_to(annotations).parts))
    ]
    if not folders:
        raise DataError(f"no folder *{task}*/{_PARTS[split]} below {annotations}")
    return folders[0]


def _label(path: Path, name: str) -> str:
    if name.strip().lower() == OTHER:
        return OTHER
    try:
        return expression_name(name)
    except LabelError as error:
        raise LabelError(f"{path}, line 1: {error}") from None


def _frame(root: Path, video: str, frame: int) -> str:
    name = f"cropped_aligned/{video}/{frame:05d}"
    return f"{name}.png" if (root / f"{name}.png").is_file() else f"{name}.jpg"
