"""Write `jaxface/photos/assets/marks-bundled.npz`: where the landmark net sees the bundled head's marks.

    nice python -m tools.landmark_offsets

The net's points and the marks of the head do not mean quite the same places of a face: the brows differ
by a tenth of an interocular distance. A fit of the head to detected points has to know by how much.
"""

import dataclasses

import numpy as np

from jaxface import photos
from jaxface.data import rendered
from jaxface.face._landmarks import mirror_order
from jaxface.photos import asymmetry
from tools.bundled_classifiers import write_weights
from tools.face_api_weights import ASSETS

COUNT, SIZE, BATCH = 320, 192, 16


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


def offsets(points: np.ndarray, marks: np.ndarray) -> dict[str, np.ndarray]:
    """Return `offset` (68, 2), marks less points in the frame of the detected eyes, and its `deviation` (68,).

    The frame is `asymmetry.level`'s. Both are the same for either side of the face.
    """
    left, right = points[:, 42:48].mean(1), points[:, 36:42].mean(1)
    both = asymmetry.level(np.concatenate([points, marks], 1), left, right)
    difference = both[:, 68:] - both[:, :68]
    mirrored = difference[:, mirror_order()] * [-1.0, 1.0]
    both_sides = np.concatenate([difference, mirrored])
    offset = np.median(both_sides, axis=0)
    deviation = 1.48 * np.median(np.abs(both_sides - offset), axis=0).mean(-1)
    return {"offset": offset.astype(np.float32), "deviation": deviation.astype(np.float32)}


if __name__ == "__main__":
    arrays = offsets(*measured())
    write_weights(ASSETS / "marks-bundled.npz", arrays)
    print(np.round(arrays["deviation"], 3).tolist())
