"""A folder of class folders."""

from pathlib import Path
from typing import Literal

from jaxface.core.errors import DataError, LabelError
from jaxface.core.types import expression_names
from jaxface.data.dataset import Dataset
from jaxface.data.readers.common import ImageList, build_dataset, require_folder
from jaxface.data.sources import SUFFIXES, Check


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
    base = require_folder(root, *([split] if split else []), contents="a folder of class folders")
    folders = sorted(each for each in base.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not folders:
        raise DataError(f"{base} has no class folders; each class needs a folder")
    names = tuple(each.name for each in folders)
    try:
        labels = expression_names(names) if classes == "expressions" else names
    except LabelError as error:
        raise LabelError(f"{base}: {error}; classes='folders' accepts any folder names") from None
    images = ImageList()
    for label, folder in enumerate(folders):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            name = str(path.relative_to(root))
            if path.suffix.lower() in SUFFIXES:
                images.add(name, {"label": label})
            elif not path.name.startswith("."):
                images.leave_out("not an image file", name)
    return build_dataset(root.name, root, images, check=check, labels=labels)
