"""Encode arrays of images: contact sheets, PNG, WebP and data URIs."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxface.core.errors import ShapeError
from jaxface.core.io import write_bytes

GAP = 4
PAPER = (255, 255, 255)
INK = (60, 60, 60)


def sheet(images: np.ndarray, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> np.ndarray:
    """Return a contact sheet, (H', W', 3) uint8.

    Args:
        images: (R, C, H, W, 3) floats in [0, 1], or uint8.
        rows: R names, written on the left of their row; empty = none.
        columns: C names, written above their column; empty = none.

    Raises:
        ShapeError: `images` has another shape, or the names do not match it.
    """
    images = np.asarray(images)
    if images.ndim != 5 or images.shape[-1] != 3:
        raise ShapeError(f"images must be (rows, columns, H, W, 3), got {images.shape}")
    if len(rows) not in (0, images.shape[0]) or len(columns) not in (0, images.shape[1]):
        raise ShapeError(
            f"{len(rows)} row names and {len(columns)} column names do not match {images.shape[:2]} images"
        )
    if images.dtype != np.uint8:
        images = np.round(255.0 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
    count_rows, count_columns, height, width, _ = images.shape
    font = ImageFont.load_default(max(10, height // 10))
    left = max((int(font.getlength(name)) for name in rows), default=0) + (4 * GAP if rows else 0)
    top = (max(10, height // 10) + 2 * GAP) if columns else 0
    size = (left + count_columns * (width + GAP) - GAP, top + count_rows * (height + GAP) - GAP)
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    for column, name in enumerate(columns):
        draw.text((left + column * (width + GAP) + width // 2, top - 2 * GAP), name, INK, font, anchor="ms")
    for row, name in enumerate(rows):
        draw.text((left - 2 * GAP, top + row * (height + GAP) + height // 2), name, INK, font, anchor="rm")
    for row in range(count_rows):
        for column in range(count_columns):
            corner = (left + column * (width + GAP), top + row * (height + GAP))
            page.paste(Image.fromarray(images[row, column]), corner)
    return np.asarray(page)


def png(picture: np.ndarray) -> bytes:
    """Return the bytes of a PNG file of an (H, W, 3) uint8 picture."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_png(path: str | Path, picture: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 picture, atomically."""
    write_bytes(path, png(picture))


def webp(picture: np.ndarray, quality: int = 85) -> bytes:
    """Return the bytes of a lossy WebP file of an (H, W, 3) uint8 picture."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def webp_uri(picture: np.ndarray, edge: int | None = None, quality: int = 85) -> str:
    """Return an (H, W, 3) uint8 picture as a data URI; a square one no larger than `edge`."""
    if edge is not None and picture.shape[0] > edge:
        picture = resize(picture, edge)
    return uri(webp(picture, quality), "webp")


def uri(data: bytes, kind: str) -> str:
    """Return the bytes of a picture file, `png` or `webp`, as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def png_uri(image: np.ndarray) -> str:
    """Return an (H, W, 3) image, floats in [0, 1] or uint8, as a lossless data URI."""
    return uri(png(sheet(image[None, None])), "png")


def resize(picture: np.ndarray, size: int) -> np.ndarray:
    """Return a square (H, H, 3) uint8 picture as (size, size, 3)."""
    if picture.shape[0] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS))
