"""An unfinished folder: arrays are written row by row, and a stopped run continues where it was."""

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
    """Return whether this config's folder is complete; StoreError if it holds something else."""
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
    """Create this config's folder, after `is_finished` has checked that it may."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / CONFIG).is_file():
        write_text(out / CONFIG, dump_toml(config))


class ArrayWriter:
    """Arrays on disk whose rows are filled in order.

    Attributes:
        written: number of rows on disk.
    """

    def __init__(
        self, out: Path, rows: int, like: Mapping[str, tuple[tuple[int, ...], np.dtype]], source: str
    ) -> None:
        """Create the arrays, or continue with those of a stopped run.

        Args:
            rows: of every array.
            like: shape and type of a row of each array.
            source: what the rows are made from; StoreError if the folder was begun with another.
        """
        self._out, self._rows, self._source = out, rows, source
        self.written = self._read_progress()
        # "w+" would erase what an earlier run wrote.
        self._arrays = {
            name: np.lib.format.open_memmap(self.path(name), "r+")
            if self.written
            else np.lib.format.open_memmap(self.path(name), "w+", dtype, (rows, *shape))
            for name, (shape, dtype) in like.items()
        }

    def path(self, name: str) -> Path:
        """Return the unfinished file of an array."""
        return self._out / f"{name}.part.npy"

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Write the next rows of every array; rows beyond the last one are dropped."""
        count = min(len(next(iter(rows.values()))), self._rows - self.written)
        for name, array in self._arrays.items():
            array[self.written : self.written + count] = rows[name][:count]
        self.written += count

    def save_progress(self) -> None:
        """Flush all rows to disk, and only then write down how many there are."""
        for array in self._arrays.values():
            array.flush()
        progress = {"written": self.written, "source": self._source}
        write_text(self._out / PROGRESS, json.dumps(progress) + "\n")

    def read(self, name: str) -> np.ndarray:
        """Return an array as it is."""
        return np.asarray(self._arrays[name])

    def finish(self, name: str, file: str) -> None:
        """Rename the array `name` to `file`, and delete the other unfinished files."""
        self.save_progress()
        names = list(self._arrays)
        self._arrays.clear()  # closes the maps: Windows moves no open files
        self.path(name).replace(self._out / file)
        for each in names:
            self.path(each).unlink(missing_ok=True)
        (self._out / PROGRESS).unlink()

    def _read_progress(self) -> int:
        file = self._out / PROGRESS
        if not file.is_file():
            return 0
        try:
            progress = json.loads(file.read_text("utf-8"))
            count, source = int(progress["written"]), progress["source"]
        except (OSError, KeyError, TypeError, ValueError):
            raise StoreError(f"{file} is damaged; remove {self._out} and start again") from None
        if source != self._source:
            raise StoreError(
                f"{self._out} was begun with another source ({source}, now {self._source}); give another folder"
            )
        return count
