"""Image files: checked cheaply, decoded with Pillow, resized."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from jaxface.core.errors import DataError

Check = Literal["quick", "full", "none"]
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_TAIL = 4096  # bytes: some cameras and editors write after the end marker


def find_fault(path: Path, check: Check) -> str | None:
    """Return what is wrong with an image file, or None.

    Args:
        check: "quick" reads the header and, in JPEG and PNG, looks for the end marker, which a
            truncated file lacks; "full" decodes; "none" checks only that the file exists.
    """
    if not path.is_file():
        return "no such file"
    if check == "none":
        return None
    try:
        if check == "full":
            decode(path)
            return None
        with Image.open(path) as image:
            kind = image.format or ""
        return None if _has_end_marker(path, _ENDS.get(kind, b"")) else "truncated"
    except Exception:  # Pillow's decoders raise all kinds of errors on damaged files
        return "unreadable"


def decode(path: Path, box: np.ndarray | None = None) -> np.ndarray:
    """Decode an image, turned upright by its EXIF orientation: (H, W, 3) uint8 RGB.

    Args:
        box: (4,) left, top, right, bottom in pixels of the upright image. The square with its
            longer edge and its centre is cut out, black outside of the image.

    Raises:
        DataError: no such file, or no readable image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(upright if box is None else upright.crop(_square(box)))
    except FileNotFoundError:
        raise DataError(f"no image at {path}") from None
    except Exception as error:
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
