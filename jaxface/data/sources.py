"""The images of a data set: in one array, or in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from jaxface.core.errors import DataError
from jaxface.core.files import require_regular_file
from jaxface.core.image_files import SUFFIXES, ImageFileError, as_array, open_image, read_header

Check = Literal["quick", "full", "none"]
__all__ = [
    "SUFFIXES",
    "ArraySource",
    "Check",
    "FileSource",
    "ImageSource",
    "crop_and_resize",
    "decode",
    "find_fault",
]
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_SCAN = b"\xff\xda"
_TAIL = 4096  # bytes: some cameras and editors write after the end marker


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
    """Image files, `names` (N,) of str below `root`.

    `boxes` (N, 4) are cut out of them, as in `decode`; None = whole images.
    """

    root: Path
    names: np.ndarray
    boxes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> np.ndarray:
        box = None if self.boxes is None else self.boxes[index]
        return decode(self.root / self.names[index], box)

    def name(self, index: int) -> str:
        return str(self.names[index])

    def take(self, indices: np.ndarray) -> FileSource:
        return FileSource(self.root, self.names[indices], None if self.boxes is None else self.boxes[indices])


def find_fault(path: Path, check: Check) -> str | None:
    """Return what is wrong with an image file in a few words, or None.

    Args:
        check: "quick" reads the header and looks for JPEG's or PNG's end marker, which a truncated
            file lacks; where it is not near the end, as in motion photographs, where pixels are not
            of 8 bits, and of other formats, the file is decoded. "full" decodes; "none" checks only
            that a regular file is there.
    """
    try:
        if check == "none":
            require_regular_file(path, ImageFileError)
        elif check == "full" or _is_doubtful(path):
            with open_image(path):
                return "truncated" if _is_filled_up(path) else None
    except ImageFileError as error:
        return "no such file" if check == "none" else error.reason
    return None


def _is_doubtful(path: Path) -> bool:
    kind, pixels_decide = read_header(path)
    return pixels_decide or kind not in _ENDS or not _has_end_marker(path, _ENDS[kind])


def _is_filled_up(path: Path) -> bool:
    """Return whether a JPEG has no end marker, but zeros, as a download that stopped may leave them.

    They decode as a grey rest. Thumbnails before the image's own scan have markers, too.
    """
    content = path.read_bytes() if path.suffix.lower() in (".jpg", ".jpeg") else b""
    if not content.startswith(b"\xff\xd8") or not content.endswith(bytes(16)):
        return False
    place = 2
    while content[place : place + 1] == b"\xff" and content[place : place + 2] != _SCAN:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return _ENDS["JPEG"] not in content[place:]


def decode(path: Path, box: np.ndarray | None = None) -> np.ndarray:
    """Decode an image as `core.image_files.open_image` does: (H, W, 3) uint8 RGB, upright.

    Args:
        box: (4,) left, top, right, bottom in pixels of the upright image. The square with its
            longer edge and its centre is cut out, black outside of the image.

    Raises:
        DataError: no such file, or no image that can be shown.
    """
    try:
        with open_image(path) as image:
            return as_array(image if box is None else image.crop(_square(box)))
    except ImageFileError as error:
        if error.reason == "no such file":
            raise DataError(f"no image at {path}") from None
        raise DataError(f"{path} is no readable image: {error}; check='full' lists all such files") from None


def crop_and_resize(image: np.ndarray, size: int | None) -> np.ndarray:
    """Cut out the largest central square and resample it: (size, size, C) uint8.

    Args:
        image: (H, W, C) uint8 with one or three channels.
        size: pixels along an edge; None = return the image as it is.
    """
    if size is None or image.shape[:2] == (size, size):
        return image
    height, width, channels = image.shape
    half = 0.5 * min(height, width)
    square = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    pillow_image = Image.fromarray(image[..., 0] if channels == 1 else image)
    pixels = np.asarray(pillow_image.resize((size, size), Image.Resampling.BILINEAR, box=square))
    return pixels[..., None] if channels == 1 else pixels


def _has_end_marker(path: Path, marker: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        return marker in file.read()


def _square(box: np.ndarray) -> tuple[int, int, int, int]:
    left, top, right, bottom = (float(edge) for edge in box)
    edge = round(max(right - left, bottom - top))
    x, y = round((left + right - edge) / 2), round((top + bottom - edge) / 2)
    return x, y, x + edge, y + edge
