"""Find faces and their landmarks in pictures.

The nets see batches of one size, so that each is compiled once, whatever the pictures' sizes are.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from PIL import Image

from jaxface.classify.nets.convolutions import on_cpu
from jaxface.core.errors import ShapeError
from jaxface.core.image_files import open_image
from jaxface.core.types import Array
from jaxface.photos import as_package, boxes, resampling, squares, weights
from jaxface.photos.config import DetectConfig
from jaxface.photos.faces import Faces, no_faces

BATCH = 16
"""Squares in one call of a net; a single picture is a batch of one."""

Picture = str | Path | Image.Image | np.ndarray


@dataclass(frozen=True)
class Nets:
    """The nets that find faces and landmarks. A detector of your own is a function on the same arrays.

    Attributes:
        detector: (B, S, S, 3) -> (B, n, n, 5, 5).
        landmarks: (B, 112, 112, 3) -> (B, 68, 2) in widths.
    """

    detector: weights.Net
    landmarks: weights.Net


def load_nets(config: DetectConfig | None = None) -> Nets:
    """Load the bundled nets that a config names."""
    config = config or DetectConfig()
    return Nets(weights.load("detector"), weights.load(config.landmarks))


def detect(picture: Picture, config: DetectConfig | None = None, nets: Nets | None = None) -> Faces:
    """Return the faces of one picture, best first; none, if there is none.

    Args:
        picture: a file, read as a viewer shows it (upright by its EXIF tag; grey, CMYK, palettes, 16 bits and
            transparency included); an image of Pillow; or (H, W, 3) uint8, or float in [0, 1].
        nets: of `load_nets`, to load them once for many pictures.

    Raises:
        ImageFileError: a file that is no picture.
        ShapeError: an array of another shape or type.
    """
    config = config or DetectConfig()
    return detect_many([picture], config, nets)[0]


def detect_many(
    pictures: Iterable[Picture], config: DetectConfig | None = None, nets: Nets | None = None
) -> list[Faces]:
    """Return the faces of each picture. All are in memory at once; see `detect`."""
    config = config or DetectConfig()
    nets = nets or load_nets(config)
    images = [as_image(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        whole = _find(images, config, nets.detector, pool)
        return _measure(images, whole, config, nets.landmarks, pool)


def as_image(picture: Picture) -> Image.Image:
    """Return a picture as an image of Pillow in RGB. Errors as `detect`."""
    if isinstance(picture, str | Path):
        with open_image(picture) as image:
            return image.copy()
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[-1] != 3 or 0 in array.shape:
        raise ShapeError(f"a picture has shape {array.shape}, must be (height, width, 3)")
    if array.dtype.kind == "f":
        if not (array.min() >= 0.0 and array.max() <= 1.0):
            raise ShapeError("a picture of floats must be in [0, 1]; divide by 255")
        array = np.round(255.0 * array).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ShapeError(f"a picture has type {array.dtype}, must be uint8, or float in [0, 1]")
    return Image.fromarray(array)


Boxes = tuple[np.ndarray, np.ndarray]
"""(F, 4) pixels and (F,) scores."""


def _find(images: Sequence[Image.Image], config: DetectConfig, net: weights.Net, pool: Executor) -> list[Boxes]:
    """Return the boxes of each picture, best first, from as many sizes as it needs."""
    whole: list[Boxes] = [(np.zeros((0, 4)), np.zeros(0)) for _ in images]
    rows = list(range(len(images)))
    for size in config.sizes:
        pairs = list(pool.map(lambda row, size=size: _fit(images[row], size, config), rows))
        grids = apply_net(net, [square for square, _ in pairs])
        for row, grid, (_, matrix) in zip(rows, grids, pairs, strict=True):
            shares, scores = boxes.decode(grid, config.score)
            corners = _to_picture(shares.reshape(-1, 2) * size, matrix)
            edges = np.concatenate([whole[row][0], corners.reshape(-1, 4)])
            scores = np.concatenate([whole[row][1], scores])
            order = boxes.suppress(edges, scores, config.overlap)
            whole[row] = edges[order], scores[order]
        if config.which == "largest":
            rows = [row for row in rows if whole[row][1].max(initial=0.0) < config.sure]
        if not rows:
            break
    return whole


def _fit(image: Image.Image, size: int, config: DetectConfig) -> tuple[np.ndarray, np.ndarray]:
    if config.resampling == "package":
        return as_package.whole(image, size)
    return resampling.contain(image, size, config.margin)


def _measure(
    images: Sequence[Image.Image],
    whole: Sequence[Boxes],
    config: DetectConfig,
    net: weights.Net,
    pool: Executor,
) -> list[Faces]:
    """Return the faces with their landmarks."""
    owners = np.repeat(np.arange(len(images)), [len(scores) for _, scores in whole])
    if not len(owners):
        return [no_faces() for _ in images]
    faces = list(
        zip([images[owner] for owner in owners], np.concatenate([rows for rows, _ in whole]), strict=True)
    )
    if config.resampling == "package":
        points = _points(net, list(pool.map(lambda case: as_package.face(*case), faces)))[:, None]
    else:
        cases = [(image, squares.around_box(box)) for image, box in faces]
        for _ in range(config.passes - 1):
            once = _points(net, list(pool.map(_cut, cases)))
            cases = [(image, squares.around_points(each)) for (image, _), each in zip(cases, once, strict=True)]
        copies = range(config.copies)
        cases = [
            (image, squares.jittered(matrix, copy, config.copies)) for image, matrix in cases for copy in copies
        ]
        points = _points(net, list(pool.map(_cut, cases))).reshape(len(faces), -1, 68, 2)
        points = squares.by_side(points)
    mean = points.mean(1)
    spread = squares.spread(points, mean)
    return [
        Faces(rows, scores, mean[owners == index], spread[owners == index])
        for index, (rows, scores) in enumerate(whole)
    ]


def _cut(case: tuple[Image.Image, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A square of a picture, and the matrix that took it."""
    return squares.face(*case), case[1]


def _points(net: weights.Net, cases: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return landmarks (B, 68, 2) in pixels of the pictures, from squares and their matrices."""
    shares = apply_net(net, [square for square, _ in cases]).astype(np.float64)
    pairs = zip(shares, cases, strict=True)
    return np.stack([_to_picture(each * squares.FACE_SIZE, matrix) for each, (_, matrix) in pairs])


def _to_picture(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def apply_net(net: weights.Net, images: Sequence[np.ndarray]) -> np.ndarray:
    """Return a net's answers to squares of one size, 0..255, in batches of `BATCH` or of one."""
    batch = 1 if len(images) == 1 else BATCH
    answers = []
    for start in range(0, len(images), batch):
        part = np.stack(images[start : start + batch])
        padded = np.zeros((batch, *part.shape[1:]), part.dtype)
        padded[: len(part)] = part
        answers.append(np.asarray(_apply(net, jnp.asarray(padded)))[: len(part)])
    return np.concatenate(answers)


@jax.jit
def _apply(net: Any, images: Array) -> Array:
    """On the CPU one image after another: an image's answer is the same in any batch, and that is faster."""
    images = images.astype(jnp.float32)
    if not on_cpu():
        return net(images)
    return lax.map(lambda image: net(image[None])[0], images)
