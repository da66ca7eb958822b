"""From the detector's grid to boxes around faces."""

import numpy as np

from jaxface.photos.nets import ANCHORS


def decode(grid: np.ndarray, score: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of one picture above a score, best first.

    Args:
        grid: (n, n, 5, 5) of `nets.Detector`.

    Returns:
        (F, 4) left, top, right, bottom, in edges of the detector's input, and (F,) scores in (0, 1).
    """
    grid = grid.astype(np.float64)
    cells = grid.shape[0]
    scores = _sigmoid(grid[..., 4])
    row, column, anchor = np.nonzero(scores > score)
    values, sizes = grid[row, column, anchor], np.array(ANCHORS)[anchor]
    centre = (np.stack([column, row], -1) + _sigmoid(values[:, :2])) / cells
    half = 0.5 * np.exp(np.minimum(values[:, 2:4], 10.0)) * sizes / cells
    order = np.argsort(-scores[row, column, anchor], kind="stable")
    return np.concatenate([centre - half, centre + half], -1)[order], scores[row, column, anchor][order]


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Return the indices of the boxes that overlap no better one by more than a share, best first.

    Args:
        boxes: (F, 4); scores: (F,).
        overlap: largest intersection over union.
    """
    rest = np.argsort(-scores, kind="stable")
    best = []
    while len(rest):
        best.append(rest[0])
        rest = rest[1:][shared(boxes[rest[0]], boxes[rest[1:]]) <= overlap]
    return np.array(best, int)


def shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return intersection over union of one box (4,) and others (F, 4)."""
    edges = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inner = np.prod(np.maximum(edges, 0.0), -1)
    area = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], -1)
    return inner / (area - inner)


def _sigmoid(numbers: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(numbers, -60.0, 60.0)))
