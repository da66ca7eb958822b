"""What a candidate costs and gains, on people whom nobody was trained on."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify import Classifier
from jaxface.classify.probability import probabilities_float64
from jaxface.frameworks.common import metrics
from jaxface.mending.ground import CHUNK, Ground, pictures, plain_faces, unchanged_pictures


@dataclass(frozen=True)
class Probe:
    """Pictures of N faces to measure by.

    Attributes:
        images: (N, size, size, 3) uint8, unchanged.
        ends: by the name of an intervention (L, N, size, size, 3) uint8 at the ends of its levels.
        label: (N,) int32 class that a face shows.
        is_neutral: (N,) bool, no expression: such a face counts in no bias.
    """

    images: np.ndarray
    ends: dict[str, np.ndarray]
    label: np.ndarray
    is_neutral: np.ndarray


class Utility(NamedTuple):
    """What a network is good for, on unchanged faces.

    Attributes:
        accuracy: share of faces with the right top answer.
        agreement: share of faces with the original's top answer.
        entropy: mean of the answers, nats.
        calibration_error: expected calibration error, in [0, 1].
    """

    accuracy: float
    agreement: float
    entropy: float
    calibration_error: float


def build_probe(ground: Ground, stream: int, people: int) -> Probe:
    """Render every expression of the people of a stream, unchanged and at the ends of all levels."""
    faces = plain_faces(ground, stream, people)
    ends = {}
    for intervention in ground.against:
        axis = intervention.axes[0]
        levels = [level for level in (axis.levels[0], axis.levels[-1]) if level != axis.unchanged]
        ends[intervention.name] = np.stack(
            [pictures(ground, intervention, faces.params, level) for level in levels]
        )
    is_neutral = np.logical_not(np.asarray(faces.params.expression).any(-1))
    return Probe(unchanged_pictures(ground, faces), ends, faces.label, is_neutral)


def logits_of(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """Return logits (N, K) of images (N, H, W, 3) uint8, by one program for any N.

    Raises:
        FunctionError: an answer is NaN or infinite.
    """
    parts = []
    for start in range(0, len(images), CHUNK):
        rows = np.minimum(np.arange(start, start + CHUNK), len(images) - 1)
        batch = images[rows].astype(np.float32) / np.float32(255)
        parts.append(np.asarray(classifier.logits(batch)))
    return np.concatenate(parts)[: len(images)]


def utility(logits: np.ndarray, original: np.ndarray, label: np.ndarray) -> Utility:
    """Return the measures of logits (N, K), beside the original's, of faces with labels (N,)."""
    probability = probabilities_float64(logits, multilabel=False)
    top = logits.argmax(-1)
    logarithm = np.log(np.maximum(probability, np.finfo(np.float32).tiny))
    error = jax.jit(metrics.calibration_error)(jnp.asarray(probability), jnp.asarray(label))
    return Utility(
        accuracy=float((top == label).mean()),
        agreement=agreement(logits, original),
        entropy=float(-(probability * logarithm).sum(-1).mean()),
        calibration_error=float(error),
    )


def bias(logits: np.ndarray, ends: np.ndarray, label: np.ndarray) -> float:
    """Return the mean change of the target's probability, without its sign, at the end where it is larger.

    Args:
        logits: (N, K) of unchanged faces.
        ends: (L, N, K) of the same faces at the ends of the levels.
        label: (N,) targets.
    """
    faces = np.arange(len(label))
    plain, changes = (probabilities_float64(each, multilabel=False) for each in (logits, ends))
    sizes = np.abs(changes[:, faces, label] - plain[faces, label]).mean(-1)
    return float(sizes.max())


def agreement(logits: np.ndarray, original: np.ndarray) -> float:
    """Return the share of rows of (N, K) with the top answer of the original's."""
    return float((logits.argmax(-1) == original.argmax(-1)).mean())
