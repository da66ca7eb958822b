"""ExpW, Expression in-the-Wild (Zhang et al. 2018).

The layout is from memory, unverified against the publishers' files: `label/label.lst` (or at the
root) with lines `name face_id top left right bottom confidence code`, images in `image/origin` (or
`origin`), several faces an image; codes 0 to 6 = anger, disgust, fear, happiness, sadness,
surprise, neutral. There is no official split.
"""

from pathlib import Path

from jaxface.core.errors import DataError
from jaxface.data.dataset import Dataset
from jaxface.data.readers import common
from jaxface.data.sources import Check

LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def read_expw(root: Path, *, confidence: float = 0.0, check: Check = "quick") -> Dataset:
    """Read ExpW's faces, cut out by their boxes.

    Args:
        confidence: least confidence of the face detector; other faces are left out and counted.

    Raises:
        DataError: the list or the images are missing, or a line is damaged.
        LabelError: a code outside 0 to 6.
    """
    path = next(
        (p for p in (root / "label" / "label.lst", root / "label.lst") if p.is_file()), root / "label.lst"
    )
    base = next((base for base in ("image/origin", "origin") if (root / base).is_dir()), None)
    if base is None:
        raise DataError(f"no folder {root / 'image' / 'origin'} (ExpW's images)")
    images = common.ImageList()
    for number, line in common.read_lines(path, "ExpW's list of faces"):
        name, face, *edges, text = common.check_cells(path, number, line.split(), 8)
        top, left, right, bottom, score = (common.parse_number(path, number, edge) for edge in edges)
        label = common.parse_code(path, number, text, LABELS)
        if score < confidence:
            images.leave_out(f"confidence below {confidence:g}", f"{base}/{name} (face {face})")
        else:
            images.add(f"{base}/{name}", {"label": label}, (left, top, right, bottom))
    return common.build_dataset("expw", root, images, check=check, labels=LABELS)
