"""AffectNet (Mollahosseini, Hasani & Mahoor 2017), manually annotated, in its two known layouts.

Tables, as ZBigFish/AffectNet-Dataset-Preprocessing-Tool and others read them: `training.csv` and
`validation.csv` (in `Manually_Annotated_file_lists` or at the root) with the columns
subDirectory_filePath, face_x, face_y, face_width, face_height, expression, some boxes NULL; images
in `Manually_Annotated_Images`. Arrays, as ali-sedaghi/AffectNet-Trainer and yaoing/DAN read them:
`train_set` and `val_set`, each with `images/N.jpg`, cropped, and `annotations/N_exp.npy`, the code
as a string (or a number). Codes 0 to 7 = neutral, happiness, sadness, surprise, fear, disgust,
anger, contempt; 8 to 10 = none, uncertain, no face."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from jaxface.core.errors import DataError
from jaxface.core.files import read_bytes
from jaxface.core.listing import list_files
from jaxface.core.npy_files import read_array
from jaxface.core.tables import is_missing, local_path, read_rows
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.sources import SUFFIXES, Check

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_OTHERS = ("none", "uncertain", "no face")
_TABLES = {"train": "training.csv", "val": "validation.csv"}
_FOLDERS = {"train": "train_set", "val": "val_set"}
_LARGEST_CODE = 2**16  # bytes
_COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression")


def read_affectnet8(root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick") -> Dataset:
    """Read AffectNet with contempt; see `read_affectnet7`."""
    return _read(root, split, check, LABELS)


def read_affectnet7(root: Path, *, split: Literal["train", "val"] = "train", check: Check = "quick") -> Dataset:
    """Read AffectNet without contempt, which the report counts. Its test part was never published.

    Args:
        root: the folder with `train_set` and `val_set`, or with the tables and
            `Manually_Annotated_Images`. In the second layout the face is cut out by its box.

    Raises:
        DataError: neither layout is there, or a row or annotation is damaged.
        LabelError: a code outside 0 to 10.
    """
    return _read(root, split, check, LABELS[:7])


def _read(root: Path, split: str, check: Check, labels: tuple[str, ...]) -> Dataset:
    common.check_option("split", split, tuple(_TABLES))
    images = common.ImageList()
    table_folder = next(
        (p for p in (root / "Manually_Annotated_file_lists", root) if (p / _TABLES[split]).is_file()), None
    )
    if (root / _FOLDERS[split]).is_dir():
        _arrays(root, _FOLDERS[split], images, labels)
    elif table_folder is not None:
        _table(root, table_folder / _TABLES[split], images, labels)
    else:
        raise DataError(
            f"{root} has neither {_FOLDERS[split]}/ nor {_TABLES[split]}: no {split} part of AffectNet"
        )
    return common.build_dataset(f"affectnet{len(labels)}", root, images, check=check, labels=labels)


def _add(
    images: common.ImageList, labels: tuple[str, ...], label: int, name: str, box: tuple[float, ...] | None
) -> None:
    if label < len(labels):
        images.add(name, {"label": label}, box)
    else:
        images.leave_out(f"class {(*LABELS, *_OTHERS)[label]!r} is not used", name)


def _arrays(root: Path, part: str, images: common.ImageList, labels: tuple[str, ...]) -> None:
    image_folder = common.require_folder(root, part, "images", contents="AffectNet's images")
    annotations = common.require_folder(root, part, "annotations", contents="AffectNet's annotations")
    for path in sorted(list_files(image_folder, SUFFIXES), key=lambda path: (len(path.stem), path.stem)):
        name = str(path.relative_to(root))
        annotation = annotations / f"{path.stem}_exp.npy"
        text = _read_code(annotation) if annotation.exists() else ""
        if is_missing(text):
            images.leave_out("no annotation", name)
            continue
        _add(images, labels, common.parse_code(annotation, 1, text, (*LABELS, *_OTHERS)), name, None)


def _read_code(path: Path) -> str:
    """Return the one code that an array file holds, as text; numbers and bytes are codes, too."""
    content = read_bytes(path, DataError, what="code of an expression", largest=_LARGEST_CODE)
    array = read_array(content, path, DataError, what="code of an expression")
    if array.size != 1:
        raise DataError(f"{path} holds an array of shape {array.shape}, not one code")
    value = array.item()
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _table(root: Path, path: Path, images: common.ImageList, labels: tuple[str, ...]) -> None:
    base = "Manually_Annotated_Images"
    common.require_folder(root, base, contents="AffectNet's images")
    for number, row in _rows(path):
        name = f"{base}/{local_path(root / base, row['subDirectory_filePath'])}"
        if is_missing(row["expression"]):
            images.leave_out(common.NO_LABEL, name)
            continue
        label = common.parse_code(path, number, row["expression"], (*LABELS, *_OTHERS))
        x, y, width, height = (common.parse_optional(path, number, row[each]) for each in _COLUMNS[1:5])
        _add(images, labels, label, name, (x, y, x + width, y + height))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the table; without a header the columns are in the published order."""
    published_order = (*_COLUMNS[:5], "facial_landmarks", "expression", "valence", "arousal")
    first = next(read_rows(path, DataError, what="table of AffectNet"), (0, []))[1]
    return common.read_table(path, _COLUMNS, None if "expression" in first else published_order)
