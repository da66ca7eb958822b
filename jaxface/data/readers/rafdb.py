"""RAF-DB (Li, Deng & Du 2017), the single-label part.

Layout and codes as commonly known, not checked against the publishers' files:
`EmoLabel/list_patition_label.txt` (spelt so) with lines `train_00001.jpg 5`;
`Image/aligned/train_00001_aligned.jpg`, `Image/original/train_00001.jpg`; codes 1 to 7 = surprise, fear,
disgust, happiness, sadness, anger, neutral; 12,271 images train, 3,068 test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxface.data.dataset import Dataset
from jaxface.data.image_io import Check
from jaxface.data.readers.common import Found, chosen, code, dataset, fields, folder, lines

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
_LIST = "EmoLabel/list_patition_label.txt"


def read_rafdb(
    root: Path, *, split: Literal["train", "test"] = "train", aligned: bool = True, check: Check = "quick"
) -> Dataset:
    """RAF-DB's basic expressions.

    Args:
        root: the folder that holds `EmoLabel` and `Image`.
        split: the publishers', told by the file names.
        aligned: 100 x 100 crops; else the original photographs, uncropped.

    Raises:
        DataError: a file or folder is missing, or a line is not `name code`.
        LabelError: a code outside 1 to 7.
    """
    chosen("split", split, ("train", "test"))
    folder(root, "Image", "aligned" if aligned else "original", wanted="RAF-DB's images")
    found = Found()
    for number, line in lines(root / _LIST, "RAF-DB's list of labels"):
        name, text = fields(root / _LIST, number, line.split(), 2)
        if not name.startswith(split):
            continue
        stem, dot, suffix = name.rpartition(".")
        path = f"Image/aligned/{stem}_aligned{dot}{suffix}" if aligned else f"Image/original/{name}"
        found.add(path, {"label": code(root / _LIST, number, text, LABELS, first=1)})
    return dataset("rafdb", root, found, check=check, labels=LABELS)
