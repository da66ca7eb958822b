"""dSprites: one shape on black, on a grid of five factors (Matthey et al. 2017); read, or drawn.

Our drawing has the published grid of factors, but its pixels are not the published ones. The
published grid has six scales; THIN's text says ten.
"""

from pathlib import Path

import numpy as np

from jaxface.core.errors import DataError
from jaxface.core.listing import list_files
from jaxface.core.npy_files import read_arrays
from jaxface.data.dataset import Dataset, ReadReport
from jaxface.data.sources import ArraySource

SHAPES = ("square", "ellipse", "heart")
FACTORS = {"label": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
"""Steps of each factor, in the order of the published file, without its one colour."""

EDGE = 64
REACH = 0.24  # radius of the largest shape, corners included, in edges of the image
_MARGIN = 0.26  # least distance of a centre from the border, in edges of the image
_LARGEST = 2**32  # bytes of all arrays: the published images take 3 GB
_CHUNK = 256  # images rasterised at once


def factors_of(indices: np.ndarray) -> dict[str, np.ndarray]:
    """Return the step of each factor, (N,) int32, from indices (N,) in the grid, 0 to 737,279."""
    steps = np.unravel_index(indices, tuple(FACTORS.values()))
    return {name: step.astype(np.int32) for name, step in zip(FACTORS, steps, strict=True)}


def make_dsprites(*, count: int = 8000, size: int = 28, supersample: int = 4, seed: int = 0) -> Dataset:
    """Draw a random sample of the grid: images (N, size, size, 1), antialiased.

    Shape, scale (.5 to 1 in six steps), orientation (0 to 2 pi in 40), x and y (32 steps each) are
    those of the published set. Neighbours in the grid differ by a pixel or less: with all 737,280,
    each test image would have a near copy in the training part.

    Args:
        count: number of images, all different.
        size: pixels along an edge.
        supersample: sample points along an edge of a pixel.
        seed: of the sample.
    Returns:
        columns `label` (the shape), `scale`, `orientation`, `x`, `y`, int32 steps of the grid.
    Raises:
        DataError: more images than the grid has, or a number out of range.
    """
    total = int(np.prod(list(FACTORS.values())))
    if not 1 <= count <= total or size < 4 or supersample < 1:
        raise DataError(
            f"count = {count}: must be in [1, {total}]; size = {size}: at least 4; "
            f"supersample = {supersample}: at least 1"
        )
    columns = factors_of(np.random.default_rng(seed).choice(total, count, replace=False))
    parts = [
        rasterize({name: step[first : first + _CHUNK] for name, step in columns.items()}, size, supersample)
        for first in range(0, count, _CHUNK)
    ]
    note = f"{count} of {total} drawn at {size} pixels, {supersample} x {supersample} points each, seed {seed}"
    return Dataset(
        "dsprites",
        ArraySource(np.concatenate(parts)[..., None]),
        columns,
        SHAPES,
        report=ReadReport(notes=(note,)),
    )


def rasterize(steps: dict[str, np.ndarray], size: int, supersample: int) -> np.ndarray:
    """Rasterise shapes from the steps (N,) of each factor: (N, size, size) uint8."""
    points = (np.arange(size * supersample) + 0.5) / (size * supersample)
    centres = [_MARGIN + (1 - 2 * _MARGIN) * steps[name] / (FACTORS[name] - 1) for name in ("x", "y")]
    radius = REACH * (0.5 + 0.5 * steps["scale"] / (FACTORS["scale"] - 1))
    angle = 2 * np.pi * steps["orientation"] / (FACTORS["orientation"] - 1)
    across = (points[None, None, :] - centres[0][:, None, None]) / radius[:, None, None]
    down = (points[None, :, None] - centres[1][:, None, None]) / radius[:, None, None]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    x, y = cosine * across + sine * down, cosine * down - sine * across
    inside = np.choose(steps["label"][:, None, None], [_square(x, y), _ellipse(x, y), _heart(x, y)])
    grid = inside.reshape(-1, size, supersample, size, supersample)
    return np.rint(255 * grid.mean((2, 4))).astype(np.uint8)


def read_dsprites(root: Path, *, count: int | None = None, seed: int = 0) -> Dataset:
    """Read the published `dsprites_ndarray_*.npz`: `root` is the file, or its folder.

    Args:
        count: size of a random sample; None = all 737,280.
        seed: of the sample.
    Returns:
        images (N, 64, 64, 1), 0 or 255; columns as `make_dsprites`.
    Raises:
        DataError: no such file, or another grid.
    """
    files = [path for path in list_files(root, (".npz",)) if path.name.startswith("dsprites")]
    path = root if not root.is_dir() else next(iter(files), None)
    if path is None:
        raise DataError(f"no dsprites*.npz in {root}; put the published file there")
    arrays = read_arrays(
        path, DataError, what="file of dSprites", names=("imgs", "latents_classes"), largest=_LARGEST
    )
    images, classes = arrays["imgs"], arrays["latents_classes"]
    if images.dtype.kind not in "biu" or classes.dtype.kind not in "iu" or classes.ndim != 2:
        raise DataError(f"{path} holds {images.dtype} and {classes.dtype}; it is not the published dSprites")
    steps = (1, *FACTORS.values())
    fits = classes.shape == (len(images), len(steps)) and images.shape[1:] == (EDGE, EDGE)
    if not fits or any(
        column.max(initial=0) >= bound or column.min(initial=0) < 0
        for column, bound in zip(classes.T, steps, strict=True)
    ):
        raise DataError(
            f"{path} holds images {images.shape} and factors {classes.shape}, not (N, {EDGE}, {EDGE}) and "
            f"(N, {len(steps)}) of {steps} steps"
        )
    indices = np.arange(len(images))
    if count is not None:
        if not 1 <= count <= len(images):
            raise DataError(f"count = {count}: must be in [1, {len(images)}], the images of {path}")
        indices = np.random.default_rng(seed).choice(len(images), count, replace=False)
    columns = {name: classes[indices, column].astype(np.int32) for column, name in enumerate(FACTORS, 1)}
    selection = (images[indices] != 0).astype(np.uint8)[..., None] * np.uint8(255)
    return Dataset("dsprites", ArraySource(selection), columns, SHAPES)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) <= np.sqrt(0.5)


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x**2 + (2 * y) ** 2 <= 1


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sextic heart, pointing down, within the unit circle about the centre."""
    x, y = 1.26 * x, 0.24 - 1.26 * y
    return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
