"""Landmarks of photographs, from a table that a detector wrote."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data.readers.common import parse_number, read_table
from jaxface.face._landmarks import COUNT

_COLUMNS = tuple(f"{axis}_{index}" for axis in "xy" for index in range(COUNT))


def read_landmarks(path: Path, names: Sequence[str]) -> np.ndarray:
    """Read the landmarks (M, 68, 2) in pixels of the images with these names, float32.

    Args:
        path: CSV with the columns `path`, as the data set's reader names an image, and x_0 ...
            x_67, y_0 ... y_67, as OpenFace and dlib number them.

    Raises:
        DataError: no such file or column, no number in a cell, or images without a row.
    """
    landmarks = {}
    for number, row in read_table(path, ("path", *_COLUMNS)):
        values = [parse_number(path, number, row[name]) for name in _COLUMNS]
        landmarks[row["path"].strip()] = np.asarray(values, np.float32).reshape(2, COUNT).T
    missing = [name for name in names if name not in landmarks]
    if missing:
        raise DataError(f"{path} has no row for {len(missing)} of {len(names)} images, such as {missing[0]!r}")
    return np.stack([landmarks[name] for name in names])


def crop_landmarks(landmarks: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert landmarks (68, 2) from pixels of an image to widths of its largest central square.

    Networks and fits see that square.
    """
    edge = min(height, width)
    return (landmarks - np.array([(width - edge) / 2, (height - edge) / 2], landmarks.dtype)) / edge
