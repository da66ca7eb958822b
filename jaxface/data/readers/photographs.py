"""Photographs with one expression each: class folders, and RAF-DB and ExpW, whose labels are a text."""

from pathlib import Path
from typing import Literal

from jaxface.core.errors import DataError, LabelError
from jaxface.core.listing import list_files, list_folders
from jaxface.core.tables import is_missing, local_path
from jaxface.core.types import BASE_EXPRESSIONS, expression_names
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.sources import SUFFIXES, Check

RAFDB_LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
EXPW_LABELS = (*BASE_EXPRESSIONS, "neutral")
_LIST = "EmoLabel/list_patition_label.txt"


def read_folder(
    root: Path,
    *,
    split: str | None = None,
    classes: Literal["expressions", "folders"] = "expressions",
    check: Check = "quick",
) -> Dataset:
    """Read images in `root/CLASS/...` or `root/SPLIT/CLASS/...`, all in alphabetical order.

    Args:
        split: a folder within `root`, such as "train".
        classes: "expressions", in any usual spelling, or whatever the "folders" are called.

    Raises:
        DataError: no such folder, no class folders, no images.
        LabelError: the name of a folder is no expression.
    """
    base = common.require_folder(root, *([split] if split else []), contents="a folder of class folders")
    folders = list_folders(base)
    if not folders:
        raise DataError(f"{base} has no class folders; each class needs a folder")
    names = tuple(each.name for each in folders)
    try:
        labels = expression_names(names) if classes == "expressions" else names
    except LabelError as error:
        numbered = all(name.isdigit() for name in names)
        advice = "reader 'rafdb' knows class folders 1 to 7" if numbered else "classes='folders' accepts any"
        raise LabelError(f"{base}: {error}; {advice}") from None
    images = common.ImageList()
    for label, folder in enumerate(folders):
        for path in list_files(folder, deep=True):
            name = str(path.relative_to(root))
            if path.suffix.lower() in SUFFIXES:
                images.add(name, {"label": label})
            else:
                images.leave_out("not an image file", name)
    return common.build_dataset(root.name, root, images, check=check, labels=labels)


def read_rafdb(
    root: Path, *, split: Literal["train", "test"] = "train", aligned: bool = True, check: Check = "quick"
) -> Dataset:
    """Read RAF-DB (Li, Deng & Du 2017), the single-label part.

    As yaoing/DAN and zczcwh/POSTER read it: `EmoLabel/list_patition_label.txt` (spelt so) with
    lines `train_00001.jpg 5`; `Image/aligned/train_00001_aligned.jpg`,
    `Image/original/train_00001.jpg`; codes 1 to 7 = the order of `RAFDB_LABELS`; 12,271 images
    train, 3,068 test. Lists with the names of the crops, with further fields after the code (their
    copies for other nets), and copies with class folders `train/1/...` to `train/7/...` (as on
    Kaggle, in `DATASET`, too) are read, too.

    Args:
        root: the folder with `EmoLabel` and `Image`.
        split: the publishers', by the file names.
        aligned: 100 x 100 crops; else the original photographs, uncropped.

    Raises:
        DataError: a file or folder is missing, or a line is not `name code`.
        LabelError: a code outside 1 to 7.
    """
    common.check_option("split", split, ("train", "test"))
    images, path = common.ImageList(), root / _LIST
    base = next((each for each in (root, root / "DATASET") if (each / split / "1").is_dir()), None)
    if base is not None and not path.exists():
        for folder in list_folders(base / split):
            label = common.parse_code(folder, 0, folder.name, RAFDB_LABELS, first=1)
            for file in list_files(folder, SUFFIXES):
                images.add(str(file.relative_to(root)), {"label": label})
        return common.build_dataset("rafdb", root, images, check=check, labels=RAFDB_LABELS)
    common.require_folder(root, "Image", "aligned" if aligned else "original", contents="RAF-DB's images")
    for number, line in common.read_lines(path, "RAF-DB's list of labels"):
        fields = line.replace(",", " ").replace(";", " ").split()
        name, text = common.check_cells(path, number, fields[:2], 2)
        name = local_path(root, name).rpartition("/")[2]
        if not name.startswith(split):
            continue
        stem, dot, suffix = name.rpartition(".")
        stem = stem.removesuffix("_aligned")
        image = (
            f"Image/aligned/{stem}_aligned{dot}{suffix}" if aligned else f"Image/original/{stem}{dot}{suffix}"
        )
        if is_missing(text):
            images.leave_out(common.NO_LABEL, image)
        else:
            images.add(image, {"label": common.parse_code(path, number, text, RAFDB_LABELS, first=1)})
    return common.build_dataset("rafdb", root, images, check=check, labels=RAFDB_LABELS)


def read_expw(root: Path, *, confidence: float = 0.0, check: Check = "quick") -> Dataset:
    """Read ExpW, Expression in-the-Wild (Zhang et al. 2018): faces, cut out by their boxes.

    As HazyResearch/meerkat and others read it: `label/label.lst` (or at the
    root) with lines `name face_id top left right bottom confidence code`, images in `image/origin`
    (or `origin`), several faces an image; codes 0 to 6 = the order of `EXPW_LABELS`. There is no
    official split.

    Args:
        confidence: least confidence of the face detector; other faces are left out and counted.

    Raises:
        DataError: the list or the images are missing, or a line is damaged.
        LabelError: a code outside 0 to 6.
    """
    path = next(
        (p for p in (root / "label" / "label.lst", root / "label.lst") if p.exists()), root / "label.lst"
    )
    base = next((base for base in ("image/origin", "origin") if (root / base).is_dir()), None)
    if base is None:
        raise DataError(f"no folder {root / 'image' / 'origin'} (ExpW's images)")
    images = common.ImageList()
    for number, line in common.read_lines(path, "ExpW's list of faces"):
        name, face, *edges, text = common.check_cells(path, number, line.split(), 8)
        name = local_path(root / base, name)
        top, left, right, bottom, score = (common.parse_number(path, number, edge) for edge in edges)
        if is_missing(text):
            images.leave_out(common.NO_LABEL, f"{base}/{name} (face {face})")
            continue
        label = common.parse_code(path, number, text, EXPW_LABELS)
        if score < confidence:
            images.leave_out(f"confidence below {confidence:g}", f"{base}/{name} (face {face})")
        else:
            images.add(f"{base}/{name}", {"label": label}, (left, top, right, bottom))
    return common.build_dataset("expw", root, images, check=check, labels=EXPW_LABELS)
