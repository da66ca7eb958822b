"""RAF-DB (Li, Deng & Du 2017), the single-label part.

Layout and codes are from memory, unverified against the publishers' files:
`EmoLabel/list_patition_label.txt` (spelt so) with lines `train_00001.jpg 5`;
`Image/aligned/train_00001_aligned.jpg`, `Image/original/train_00001.jpg`; codes 1 to 7 = surprise,
fear, disgust, happiness, sadness, anger, neutral; 12,271 images train, 3,068 test."""

from pathlib import Path
from typing import Literal

from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.sources import Check

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
_LIST = "EmoLabel/list_patition_label.txt"


def read_rafdb(
    root: Path, *, split: Literal["train", "test"] = "train", aligned: bool = True, check: Check = "quick"
) -> Dataset:
    """Read RAF-DB's basic expressions.

    Args:
        root: the folder with `EmoLabel` and `Image`.
        split: the publishers', by the file names.
        aligned: 100 x 100 crops; else the original photographs, uncropped.

    Raises:
        DataError: a file or folder is missing, or a line is not `name code`.
        LabelError: a code outside 1 to 7.
    """
    common.check_option("split", split, ("train", "test"))
    common.require_folder(root, "Image", "aligned" if aligned else "original", contents="RAF-DB's images")
    images = common.ImageList()
    for number, line in common.read_lines(root / _LIST, "RAF-DB's list of labels"):
        name, text = common.check_cells(root / _LIST, number, line.split(), 2)
        if not name.startswith(split):
            continue
        stem, dot, suffix = name.rpartition(".")
        path = f"Image/aligned/{stem}_aligned{dot}{suffix}" if aligned else f"Image/original/{name}"
        images.add(path, {"label": common.parse_code(root / _LIST, number, text, LABELS, first=1)})
    return common.build_dataset("rafdb", root, images, check=check, labels=LABELS)
