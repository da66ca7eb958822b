"""From a photograph to the square that a classifier sees.

There is no face detector here. Where both eyes are given, they are brought to the renderer's framing: level,
at a fixed height and distance. Where a box is given, the square around it is taken, unturned. Otherwise the
photograph is assumed to be a face crop, upright and centred: its largest central square is taken.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from jaxface.audit.observe.config import CropConfig
from jaxface.core.errors import JaxfaceError
from jaxface.core.image_files import ImageFileError, open_image


class PhotographError(JaxfaceError):
    """One photograph that cannot be used; the run goes on without it and says so."""


@contextlib.contextmanager
def open_photograph(path: Path) -> Iterator[Image.Image]:
    """Yield a photograph, upright and in RGB, as `core.image_files.open_image` does.

    Raises:
        PhotographError: missing, or no picture that can be shown.
    """
    try:
        with open_image(path) as image:
            yield image
    except ImageFileError as error:
        missing = error.reason == "no such file"
        raise PhotographError("missing: no such file" if missing else _unreadable(error)) from None


def load_photograph(path: Path) -> Image.Image:
    """Return a photograph; see `open_photograph`."""
    with open_photograph(path) as image:
        return image.copy()


def _unreadable(error: ImageFileError) -> str:
    return str(error) if error.reason == "unreadable" else f"unreadable: {error}"


def crop(
    image: Image.Image,
    config: CropConfig,
    eyes: np.ndarray | None,
    box: np.ndarray | None,
    size: int | None = None,
) -> np.ndarray:
    """The crop, (size, size, 3) float32 sRGB in [0, 1].

    Args:
        eyes: (2, 2) the person's left and right eye, pixels; None or NaN = unknown.
        box: (4,) left, top, right, bottom; None or NaN = unknown.
        size: in place of the config's.

    Raises:
        PhotographError: eyes or a box that cannot be.
    """
    size = config.size if size is None else size
    if eyes is not None and np.isfinite(eyes).all():
        matrix = eye_transform(eyes, size, config.height, config.eye_line)
    elif box is not None and np.isfinite(box).all():
        matrix = square_transform(box, size, config.box_scale)
    else:
        width, height = image.size
        half = 0.5 * min(width, height)
        matrix = square_transform(
            np.array([width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half]), size, 1.0
        )
    return _resampled(image, matrix, size, config.background)


def eye_transform(eyes: np.ndarray, size: int, height: float, eye_line: float) -> np.ndarray:
    """From pixels of the crop to those of the photograph, (2, 3): turn, scale and move.

    Args:
        eyes: (2, 2) the person's left and right eye.
        height, eye_line: of `CropConfig`.

    Raises:
        PhotographError: the eyes coincide or have changed sides.
    """
    left, right = eyes
    across = left - right
    if np.hypot(*across) < 1.0:
        raise PhotographError("both eyes lie at the same point")
    if across[0] <= 0:
        raise PhotographError("the left eye lies left of the right one: sides are the person's own")
    cosine, sine = across * height / size
    turn = np.array([[cosine, -sine], [sine, cosine]])
    offset = 0.5 * (left + right) - turn @ np.array([0.5 * size, eye_line * size])
    return np.column_stack([turn, offset])


def square_transform(box: np.ndarray, size: int, scale: float) -> np.ndarray:
    """The same for the square around a box (4,), `scale` times as large as its longer edge.

    Raises:
        PhotographError: a box without area.
    """
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        raise PhotographError(f"the box {[float(edge) for edge in box]} has no area: left, top, right, bottom")
    edge = scale * max(right - left, bottom - top)
    corner = np.array([left + right - edge, top + bottom - edge]) / 2
    return np.column_stack([np.eye(2) * edge / size, corner])


def _resampled(
    image: Image.Image, matrix: np.ndarray, size: int, background: tuple[float, float, float]
) -> np.ndarray:
    """Bicubic, after averaging whole blocks of pixels where the crop is much smaller than the photograph."""
    shrink = int(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink > 1:
        image, matrix = image.reduce(shrink), matrix / shrink
    outside = tuple(round(255 * value) for value in background)
    crop = image.transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(matrix.ravel()),
        Image.Resampling.BICUBIC,
        fillcolor=outside,
    )
    return np.asarray(crop, np.float32) / 255.0
