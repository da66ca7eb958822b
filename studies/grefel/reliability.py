"""Reliability of predictions: confidence against accuracy, statistics of confidence, classes of errors.

NumPy, on the host: everything here takes the predictions for a whole data set.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

BINS = 15


class Bins(NamedTuple):
    """A reliability diagram: predictions binned by the probability of their top class (Guo et al. 2017).

    Attributes:
        counts: (M,) predictions in each of M bins of equal width.
        confidence, accuracy: (M,) their means; NaN in an empty bin.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap between the two over all predictions."""
        nonempty = self.counts > 0
        gaps = np.abs(self.confidence - self.accuracy)[nonempty]
        return float((gaps * self.counts[nonempty]).sum() / self.counts.sum())


def bins(probabilities: np.ndarray, labels: np.ndarray, count: int = BINS) -> Bins:
    """Return the diagram of probabilities (N, C) and labels (N,)."""
    top, correct = probabilities.max(1), probabilities.argmax(1) == labels
    index = np.clip(np.ceil(top * count).astype(int) - 1, 0, count - 1)
    counts = np.bincount(index, minlength=count)
    with np.errstate(invalid="ignore"):
        confidence, accuracy = (np.bincount(index, values, count) / counts for values in (top, correct))
    return Bins(counts, confidence, accuracy)


class ConfidenceStats(NamedTuple):
    """The statistics of the supplement's Fig. 4, over all images and classes."""

    std: float
    largest: float
    smallest: float


def confidence_stats(probabilities: np.ndarray) -> ConfidenceStats:
    """Return the statistics of probabilities (N, C)."""
    return ConfidenceStats(float(probabilities.std()), float(probabilities.max()), float(probabilities.min()))


def error_shares(predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the share of each true class among all errors (Figs. 2 and 3): (C,), zeros without errors."""
    errors = np.bincount(labels[predictions != labels], minlength=classes)
    return errors / max(errors.sum(), 1)


def draw(path: str | Path, diagrams: Mapping[str, Bins]) -> None:
    """Write reliability diagrams, one panel each, with the diagonal of perfect calibration: SVG or PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(diagrams), 3.2), layout="constrained")
    panels = figure.subplots(1, len(diagrams), sharey=True, squeeze=False)[0]
    for panel, (name, diagram) in zip(panels, diagrams.items(), strict=True):
        edges = np.linspace(0, 1, len(diagram.counts) + 1)
        panel.bar(edges[:-1], np.nan_to_num(diagram.accuracy), np.diff(edges), align="edge", alpha=0.6)
        panel.plot(diagram.confidence, diagram.accuracy, "o-", color="black", markersize=3, linewidth=1)
        panel.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
        panel.set(title=f"{name}, error {diagram.error:.3f}", xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
    panels[0].set_ylabel("accuracy")
    figure.savefig(Path(path))
