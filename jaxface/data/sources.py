"""Where the images of a data set are: in one array, or in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxface.data import image_io


class ImageSource(Protocol):
    """Images by index."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> np.ndarray:
        """Read image `index`, (H, W, C) uint8 with C = 3 (RGB) or 1 (grey)."""

    def name(self, index: int) -> str:
        """Return the name of image `index` for messages."""

    def take(self, indices: np.ndarray) -> ImageSource:
        """Return only these images, in this order."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images (N, H, W, C) uint8, perhaps memory-mapped; `order` (N',) of them, in this order."""

    images: np.ndarray
    order: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images) if self.order is None else len(self.order)

    def read(self, index: int) -> np.ndarray:
        return np.asarray(self.images[index if self.order is None else self.order[index]])

    def name(self, index: int) -> str:
        return f"image {index if self.order is None else self.order[index]}"

    def take(self, indices: np.ndarray) -> ArraySource:
        return ArraySource(self.images, indices if self.order is None else self.order[indices])


@dataclass(frozen=True, eq=False)
class FileSource:
    """Image files.

    Attributes:
        root: folder that the names are relative to.
        names: (N,) of str.
        boxes: (N, 4) box to cut out of each, as in `image_io.decode`; None = whole images.
    """

    root: Path
    names: np.ndarray
    boxes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> np.ndarray:
        box = None if self.boxes is None else self.boxes[index]
        return image_io.decode(self.root / self.names[index], box)

    def name(self, index: int) -> str:
        return str(self.names[index])

    def take(self, indices: np.ndarray) -> FileSource:
        return FileSource(self.root, self.names[indices], None if self.boxes is None else self.boxes[indices])
