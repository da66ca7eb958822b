"""dSprites: one shape on black, on a grid of five factors (Matthey et al. 2017); read, or drawn anew.

What is drawn here has the public grid of factors, but it is a rasterisation of our own: its pixels are not the
published ones. The published grid has six scales; THIN's text speaks of ten.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data.dataset import Dataset
from jaxface.data.read_report import ReadReport
from jaxface.data.sources import ArraySource

SHAPES = ("square", "ellipse", "heart")
FACTORS = {"label": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
"""Steps of each factor, in the order of the published file (which has a colour of one step before them)."""

EDGE = 64
REACH = 0.24  # of the largest shape from its middle, in edges of the image: what its corner may need
_INSIDE = 0.26  # of an edge: middles keep this far from the border
_TOGETHER = 256  # images rasterised at once


def factors_of(indices: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) places in the grid, 0 to 737,279 -> the step of each factor, (N,) int32."""
    steps = np.unravel_index(indices, tuple(FACTORS.values()))
    return {name: step.astype(np.int32) for name, step in zip(FACTORS, steps, strict=True)}


def make_dsprites(*, count: int = 8000, size: int = 28, supersample: int = 4, seed: int = 0) -> Dataset:
    """A random sample of the grid, drawn; images (N, size, size, 1), white by how much of a pixel is covered.

    Shape, scale (.5 to 1 in six steps), orientation (0 to 2 pi in 40), x and y (32 steps each) are those of the
    public set. Neighbours in the grid differ by a pixel or less: of all 737,280, a test part would have a near
    copy of each image in the training part; the fewer are drawn, the rarer these are.

    Args:
        count: how many, no two of them the same.
        size: pixels along an edge.
        supersample: points along an edge of a pixel.
        seed: of the sample.
    Returns:
        columns `label` (the shape), `scale`, `orientation`, `x`, `y`, int32 steps of the grid.
    Raises:
        DataError: more images than the grid has, or a number out of range.
    """
    total = int(np.prod(list(FACTORS.values())))
    if not 1 <= count <= total or size < 4 or supersample < 1:
        raise DataError(
            f"count = {count}, size = {size}, supersample = {supersample}; wanted at most {total}, 4 on, 1 on"
        )
    columns = factors_of(np.random.default_rng(seed).choice(total, count, replace=False))
    parts = [
        draw({name: step[first : first + _TOGETHER] for name, step in columns.items()}, size, supersample)
        for first in range(0, count, _TOGETHER)
    ]
    note = f"{count} of {total} drawn at {size} pixels, {supersample} x {supersample} points each, seed {seed}"
    return Dataset(
        "dsprites",
        ArraySource(np.concatenate(parts)[..., None]),
        columns,
        SHAPES,
        report=ReadReport(notes=(note,)),
    )


def draw(steps: dict[str, np.ndarray], size: int, supersample: int) -> np.ndarray:
    """(N,) steps of each factor -> (N, size, size) uint8."""
    points = (np.arange(size * supersample) + 0.5) / (size * supersample)
    middles = [_INSIDE + (1 - 2 * _INSIDE) * steps[name] / (FACTORS[name] - 1) for name in ("x", "y")]
    reach = REACH * (0.5 + 0.5 * steps["scale"] / (FACTORS["scale"] - 1))
    angle = 2 * np.pi * steps["orientation"] / (FACTORS["orientation"] - 1)
    across = (points[None, None, :] - middles[0][:, None, None]) / reach[:, None, None]
    down = (points[None, :, None] - middles[1][:, None, None]) / reach[:, None, None]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    x, y = cosine * across + sine * down, cosine * down - sine * across
    inside = np.choose(steps["label"][:, None, None], [_square(x, y), _ellipse(x, y), _heart(x, y)])
    grid = inside.reshape(-1, size, supersample, size, supersample)
    return np.rint(255 * grid.mean((2, 4))).astype(np.uint8)


def read_dsprites(root: Path, *, count: int | None = None, seed: int = 0) -> Dataset:
    """The published `dsprites_ndarray_*.npz`: `root` is the file, or the folder it lies in.

    Args:
        count: a random sample of so many; None = all 737,280.
        seed: of the sample.
    Returns:
        images (N, 64, 64, 1), 0 or 255; columns as `make_dsprites`.
    Raises:
        DataError: no such file, or not the grid that is known.
    """
    path = root if root.is_file() else next(iter(sorted(root.glob("dsprites*.npz"))), None)
    if path is None:
        raise DataError(f"no dsprites*.npz in {root}; the published file was wanted")
    try:
        with np.load(path) as archive:
            images, classes = archive["imgs"], archive["latents_classes"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not the published dSprites: {error}") from None
    known = (1, *FACTORS.values())
    fits = classes.shape == (len(images), len(known)) and images.shape[1:] == (EDGE, EDGE)
    if not fits or any(column.max() >= steps for column, steps in zip(classes.T, known, strict=True)):
        raise DataError(
            f"{path} holds images {images.shape} and factors {classes.shape}; wanted (N, {EDGE}, {EDGE}) and "
            f"(N, {len(known)}) of {known} steps"
        )
    chosen = np.arange(len(images))
    if count is not None:
        if not 1 <= count <= len(images):
            raise DataError(f"count = {count}; {path} holds {len(images)}")
        chosen = np.random.default_rng(seed).choice(len(images), count, replace=False)
    columns = {name: classes[chosen, place].astype(np.int32) for place, name in enumerate(FACTORS, 1)}
    pictures = (images[chosen] != 0).astype(np.uint8)[..., None] * np.uint8(255)
    return Dataset("dsprites", ArraySource(pictures), columns, SHAPES)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) <= np.sqrt(0.5)


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x**2 + (2 * y) ** 2 <= 1


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sextic heart, pointing down, within the unit circle about the middle."""
    x, y = 1.26 * x, 0.24 - 1.26 * y
    return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
