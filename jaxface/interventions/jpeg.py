"""JPEG: lossy compression, as a function of arrays (ITU-T T.81)."""

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import Ge, Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Levels, Sensor
from jaxface.interventions.protocol import Wording
from jaxface.render import Prepared, Scene

_BLOCK = 8
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@dataclass(frozen=True)
class Jpeg(Sensor):
    """Compress and decompress the picture: quality 100 less the level; at 0 it is not compressed at all.

    Cosine transform of 8 x 8 blocks, the tables of Annex K scaled as the IJG's program does, colour at half
    the resolution. Holds the mean of blocks to a step of the table. It cannot hold fine lines and colours.
    Its gradient is zero almost everywhere: it rounds.

    Attributes:
        largest: 100 less the quality, at the last level.
    """

    name: ClassVar[str] = "jpeg"
    symbol: ClassVar[str] = "j"
    ends: ClassVar[tuple[str, str]] = ("uncompressed", "compressed")
    wording: ClassVar[Wording] = Wording(
        noun="JPEG compression",
        effect="depends on compression",
        unchanged_face="uncompressed",
        changed_face="compressed",
        description="The picture is compressed as JPEG with quality 100 less the level; at 0 it is "
        "not compressed",
        methods_text="pictures were compressed as JPEG with quality 100 less the level",
    )

    largest: Annotated[float, Interval(gt=0, le=99)] = 95.0
    steps: Annotated[int, Ge(2)] = 6

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the decompressed picture."""
        return compress(picture, 100.0 - levels[0])


def compress(picture: Array, quality: Array) -> Array:
    """Return a picture (H, W, 3) in [0, 1] as a JPEG file of () quality in [1, 100] would show it."""
    height, width, _ = picture.shape
    luminance, chrominance = (jnp.asarray(table) for table in _tables())
    # The IJG's scale: 1 at quality 50, 2 at 25, 0 at 100.
    scale = jnp.where(quality < 50.0, 50.0 / jnp.maximum(quality, 1.0), 2.0 - quality / 50.0)
    padding = [(0, -height % (2 * _BLOCK)), (0, -width % (2 * _BLOCK)), (0, 0)]
    pixels = jnp.round(255.0 * jnp.pad(picture, padding, mode="edge"))
    ycc = pixels @ jnp.asarray(_TO_YCC.T, picture.dtype)
    planes = [_quantize(ycc[..., 0] - 128.0, luminance, scale) + 128.0]
    for channel in (1, 2):
        plane = ycc[..., channel]
        rows, columns = plane.shape
        half = plane.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
        half = _quantize(half, chrominance, scale)
        planes.append(jnp.repeat(jnp.repeat(half, 2, axis=0), 2, axis=1))
    rgb = jnp.stack(planes, axis=-1) @ jnp.asarray(np.linalg.inv(_TO_YCC).T, picture.dtype)
    return jnp.clip(jnp.round(rgb[:height, :width]), 0.0, 255.0) / 255.0


def _quantize(plane: Array, table: Array, scale: Array) -> Array:
    """A plane (H, W), multiples of 8, with its cosine coefficients rounded to steps of the table."""
    height, width = plane.shape
    transform = jnp.asarray(_cosines(), plane.dtype)
    blocks = plane.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    steps = jnp.clip(jnp.floor(table * scale + 0.5), 1.0, 255.0)[None, :, None, :]
    coefficients = jnp.einsum("ui,vj,aibj->aubv", transform, transform, blocks)
    coefficients = jnp.round(coefficients / steps) * steps
    return jnp.einsum("ui,vj,aubv->aibj", transform, transform, coefficients).reshape(height, width)


@functools.cache
def _cosines() -> np.ndarray:
    """(8, 8) the orthonormal cosine transform, a row for each frequency."""
    frequency, place = np.meshgrid(np.arange(_BLOCK), np.arange(_BLOCK), indexing="ij")
    rows = np.sqrt(2 / _BLOCK) * np.cos(np.pi * (2 * place + 1) * frequency / (2 * _BLOCK))
    rows[0] /= np.sqrt(2)
    return rows


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """(8, 8) steps of luminance and of chrominance."""
    tables = tomllib.loads((files("jaxface.interventions") / "jpeg.toml").read_text(encoding="utf-8"))
    return np.array(tables["luminance"], np.float32), np.array(tables["chrominance"], np.float32)
