"""The file format of the bundled head: a zip of arrays, the same bytes for the same arrays.

Symmetric fields are stored once: `half` lists one vertex of each mirrored pair and those of the
    midline, and fields of
vectors hold only the rows of `half`. Displacements are int16 in steps of `STEP` metres.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxface.core.io import write_bytes

STEP = 1e-5  # metres: a hundredth of a millimetre
FORMAT = 1

Array = NDArray[np.generic]


def quantize(displacement: NDArray[np.float64]) -> NDArray[np.int16]:
    """Convert metres to steps.

    Raises:
        OverflowError: a displacement beyond 32 cm.
    """
    steps = np.round(displacement / STEP)
    if np.abs(steps).max(initial=0) > 32767:
        raise OverflowError(
            f"displacement of {np.abs(displacement).max()} m does not fit int16 steps of {STEP} m"
        )
    return steps.astype(np.int16)


def unfold(
    half_rows: NDArray[np.float32], half: NDArray[np.int32], mirror: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return (V, 3, ...) from the rows of one half: the other half is its mirror image, the midline
    has x = 0."""
    out = np.zeros((len(mirror), *half_rows.shape[1:]), np.float32)
    flip = np.array([-1, 1, 1], np.float32).reshape(3, *[1] * (half_rows.ndim - 2))
    out[mirror[half]] = half_rows * flip
    out[half] = half_rows
    out[mirror == np.arange(len(mirror)), 0] = 0.0
    return out


def write(path: Path, arrays: dict[str, Array]) -> None:
    """Write an .npz atomically; its bytes depend only on the arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            # NumPy would write the time of day into every entry.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    write_bytes(path, buffer.getvalue())
