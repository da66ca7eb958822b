"""Find faces and their landmarks in pictures.

The nets see batches of one size, so that each is compiled once, whatever the pictures' sizes are.
"""

import os
from collections.abc import Sequence
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
from jaxface.face._landmarks import mirror_order
from jaxface.photos import as_package, boxes, quality, resampling, squares, weights
from jaxface.photos.config import DetectConfig
from jaxface.photos.faces import Faces, no_faces

BATCH = 8
"""Squares in one call of a net; a single picture is a batch of one."""

MOST_TURNED = 15.0
"""Degrees of yaw up to which one half of a face and its mirror image make a face."""

LARGEST_EDGE = 1600
"""Pixels. Faces are looked for in pictures no larger than that, so that many fit into memory."""

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
    pictures: Sequence[Picture], config: DetectConfig | None = None, nets: Nets | None = None
) -> list[Faces]:
    """Return the faces of each picture; see `detect`.

    All pictures are in memory at once, none with more than `LARGEST_EDGE` pixels along an edge.
    """
    config = config or DetectConfig()
    nets = nets or load_nets(config)
    if not len(pictures):
        return []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        images, factors = zip(*pool.map(bounded, pictures), strict=True)
        whole = _find(images, config, nets.detector, pool)
        faces = _measure(images, whole, config, nets.landmarks, pool)
    return [each.scaled(factor) for each, factor in zip(faces, factors, strict=True)]


def bounded(picture: Picture) -> tuple[Image.Image, float]:
    """Return a picture with at most `LARGEST_EDGE` pixels along an edge, and how much larger it was."""
    if isinstance(picture, str | Path):
        with open_image(picture) as image:
            return _bounded(image)
    return _bounded(as_image(picture))


def _bounded(image: Image.Image) -> tuple[Image.Image, float]:
    factor = max(image.size) / LARGEST_EDGE
    if factor <= 1.0:
        return image.copy(), 1.0
    width, height = (max(1, round(edge / factor)) for edge in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0), factor


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
        grids = apply_net(net, [square for square, _ in pairs], pool)
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
    face_images = [images[owner] for owner in owners.tolist()]
    cases = list(zip(face_images, np.concatenate([rows for rows, _ in whole]), strict=True))
    if config.resampling == "package":
        cuts = list(pool.map(lambda case: as_package.face(*case), cases))
        copies = _points(net, cuts, pool)[:, None]
    else:
        cuts = _copies(cases, config, net, pool)
        copies = squares.by_side(_points(net, cuts, pool).reshape(len(owners), -1, 68, 2))
        if config.halves and config.copies > 1:
            copies = _with_mouths(face_images, copies, net, pool)
    points = copies.mean(1)
    first_cuts = [cuts[row][0] for row in range(0, len(cuts), copies.shape[1])]
    sharpness = np.array([quality.sharpness(cut) for cut in first_cuts])
    return [
        Faces(rows, scores, points[owners == index], copies[owners == index], sharpness[owners == index])
        for index, (rows, scores) in enumerate(whole)
    ]


def _copies(
    cases: Sequence[tuple[Image.Image, np.ndarray]], config: DetectConfig, net: weights.Net, pool: Executor
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the squares of the last pass about each face, copy by copy, from pictures and boxes."""
    whole = [(image, squares.around_box(box)) for image, box in cases]
    for _ in range(config.passes - 1):
        points = _points(net, list(pool.map(_cut, whole)), pool)
        whole = [(image, squares.around_points(each)) for (image, _), each in zip(whole, points, strict=True)]
    pairs = [
        (image, squares.jittered(matrix, pair))
        for image, matrix in whole
        for pair in range(max(config.copies // 2, 1))
    ]
    cuts = list(pool.map(_cut, pairs))
    if config.copies == 1:
        return cuts
    return [case for square, matrix in cuts for case in ((square, matrix), squares.mirrored(square, matrix))]


def _with_mouths(
    images: Sequence[Image.Image], copies: np.ndarray, net: weights.Net, pool: Executor
) -> np.ndarray:
    """Return the copies with mouths of faces that are made of one half each, where heads face the camera."""
    points = copies.mean(1)
    rows = np.flatnonzero(np.abs(quality.yaw(points)) < MOST_TURNED)
    pairs = copies.shape[1] // 2
    cases = [
        (
            images[row],
            squares.jittered(
                squares.about_midline(squares.around_points(points[row]), points[row]), pair, aside=0.0
            ),
        )
        for row in rows.tolist()
        for pair in range(pairs)
    ]
    if not cases:
        return copies
    cuts = list(pool.map(_cut, cases))
    halves = [(half, matrix) for square, matrix in cuts for half in squares.chimeras(square)]
    shares = apply_net(net, [square for square, _ in halves], pool).astype(np.float64)
    mirrored = shares[:, mirror_order()] * [-1.0, 1.0] + [1.0, 0.0]
    both = np.stack([shares, mirrored], 1)  # a symmetric face is its own mirrored copy
    matrices = np.stack([matrix for _, matrix in halves])[:, None]
    pixels = both * squares.FACE_SIZE @ matrices[..., :2].swapaxes(-1, -2) + matrices[:, :, None, :, 2]
    # (faces, pairs, halves, copies) -> (faces, copies, halves)
    pixels = (
        pixels.reshape(len(rows), pairs, 2, 2, 68, 2).swapaxes(2, 3).reshape(len(rows), 2 * pairs, 2, 68, 2)
    )
    out = copies.copy()
    out[rows] = squares.with_mouths(copies[rows], pixels)
    return out


def _cut(case: tuple[Image.Image, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A square of a picture, and the matrix that took it."""
    return squares.face(*case), case[1]


def _points(net: weights.Net, cases: Sequence[tuple[np.ndarray, np.ndarray]], pool: Executor) -> np.ndarray:
    """Return landmarks (B, 68, 2) in pixels of the pictures, from squares and their matrices."""
    shares = apply_net(net, [square for square, _ in cases], pool).astype(np.float64)
    pairs = zip(shares, cases, strict=True)
    return np.stack([_to_picture(each * squares.FACE_SIZE, matrix) for each, (_, matrix) in pairs])


def _to_picture(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def apply_net(net: weights.Net, images: Sequence[np.ndarray], pool: Executor | None = None) -> np.ndarray:
    """Return a net's answers to squares of one size, 0..255, in batches of `BATCH` or of one.

    Args:
        pool: works on several batches at once: on the CPU one batch keeps one core busy.
    """
    batch = 1 if len(images) == 1 else BATCH

    def answer(start: int) -> np.ndarray:
        part = np.stack(images[start : start + batch])
        full = np.zeros((batch, *part.shape[1:]), part.dtype)
        full[: len(part)] = part
        return np.asarray(_apply(net, jnp.asarray(full)))[: len(part)]

    starts = range(0, len(images), batch)
    return np.concatenate(list(map(answer, starts) if pool is None else pool.map(answer, starts)))


@jax.jit
def _apply(net: Any, images: Array) -> Array:
    """On the CPU one image after another: an image's answer is the same in any batch, and that is faster."""
    images = images.astype(jnp.float32)
    if not on_cpu():
        return net(images)
    return lax.map(lambda image: net(image[None])[0], images)
