"""The one decoder of image files: photographs, textures, data sets.

An image is read as a viewer shows it: upright by its orientation tag, 16 bits and more scaled to 8, transparent
parts over white. What no viewer would agree on (negative grey, floats beyond any white) is refused with the
reason. Only the formats of `FORMATS` are tried: others, such as PostScript, would start foreign programs.
"""

import contextlib
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from jaxface.core.errors import JaxfaceError
from jaxface.core.files import require_regular_file

FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
LARGEST_IMAGE: Final = 8192 * 6144
"""Pixels, some 50 million. Decoding takes up to ten bytes for each."""

_TOO_LARGE = f"more than {LARGEST_IMAGE // 10**6} million pixels"
_LARGEST_FILE = 2**29  # bytes
_LARGEST_PLAIN_TEXT = 2**23  # bytes: Pillow parses numbers in letters at about 2 MB/s
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 274, 258, 262, 339  # tags of TIFF and EXIF
_SIGNED = 2
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # Pillow's modes of more than 8 bits
_STRIP = 2**22
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class ImageFileError(JaxfaceError):
    """An image file that cannot be shown. `reason` is a few words, the same for all files of its kind."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class _Budget:
    """Pixels that all threads together may decode at once: those of one largest image."""

    def __init__(self, pixels: int) -> None:
        self._free, self._changed = pixels, threading.Condition()

    @contextlib.contextmanager
    def share(self, pixels: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_budget = _Budget(LARGEST_IMAGE)


@contextlib.contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Yield an image file, decoded: upright, in RGB of 8 bits.

    The memory of an image is bounded, and that of all images open at once: leave the block soon, and
    open no second image within it.

    Raises:
        ImageFileError: no such file, no image of `FORMATS`, damaged, too large, or without a known white.
    """
    with _opened(path) as image, _budget.share(image.width * image.height):
        rgb = _decode(image)
        if rgb is not image:
            image.close()  # frees its pixels
        yield rgb


def as_array(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image, (H, W, ...), without Pillow's two copies of them on the way."""
    strips = list(_strips(image))
    return strips[0] if len(strips) == 1 else np.concatenate(strips)


def _strips(image: Image.Image) -> Iterator[np.ndarray]:
    """Yield the pixels from the top down, some million at a time."""
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        whole = rows >= image.height
        yield np.asarray(image if whole else image.crop((0, top, image.width, min(top + rows, image.height))))


def read_header(path: str | Path) -> tuple[str, bool]:
    """Return the format of an image file, such as "JPEG", and whether its pixels decide if it can be shown.

    Raises:
        ImageFileError: as `open_image`, as far as the header tells.
    """
    with _opened(path) as image:
        return image.format or "", image.mode in _DEEP


def _unidentified(path: str | Path) -> str:
    """Say why Pillow opens no image here: of a TIFF, it does not tell damage from pixels that it lacks."""
    with open(path, "rb") as file:
        if file.read(4) in _TIFF:
            return "a TIFF that is damaged, or whose kind of pixels is not read; save it in 8 bits"
    return f"it is none of {', '.join(FORMATS)}"


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    if not os.path.exists(path):  # False for impossible names, too
        raise ImageFileError("no such file")
    try:
        require_regular_file(path, JaxfaceError, what="image file", largest=_LARGEST_FILE)
        image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageFileError("unreadable", _unidentified(path)) from None
    except Image.DecompressionBombError:
        raise ImageFileError(_TOO_LARGE) from None
    except (
        Exception
    ) as error:  # no regular file; and Pillow's plugins raise all kinds of errors on damaged headers
        raise ImageFileError(_reason(error), str(error)) from None
    with image:
        if image.width * image.height > LARGEST_IMAGE:
            raise ImageFileError(_TOO_LARGE, f"{image.width} x {image.height}")
        if (
            any(tile[0] == "ppm_plain" for tile in image.tile)
            and Path(path).stat().st_size > _LARGEST_PLAIN_TEXT
        ):
            raise ImageFileError("more than 8 MB of numbers in letters", "save it as PNG")
        yield image


def _decode(image: Image.Image) -> Image.Image:
    try:
        image.load()
        turn = _TURNS.get(_orientation(image))
        rgb = _as_rgb(image)
        return rgb if turn is None else rgb.transpose(turn)
    except ImageFileError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise all kinds of errors on damaged files
        raise ImageFileError(_reason(error), str(error)) from None


def _reason(error: Exception) -> str:
    return "truncated" if "truncated" in str(error).lower() else "unreadable"


def _orientation(image: Image.Image) -> int:
    """Return the orientation tag; damaged EXIF has none, and viewers show the picture all the same."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, EOFError, IndexError, struct.error):
        return 1


def _as_rgb(image: Image.Image) -> Image.Image:
    if _has_signed_bytes(image):
        raise ImageFileError("signed bytes without a known white", "save it in unsigned ones")
    if image.mode in _DEEP:
        image = _as_grey(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))  # in place: no third picture in memory
    return paper


def _has_signed_bytes(image: Image.Image) -> bool:
    """Return whether a TIFF says that its 8 bits have a sign, which Pillow does not mind."""
    if image.mode in _DEEP or not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return bool(image.tag_v2.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED)


def _as_grey(image: Image.Image) -> Image.Image:
    """Scale grey of more than 8 bits so that black and white stay black and white."""
    low = min(float(strip.min()) for strip in _strips(image))
    high = max(float(strip.max()) for strip in _strips(image))
    tags = dict(image.tag_v2) if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    white = _float_white(low, high) if image.mode == "F" else _integer_white(tags, low, high)
    transparent = image.info.get("transparency")
    grey = []
    for strip in _strips(image):
        levels = strip.astype(np.int64) & 0xFFFFFFFF if low < 0 else strip  # Pillow has no unsigned 32 bits
        share = levels / np.float32(white) if image.mode != "I" else levels / white
        if tags.get(_PHOTOMETRIC) == 0:  # 0 is white; Pillow minds this up to 8 bits only
            share = 1.0 - share
        if isinstance(transparent, int):
            share = np.where(strip == transparent, 1.0, share)
        grey.append(np.round(255.0 * share).astype(np.uint8))
    return Image.fromarray(np.concatenate(grey))


def _float_white(low: float, high: float) -> float:
    """Return the white of floats: 1 for [0, 1], 255 for values that need more than a few."""
    if low >= 0.0 and high <= 1.0:
        return 1.0
    if low >= 0.0 and 32.0 <= high <= 255.0:
        return 255.0
    raise ImageFileError("floats without a known white", f"from {low:g} to {high:g}; save it in 8 bits")


def _integer_white(tags: dict[int, Any], low: float, high: float) -> float:
    """Return the white of whole numbers: what their bits can hold, and what 32 bits usually hold."""
    bits = int(tags.get(_BITS, (16,))[0])
    has_sign = tags.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED
    full = 2.0 ** (bits - has_sign) - 1.0
    if bits < 32 and low >= 0:
        return full
    # 32 bits: as many as 8- or 16-bit numbers need, or nearly all
    if low >= 0 and high <= 65535:
        return 255.0 if high <= 255 else 65535.0
    if (low < 0 and not has_sign) or (low >= 0 and high > 0.5 * full):
        return full
    raise ImageFileError(
        f"{bits}-bit grey without a known white", f"from {low:g} to {high:g}; save it in 8 bits"
    )
