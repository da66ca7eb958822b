"""Photographs to numbers: crops, logits of every classifier, image features; chunk by chunk, resumable.

Each chunk is a file that appears whole, with size and time of the photographs in it: while these stay, it is
not measured again.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxface.audit.observe.config import CropConfig
from jaxface.audit.observe.crops import PhotographError, crop, open_photograph
from jaxface.audit.observe.features import Feature
from jaxface.audit.observe.table import Photographs
from jaxface.classify import Classifier
from jaxface.core.errors import StoreError
from jaxface.core.io import atomic_path
from jaxface.core.npy_files import read_arrays
from jaxface.core.progress import Progress
from jaxface.core.threads import map_ahead

CHUNK = 32
FOLDER = "measured"


@dataclass(frozen=True)
class Measurements:
    """What n photographs gave.

    Attributes:
        reason: why a photograph could not be used, "" where it could.
        logits: by classifier (n, K) float64, NaN for what could not be used.
        features: by name (n,).
    """

    reason: tuple[str, ...]
    logits: dict[str, np.ndarray]
    features: dict[str, np.ndarray]

    @property
    def used(self) -> np.ndarray:
        """(n,) bool."""
        return np.array([not reason for reason in self.reason])


def measure(
    photographs: Photographs,
    classifiers: Sequence[Classifier],
    features: Sequence[Feature],
    config: CropConfig,
    folder: Path,
    progress: Progress,
) -> Measurements:
    """Measure all photographs, or what `folder` does not hold yet.

    Args:
        folder: of the run; the caller vouches that what lies there is of the same table and config.
    """
    starts = range(0, len(photographs), CHUNK)
    chunks = [range(start, min(start + CHUNK, len(photographs))) for start in starts]
    files = [folder / FOLDER / f"{start:08d}.npz" for start in starts]
    names = (
        "stamp",
        "reason",
        *(f"logits {c.name}" for c in classifiers),
        *(f"feature {f.name}" for f in features),
    )
    parts = [_kept(file, names, _stamps(photographs, rows)) for file, rows in zip(files, chunks, strict=True)]
    n_done = sum(len(rows) for rows, part in zip(chunks, parts, strict=True) if part is not None)
    progress.start("photographs", len(photographs), n_done)
    missing = [index for index, part in enumerate(parts) if part is None]
    sizes = _crop_sizes(classifiers, features, config)
    # Crops come from threads, answers from this one: a function of a user's may bear no second caller.
    with map_ahead(lambda index: _cut(photographs, chunks[index], config, sizes), missing) as cuts:
        for index, crops in zip(missing, cuts, strict=True):
            parts[index] = part = _answer(crops, classifiers, features, config)
            with atomic_path(files[index]) as temporary, temporary.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **part)
            count, lost = len(chunks[index]), sum(bool(reason) for reason in crops.reason)
            progress.advance(count, f"{lost} of the last {count} left out" if lost else "")
    whole = [part for part in parts if part is not None]
    progress.close()

    def joined(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in whole])

    return Measurements(
        reason=tuple(map(str, joined("reason"))),
        logits={c.name: joined(f"logits {c.name}") for c in classifiers},
        features={f.name: joined(f"feature {f.name}") for f in features},
    )


def _stamps(photographs: Photographs, rows: range) -> list[str]:
    """Size and time of the files of some photographs, and where their faces were found."""
    return [file_stamp(photographs.folder / photographs.path[row]) + _frame(photographs, row) for row in rows]


def file_stamp(path: Path) -> str:
    """Return size and time of a file, "missing" without one."""
    try:
        facts = path.stat()
        return f"{facts.st_size} {facts.st_mtime_ns}"
    except OSError:
        return "missing"


def _frame(photographs: Photographs, row: int) -> str:
    """Eyes and box as `faces.find` gave them: a person may have corrected them since; "" without it."""
    if not photographs.reason:
        return ""
    eyes = photographs.eyes(row)
    numbers = [*photographs.boxes[row], *(() if eyes is None else eyes.ravel())]
    return f" {[f'{number:.7g}' for number in numbers]} {photographs.reason[row]}"


def _kept(file: Path, names: Sequence[str], stamps: list[str]) -> dict[str, np.ndarray] | None:
    """What was measured of photographs that have not changed since; None where there is nothing."""
    try:
        part = read_arrays(file, StoreError, what="file of measurements", names=names)
    except StoreError:
        return None  # not measured yet, or damaged: it is measured anew
    fits = all(array.ndim and len(array) == len(stamps) for array in part.values())
    return part if fits and [str(stamp) for stamp in part["stamp"]] == stamps else None


class _Crops(NamedTuple):
    """The crops of one chunk. A batch always has CHUNK, black where there is none: nothing is compiled twice.

    Attributes:
        stamp: of each photograph, from before its file was opened.
        reason: why it cannot be used, or "".
        batches: by size (CHUNK, size, size, 3) float32 in [0, 1].
    """

    stamp: list[str]
    reason: list[str]
    batches: dict[int, np.ndarray]


def _crop_sizes(
    classifiers: Sequence[Classifier], features: Sequence[Feature], config: CropConfig
) -> tuple[int, ...]:
    """Return the edges of all crops that are needed."""
    of_classifiers = {config.size_for(classifier.card.size) for classifier in classifiers}
    of_features = {feature.size for feature in features if feature.size is not None}
    return tuple(sorted({config.size} | of_classifiers | of_features))


def _cut(photographs: Photographs, rows: range, config: CropConfig, sizes: Sequence[int]) -> _Crops:
    """Cut the faces of one chunk out of their photographs."""
    stamps = _stamps(photographs, rows)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        crops = list(pool.map(lambda row: _crops(photographs, row, config, sizes), rows))
    batches = {size: np.zeros((CHUNK, size, size, 3), np.float32) for size in sizes}
    for index, (_, by_size) in enumerate(crops):
        for size, image in by_size.items():
            batches[size][index] = image
    return _Crops(stamps, [reason for reason, _ in crops], batches)


def _answer(
    crops: _Crops, classifiers: Sequence[Classifier], features: Sequence[Feature], config: CropConfig
) -> dict[str, np.ndarray]:
    """Return the arrays of one chunk's file: what classifiers and features say of its crops."""
    batches = {size: jnp.asarray(batch) for size, batch in crops.batches.items()}
    usable, count = np.array([not reason for reason in crops.reason]), len(crops.reason)
    values = {"stamp": np.array(crops.stamp, np.str_), "reason": np.array(crops.reason, np.str_)}
    for classifier in classifiers:
        batch = batches[config.size_for(classifier.card.size)]
        logits = np.asarray(classifier.logits(batch, allow_nan=True), np.float64)[:count]
        values[f"logits {classifier.name}"] = np.where(usable[:, None], logits, np.nan)
    for feature in features:
        numbers = np.asarray(feature.measure(batches[feature.size or config.size]), np.float64)[:count]
        values[f"feature {feature.name}"] = np.where(usable, numbers, np.nan)
    return values


def _crops(
    photographs: Photographs, row: int, config: CropConfig, sizes: Sequence[int]
) -> tuple[str, dict[int, np.ndarray]]:
    """Why a photograph cannot be used, or "" and its crops by size."""
    eyes = photographs.eyes(row)
    if photographs.reason and photographs.reason[row]:
        return photographs.reason[row], {}
    try:
        with open_photograph(photographs.folder / photographs.path[row]) as image:
            return "", {size: crop(image, config, eyes, photographs.boxes[row], size) for size in sizes}
    except PhotographError as error:
        return str(error), {}
