"""A folder that is being written: arrays grow on disk, and a stopped run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import StoreError
from jaxface.core.io import write_text
from jaxface.data.rendered.streams import ABOUT
from jaxface.data.retarget.config import RetargetConfig

CONFIG, PROGRESS = "retarget.toml", "progress.json"


def is_finished(out: Path, config: RetargetConfig) -> bool:
    """Return whether this config's folder is complete; a folder that is not there is not.

    Raises:
        StoreError: the folder holds something else.
    """
    file = out / CONFIG
    if file.is_file():
        if load_toml(RetargetConfig, file) != config:
            raise StoreError(
                f"{out} belongs to another retargeting, see {file}; give another folder, or remove it"
            )
        return (out / ABOUT).is_file()
    if (out / ABOUT).is_file():
        raise StoreError(f"{out} holds a data set that no retargeting wrote; give another folder")
    return False


def claim(out: Path, config: RetargetConfig) -> None:
    """Make the folder this config's; `is_finished` has said that it may be."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / CONFIG).is_file():
        write_text(out / CONFIG, dump_toml(config))


class Growing:
    """Arrays on disk, rows of which are filled in order.

    Attributes:
        done: rows that are there already.
    """

    def __init__(self, out: Path, rows: int, like: Mapping[str, tuple[tuple[int, ...], np.dtype]], about: str):
        """Begin, or go on.

        Args:
            like: shape and type of a row of each array.
            about: what the rows are made of; a folder that was begun with something else is refused.

        Raises:
            StoreError: the source is not what it was when the folder was begun.
        """
        self._out, self._rows, self._about = out, rows, about
        self.done = self._place()
        mode = "r+" if self.done else "w+"
        self._arrays = {
            name: np.lib.format.open_memmap(self.path(name), mode, kind, (rows, *shape))
            if mode == "w+"
            else np.lib.format.open_memmap(self.path(name), mode)
            for name, (shape, kind) in like.items()
        }

    def path(self, name: str) -> Path:
        """The unfinished file of an array."""
        return self._out / f"{name}.part.npy"

    def put(self, rows: Mapping[str, np.ndarray]) -> None:
        """The next rows of every array; what is beyond the last one is left away."""
        count = min(len(next(iter(rows.values()))), self._rows - self.done)
        for name, array in self._arrays.items():
            array[self.done : self.done + count] = rows[name][:count]
        self.done += count

    def note(self) -> None:
        """See that all rows so far are on disk, then note how many they are."""
        for array in self._arrays.values():
            array.flush()
        write_text(self._out / PROGRESS, json.dumps({"done": self.done, "about": self._about}) + "\n")

    def read(self, name: str) -> np.ndarray:
        """An array as it is."""
        return np.asarray(self._arrays[name])

    def finish(self, kept: str, name: str) -> None:
        """Give the array `kept` its name; the other files go."""
        self.note()
        names = list(self._arrays)
        self._arrays.clear()  # closes the maps, which Windows wants before files move
        self.path(kept).replace(self._out / name)
        for each in names:
            self.path(each).unlink(missing_ok=True)
        (self._out / PROGRESS).unlink()

    def _place(self) -> int:
        file = self._out / PROGRESS
        if not file.is_file():
            return 0
        try:
            noted = json.loads(file.read_text("utf-8"))
            done, about = int(noted["done"]), noted["about"]
        except (OSError, KeyError, TypeError, ValueError):
            raise StoreError(f"{file} is damaged; remove {self._out} and begin anew") from None
        if about != self._about:
            raise StoreError(
                f"{self._out} was begun with another source ({about}, now {self._about}); give another folder"
            )
        return done
