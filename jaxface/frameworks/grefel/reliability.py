"""Reliability as users read it: confidence beside accuracy, how spread out answers are, where errors lie.

NumPy, on the host: everything here looks at the answers of a whole data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

BINS = 15


class Bins(NamedTuple):
    """A reliability diagram: answers sorted by the probability of their top class (Guo et al. 2017).

    Attributes:
        answers: (M,) how many answers lie in each of M bins of one width.
        confidence, accuracy: (M,) their means; NaN where there is none.
    """

    answers: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap between the two, by answers."""
        there = self.answers > 0
        gaps = np.abs(self.confidence - self.accuracy)[there]
        return float((gaps * self.answers[there]).sum() / self.answers.sum())


def bins(probabilities: np.ndarray, truth: np.ndarray, count: int = BINS) -> Bins:
    """The diagram of probabilities (N, C) and true classes (N,)."""
    top, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.clip(np.ceil(top * count).astype(int) - 1, 0, count - 1)
    found = np.bincount(place, minlength=count)
    with np.errstate(invalid="ignore"):
        confidence, accuracy = (np.bincount(place, each, count) / found for each in (top, right))
    return Bins(found, confidence, accuracy)


class Spread(NamedTuple):
    """What the supplement's Fig. 4 says of distributions: over all images and classes together."""

    deviation: float
    largest: float
    smallest: float


def spread(probabilities: np.ndarray) -> Spread:
    """Of probabilities (N, C)."""
    return Spread(float(probabilities.std()), float(probabilities.max()), float(probabilities.min()))


def mislabelled(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """The share of each true class among all errors (Figs. 2 and 3): (C,), zeros where there are no errors."""
    errors = np.bincount(truth[predicted != truth], minlength=classes)
    return errors / max(errors.sum(), 1)


def draw(path: str | Path, diagrams: Mapping[str, Bins]) -> None:
    """Write reliability diagrams, one panel each, beside the diagonal of perfect calibration: SVG or PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(diagrams), 3.2), layout="constrained")
    panels = figure.subplots(1, len(diagrams), sharey=True, squeeze=False)[0]
    for panel, (name, found) in zip(panels, diagrams.items(), strict=True):
        edges = np.linspace(0, 1, len(found.answers) + 1)
        panel.bar(edges[:-1], np.nan_to_num(found.accuracy), np.diff(edges), align="edge", alpha=0.6)
        panel.plot(found.confidence, found.accuracy, "o-", color="black", markersize=3, linewidth=1)
        panel.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
        panel.set(title=f"{name}, error {found.error:.3f}", xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
    panels[0].set_ylabel("accuracy")
    figure.savefig(Path(path))
