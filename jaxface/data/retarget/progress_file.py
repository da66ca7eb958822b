"""An unfinished folder: arrays are written row by row, and a stopped run continues where it was.

A run finishes in this order: the progress notes every row, the images get their final name, the folder gets its
description and its sums, and only then do the unfinished files go. Killed in between, it goes on from the files
there are.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxface.core import files, io, sums
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import StoreError
from jaxface.data.rendered.streams import ABOUT, IMAGES
from jaxface.data.retarget.config import RetargetConfig

CONFIG, CONTENT, PROGRESS = "retarget.toml", "content.json", "progress.json"
FINAL_NAMES = {"image": IMAGES}
"""Names in a finished folder of the arrays that it keeps."""


def is_finished(out: Path, config: RetargetConfig, content: Mapping[str, str]) -> bool:
    """Return whether a folder is complete.

    Args:
        content: by name, sums of what the config names: images, labels, recipe, head.

    Raises:
        StoreError: the folder is of another config, of other content, or of something else.
    """
    file = out / CONFIG
    if file.is_file():
        if load_toml(RetargetConfig, file) != config:
            raise StoreError(
                f"{out} belongs to another retargeting, see {file}; give another folder, or remove it"
            )
        _require_same_content(out, content)
        return (out / ABOUT).is_file() and sums.has_sums(out)
    if (out / ABOUT).is_file():
        raise StoreError(f"{out} holds a data set that no retargeting wrote; give another folder")
    return False


def _require_same_content(out: Path, content: Mapping[str, str]) -> None:
    path = out / CONTENT
    before = files.read_json(path, StoreError, what="record of a retargeting's content")
    names = [name for name in content if not isinstance(before, dict) or before.get(name) != content[name]]
    if names:
        raise StoreError(
            f"{out} belongs to another retargeting: its {' and '.join(names)} had another content; give "
            "another folder, or remove it"
        )


def claim(out: Path, config: RetargetConfig, content: Mapping[str, str]) -> None:
    """Create this config's folder, after `is_finished` has checked that it may."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / CONFIG).is_file():
        io.write_text(out / CONTENT, json.dumps(dict(content), indent=0) + "\n")
        io.write_text(out / CONFIG, dump_toml(config))


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
        self._arrays = {
            name: self._open_array(name, (rows, *shape), dtype) for name, (shape, dtype) in like.items()
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
        io.write_text(self._out / PROGRESS, json.dumps(progress) + "\n")

    def read(self, name: str) -> np.ndarray:
        """Return an array as it is."""
        return np.asarray(self._arrays[name])

    def finish(self) -> None:
        """Give the arrays that stay their final names; `remove_unfinished` comes after the description."""
        self.save_progress()
        self._arrays.clear()  # closes the maps: Windows moves no open files
        for name, file in FINAL_NAMES.items():
            if self.path(name).exists():  # else a killed run has done it
                self.path(name).replace(self._out / file)

    def _open_array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
        """Create an array with all of its bytes on disk, or open that of an earlier run.

        Raises:
            StoreError: an array of another shape, or none, is in its place.
            OSError: the disk is too small.
        """
        path, final = self.path(name), self._out / FINAL_NAMES.get(name, "")
        if not self.written:
            try:
                array = np.lib.format.open_memmap(path, "w+", dtype, shape)
                io.reserve(path)
            except OSError as error:
                size = math.prod(shape) * np.dtype(dtype).itemsize
                reason = f"{error.strerror}; it takes {size:,} bytes. Free them, and start again"
                raise OSError(error.errno, reason, str(path)) from None
            return array
        if not path.exists() and final.is_file() and self.written == self._rows:
            path = final
        files.require_regular_file(path, StoreError, what="array of an unfinished retargeting")
        try:
            array = np.lib.format.open_memmap(path, "r+")
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} is damaged ({error}); remove {self._out} and start again") from None
        if array.shape != shape or array.dtype != dtype:
            raise StoreError(f"{path} is damaged; remove {self._out} and start again")
        return array

    def _read_progress(self) -> int:
        file = self._out / PROGRESS
        if not file.is_file():
            return 0
        try:
            progress = files.read_json(file, StoreError)
            count, source = progress["written"], progress["source"]
            if not isinstance(count, int) or not 0 <= count <= self._rows or not isinstance(source, str):
                raise ValueError
        except (StoreError, KeyError, TypeError, ValueError):
            raise StoreError(f"{file} is damaged; remove {self._out} and start again") from None
        if source != self._source:
            raise StoreError(
                f"{self._out} was begun with another source ({source}, now {self._source}); give another folder"
            )
        return count


def has_unfinished(out: Path) -> bool:
    """Return whether a folder holds what only an unfinished one needs."""
    return (out / PROGRESS).exists()


def remove_unfinished(out: Path) -> None:
    """Remove what only an unfinished folder needs."""
    for path in (*out.glob("*.part.npy"), out / PROGRESS):
        path.unlink(missing_ok=True)
