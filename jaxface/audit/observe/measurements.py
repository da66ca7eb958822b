"""Photographs to numbers: crops, logits of every classifier, image features; chunk by chunk, resumable.

Each chunk is a file that appears whole, with size and time of the photographs in it: while these stay, it is
not measured again.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

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
    whole = []
    for rows, file, part in zip(chunks, files, parts, strict=True):
        if part is None:
            part = _chunk(photographs, rows, classifiers, features, config)
            with atomic_path(file) as temporary, temporary.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **part)
            lost = sum(bool(reason) for reason in part["reason"])
            progress.advance(len(rows), f"{lost} of the last {len(rows)} left out" if lost else "")
        whole.append(part)
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


def _chunk(
    photographs: Photographs,
    rows: range,
    classifiers: Sequence[Classifier],
    features: Sequence[Feature],
    config: CropConfig,
) -> dict[str, np.ndarray]:
    """The arrays of one chunk's file. Every batch has CHUNK crops, so that nothing is compiled twice."""
    stamps = np.array(_stamps(photographs, rows), dtype=np.str_)  # before the files are opened
    sizes_by_name = {classifier.name: config.size_for(classifier.card.size) for classifier in classifiers}
    feature_sizes = {feature.size for feature in features if feature.size is not None}
    sizes = {config.size, *sizes_by_name.values()} | feature_sizes
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        crops = list(pool.map(lambda row: _crops(photographs, row, config, sorted(sizes)), rows))
    usable = np.array([not reason for reason, _ in crops])
    batches = {}
    for size in sizes:
        batch = np.zeros((CHUNK, size, size, 3), np.float32)
        for index, (_, by_size) in enumerate(crops):
            if by_size:
                batch[index] = by_size[size]
        batches[size] = jnp.asarray(batch)
    values = {"stamp": stamps, "reason": np.array([reason for reason, _ in crops], dtype=np.str_)}
    for classifier in classifiers:
        logits = np.asarray(
            classifier.logits(batches[sizes_by_name[classifier.name]], allow_nan=True), np.float64
        )[: len(rows)]
        values[f"logits {classifier.name}"] = np.where(usable[:, None], logits, np.nan)
    for feature in features:
        numbers = np.asarray(feature.measure(batches[feature.size or config.size]), np.float64)[: len(rows)]
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
