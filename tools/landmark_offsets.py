"""Write `jaxface/photos/assets/marks-bundled.npz`: where the landmark net sees the bundled head's marks.

    nice python -m tools.landmark_offsets

A ridge regression of the differences on the points, see `jaxface.photos.marks`. Prints the mean distance of
the inner points and of the contour for people who were left out, with constant offsets and with slopes.
"""

import dataclasses

import numpy as np

from jaxface import photos
from jaxface.data import rendered
from jaxface.face._landmarks import mirror_order
from jaxface.photos import asymmetry
from jaxface.photos.marks import HeadMarks
from tools.bundled_classifiers import write_weights
from tools.face_api_weights import ASSETS

COUNT, SIZE, BATCH = 1200, 192, 16
RIDGE = 1.0
"""Much larger than what is best for rendered people: photographs show other faces."""


def measured() -> tuple[np.ndarray, np.ndarray]:
    """Return the points that were detected and the head's marks, (n, 68, 2) each, pixels."""
    recipe = rendered.load_recipe("expressions")
    camera = dataclasses.replace(recipe.camera, height=(3.2, 5.0), eye_line=(0.36, 0.5), shift=0.1)
    recipe = dataclasses.replace(recipe, size=SIZE, landmarks=True, camera=camera, seed=11)
    rows = rendered.dataset(recipe, COUNT, batch=BATCH).rows(range(COUNT))
    nets, pairs = photos.load_nets(), []
    for start in range(0, COUNT, BATCH):
        faces = photos.detect_many(list(rows["image"][start : start + BATCH]), None, nets)
        for one, marks in zip(faces, rows["landmarks"][start : start + BATCH], strict=True):
            if len(one):
                pairs.append((one.points[0], marks.astype(np.float64) * SIZE))
    points, marks = (np.stack(each) for each in zip(*pairs, strict=True))
    return points, marks


def level(points: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both in the frame of the detected eyes, (2 n, 68, 2): all faces and their mirror images."""
    left, right = points[:, 42:48].mean(1), points[:, 36:42].mean(1)
    frame = asymmetry.level(np.concatenate([points, marks], 1), left, right)
    parts = frame[:, :68], frame[:, 68:]
    points, marks = (np.concatenate([part, part[:, mirror_order()] * [-1.0, 1.0]]) for part in parts)
    return points, marks


def regression(points: np.ndarray, marks: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fields of `HeadMarks` by points and marks of `level`."""
    mean, offset = points.mean(0), (marks - points).mean(0)
    inputs, outputs = (each.reshape(-1, 136) for each in (points - mean, marks - points - offset))
    slopes = np.linalg.solve(inputs.T @ inputs + RIDGE * np.eye(136), inputs.T @ outputs)
    arrays = {"mean": mean, "offset": offset, "slopes": slopes}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def distances(head_marks: HeadMarks, points: np.ndarray, marks: np.ndarray) -> tuple[float, float]:
    """Return the mean error of the inner points and of the contour, interocular distances."""
    error = np.linalg.norm(head_marks.of(points) - marks, axis=-1)
    return float(error[:, 17:].mean()), float(error[:, :17].mean())


if __name__ == "__main__":
    points, marks = measured()
    most = int(0.75 * len(points))
    kept, rest = level(points[:most], marks[:most]), level(points[most:], marks[most:])
    fit = HeadMarks(**regression(*kept))
    for name, each in {"constant": dataclasses.replace(fit, slopes=0.0 * fit.slopes), "slopes": fit}.items():
        print(name, *(f"{distance:.4f}" for distance in distances(each, *rest)))
    write_weights(ASSETS / "marks-bundled.npz", regression(*level(points, marks)))
