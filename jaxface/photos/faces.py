"""Faces in a picture: boxes, scores and landmarks in pixels."""

from dataclasses import dataclass, fields

import numpy as np

from jaxface.core.errors import JaxfaceError
from jaxface.photos.config import Which

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
"""Points of the person's right and left eye."""


class FaceError(JaxfaceError):
    """A picture whose faces cannot be used: none, or too many."""


@dataclass(frozen=True)
class Faces:
    """F faces of one picture, best score first. Pixels count from the upper left corner, x right, y down.

    Attributes:
        boxes: (F, 4) left, top, right, bottom, pixels; they may reach out of the picture.
        scores: (F,) in (0, 1).
        points: (F, 68, 2) pixels, in the order of iBUG 300-W: the person's right comes first.
        copies: (F, copies, 68, 2) the same in shifted, scaled and mirrored squares; `points` are the mean.
        sharpness: (F,) of `quality.sharpness`.
    """

    boxes: np.ndarray
    scores: np.ndarray
    points: np.ndarray
    copies: np.ndarray
    sharpness: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def eyes(self) -> np.ndarray:
        """(F, 2, 2) centres of the person's left and right eye, pixels."""
        return np.stack([self.points[:, LEFT_EYE].mean(1), self.points[:, RIGHT_EYE].mean(1)], axis=1)

    @property
    def spread(self) -> np.ndarray:
        """(F,) root mean square deviation of a point over copies, interocular distances; NaN for one copy."""
        if self.copies.shape[1] < 2:
            return np.full(len(self), np.nan)
        deviation = self.copies - self.points[:, None]
        squares = (deviation**2).sum((1, 2, 3)) / (68.0 * (self.copies.shape[1] - 1))
        across = np.linalg.norm(self.eyes[:, 0] - self.eyes[:, 1], axis=-1)
        return np.sqrt(squares) / np.maximum(across, 1e-9)

    def scaled(self, factor: float) -> "Faces":
        """Return the faces of the picture in another size."""
        enlarged = (self.boxes * factor, self.scores, self.points * factor, self.copies * factor)
        return Faces(*enlarged, self.sharpness)

    def take(self, rows: np.ndarray | slice) -> "Faces":
        """Return some of the faces."""
        return Faces(*(getattr(self, each.name)[rows] for each in fields(self)))

    def choose(self, which: Which) -> "Faces":
        """Return the largest face, or all. See `DetectConfig.which`.

        Raises:
            FaceError: no face; or several where one is wanted.
        """
        if not len(self):
            raise FaceError("no face was found")
        if which == "one" and len(self) > 1:
            raise FaceError(f"{len(self)} faces were found, wanted one")
        if which == "all":
            return self
        areas = np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=-1)
        areas = np.where(self.scores >= 0.75 * self.scores.max(), areas, 0.0)
        return self.take(np.array([int(areas.argmax())]))


def no_faces() -> Faces:
    """Return the faces of a picture without any."""
    points = np.zeros((0, 1, 68, 2))
    return Faces(np.zeros((0, 4)), np.zeros(0), points[:, 0], points, np.zeros(0))
