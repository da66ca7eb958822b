"""Age and sex of faces, as face-api's net sees them. Its weights are not bundled."""

from pathlib import Path

import numpy as np

from jaxface.photos import squares, weights
from jaxface.photos.detection import Picture, apply_net, bounded
from jaxface.photos.faces import Faces


def load_age_net(folder: str | Path) -> weights.Net:
    """Load the net from the folder that holds `age_gender_model-weights_manifest.json`.

    Raises:
        CheckpointError: weights that are missing or damaged.
    """
    return weights.load("age-sex", folder)


def age_and_sex(picture: Picture, faces: Faces, net: weights.Net) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the age in years, (F,), and the probability of a male face, (F,).

    What a net learnt from its photographs, not what people are: use it to describe a set of photographs.

    Args:
        picture: that the faces were found in.
        net: of `load_age_net`.
    """
    if not len(faces):
        return np.zeros(0), np.zeros(0)
    image, factor = bounded(picture)
    matrices = [squares.around_points(points / factor, margin=0.1) for points in faces.points]
    numbers = apply_net(net, [squares.face(image, matrix) for matrix in matrices]).astype(np.float64)
    odds = np.clip(numbers[:, 1] - numbers[:, 2], -60.0, 60.0)  # of the softmax over male and female
    return numbers[:, 0], 1.0 / (1.0 + np.exp(-odds))
