"""From what the landmark net sees to the marks of the bundled head.

The net's points and the head's marks do not mean quite the same places of a face: the brows differ by a tenth
of an interocular distance, and by how much depends on the face. Measured on rendered people and fitted by a
ridge regression (`tools/landmark_offsets.py`).
"""

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np

from jaxface.core.errors import JaxfaceError
from jaxface.core.npy_files import read_arrays


@dataclass(frozen=True)
class HeadMarks:
    """Where the marks of a head are, by where the net sees them.

    Points are in interocular distances from the middle of the eyes, which are level, as of `asymmetry.level`.

    Attributes:
        mean: (68, 2) of the net's points.
        offset: (68, 2) of the marks from the net's points, at the mean.
        slopes: (136, 136) change of the offsets (columns, x and y of point after point) by the points (rows).
    """

    mean: np.ndarray
    offset: np.ndarray
    slopes: np.ndarray

    def of(self, points: np.ndarray) -> np.ndarray:
        """Return the marks (..., 68, 2) of the net's points (..., 68, 2)."""
        change = (points - self.mean).reshape(*points.shape[:-2], 136) @ self.slopes
        return points + self.offset + change.reshape(points.shape)


def load_marks() -> HeadMarks:
    """Load those of the bundled head."""
    with as_file(files("jaxface.photos.assets") / "marks-bundled.npz") as path:
        return HeadMarks(**read_arrays(path, JaxfaceError, what="file of marks"))
