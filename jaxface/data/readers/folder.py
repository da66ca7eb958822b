"""A plain folder of class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxface.core.errors import DataError, LabelError
from jaxface.core.types import expression_names
from jaxface.data.dataset import Dataset
from jaxface.data.image_io import SUFFIXES, Check
from jaxface.data.readers.common import Found, dataset, folder


def read_folder(
    root: Path,
    *,
    split: str | None = None,
    classes: Literal["expressions", "folders"] = "expressions",
    check: Check = "quick",
) -> Dataset:
    """Images in `root/CLASS/...` or `root/SPLIT/CLASS/...`, classes and files in alphabetical order.

    Args:
        split: a folder within `root`, such as "train".
        classes: "expressions" = folder names are expressions in any known spelling; "folders" = they are
            class names as they stand.

    Raises:
        DataError: no such folder, no class folders, no images.
        LabelError: a folder whose name is no expression.
    """
    base = folder(root, *([split] if split else []), wanted="a folder of class folders")
    homes = sorted(each for each in base.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not homes:
        raise DataError(f"{base} holds no class folders, wanted one folder a class")
    own = tuple(home.name for home in homes)
    try:
        labels = expression_names(own) if classes == "expressions" else own
    except LabelError as error:
        raise LabelError(f"{base}: {error}; classes='folders' takes folder names as they are") from None
    found = Found()
    for label, home in enumerate(homes):
        for path in sorted(each for each in home.rglob("*") if each.is_file()):
            name = str(path.relative_to(root))
            if path.suffix.lower() in SUFFIXES:
                found.add(name, {"label": label})
            elif not path.name.startswith("."):
                found.leave("no image by its name", name)
    return dataset(root.name, root, found, check=check, labels=labels)
