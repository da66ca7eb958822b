"""What a trained THIN went by (Section 4.6), as arrays; `figures` draws them.

Features are representations flattened to (N, F); `observe` collects them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array
from jaxface.frameworks.common.images import for_network, unit_range
from jaxface.frameworks.thin.losses import node_probabilities
from jaxface.frameworks.thin.networks import Answer

AT_ONCE = 64  # images of one call
FEW = 500  # features of which t-SNE needs no approximation
TINY = 1e-12


class Observation(NamedTuple):
    """What a network made of N images.

    Attributes:
        logits: (N, K).
        nodes: (N, 2^D - 1) probability to come by each split of the gate, breadth-first; (N, 0) without a gate.
        leaves: (N, L) weights of the experts.
        endogenous: (N, F) the representation of the task.
        exogenous: (N, F) of each exogenous variable.
        similarity: (N, variables) |cos| of Eq. 7; (N, 0) where nothing is dispelled.
    """

    logits: np.ndarray
    nodes: np.ndarray
    leaves: np.ndarray
    endogenous: np.ndarray
    exogenous: tuple[np.ndarray, ...]
    similarity: np.ndarray


class Distances(NamedTuple):
    """Figures 9 and 11: distances between unit vectors, in [0, 2].

    Attributes:
        same: (P,) between two images of one identity.
        different: (P,) of two identities.
        overlap: intersection over union of the two histograms; 0 = told apart by distance, 1 = not at all.
    """

    same: np.ndarray
    different: np.ndarray
    overlap: float


class Plane(NamedTuple):
    """Figure 12: features in the plane.

    Attributes:
        points: (N, 2).
        explained: (3,) share of the variance along each of the first three principal axes.
    """

    points: np.ndarray
    explained: np.ndarray


def observe(
    graphdef: nnx.GraphDef, state: nnx.State, images: np.ndarray, truth: np.ndarray | None = None
) -> Observation:
    """Ask a trained network of images (N, H, W, C), uint8 or float32 in [0, 1].

    Args:
        truth: (N, variables) for the oracle.
    """
    gated = nnx.merge(graphdef, state).gate is not None

    @jax.jit
    def ask(state: nnx.State, images: Array, truth: Array | None) -> tuple[Answer, Array]:
        module = nnx.merge(graphdef, state)
        answer = module(for_network(unit_range(images), module), truth)
        return answer, jax.vmap(node_probabilities)(answer.gate) if gated else answer.gate[:, :0]

    parts = []
    for first in range(0, len(images), AT_ONCE):
        rows = np.arange(first, first + AT_ONCE).clip(max=len(images) - 1)  # the last part is filled up
        told = None if truth is None else jnp.asarray(truth[rows])
        parts.append(jax.device_get(ask(state, jnp.asarray(images[rows]), told)))
    answer, nodes = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(images)], *parts)
    flat = [each.reshape(len(images), -1) for each in (answer.endogenous, *answer.exogenous)]
    return Observation(answer.logits, nodes, answer.gate, flat[0], tuple(flat[1:]), answer.similarity)


def distances(
    features: np.ndarray, identity: np.ndarray, pairs: int = 2000, seed: int = 0, bins: int = 50
) -> Distances:
    """As many random pairs of one identity as of two, and how far apart they are after L2 normalisation.

    Args:
        features: (N, F).
        identity: (N,) whole numbers.
        pairs: P, of each kind, drawn with replacement.
        bins: of the histograms that `overlap` compares.
    Raises:
        ConfigError: nobody has two images, or there is one person alone.
    """
    random = np.random.default_rng(seed)
    values, number, count = np.unique(identity, return_inverse=True, return_counts=True)
    if len(values) < 2 or count.max() < 2:
        raise ConfigError(
            f"{len(identity)} images of {len(values)} identities; wanted two or more, one with two images"
        )
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), TINY)
    order, starts = np.argsort(number, kind="stable"), np.cumsum(count) - count
    first = random.choice(np.flatnonzero(count[number] > 1), pairs)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - starts[number[order]]
    own = number[first]
    step = random.integers(1, count[own])  # another place among the images of the same person
    fellow = order[starts[own] + (place[first] + step) % count[own]]
    left = random.integers(0, len(order), pairs)
    behind = starts[number[left]] + count[number[left]]  # any place but those of that person
    stranger = order[(behind + random.integers(0, len(order) - count[number[left]])) % len(order)]
    same, different = _apart(unit, first, fellow), _apart(unit, left, stranger)
    return Distances(same, different, overlap(same, different, bins))


def overlap(first: np.ndarray, second: np.ndarray, bins: int = 50) -> float:
    """Intersection over union of two samples' histograms over their common range, in [0, 1]."""
    edges = np.linspace(min(first.min(), second.min()), max(first.max(), second.max()) + TINY, bins + 1)
    shares = [np.histogram(each, edges)[0] / len(each) for each in (first, second)]
    return float(np.minimum(*shares).sum() / np.maximum(*shares).sum())


def typical(nodes: np.ndarray, count: int = 8) -> np.ndarray:
    """Figure 10: which images come by each split most surely, the surest first.

    Args:
        nodes: (N, M) probabilities; of splits or of leaves.
    Returns:
        (M, count) indices of images. All images come by the root; the second and third row are its two sides.
    """
    return np.argsort(-nodes, axis=0, kind="stable")[:count].T


def plane(features: np.ndarray, method: Literal["pca", "tsne"] = "tsne", seed: int = 0) -> Plane:
    """Features (N, F) in the plane: their principal axes, or scikit-learn's t-SNE.

    Raises:
        ShapeError: fewer than four images.
    """
    if features.ndim != 2 or len(features) < 4:
        raise ShapeError(f"features of shape {features.shape}; wanted (N, F) of 4 images or more")
    centred = features - features.mean(0, keepdims=True)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    explained = np.zeros(3)
    explained[: len(spread)] = (spread**2 / max((spread**2).sum(), TINY))[:3]
    if method == "pca":
        return Plane((left * spread)[:, :2], explained)
    from sklearn.manifold import TSNE

    near = min(30.0, (len(features) - 1) / 3)
    way = "exact" if len(features) < FEW else "barnes_hut"
    embedding = TSNE(perplexity=near, init="pca", method=way, random_state=seed)
    return Plane(embedding.fit_transform(features), explained)


def class_separation(features: np.ndarray, label: np.ndarray) -> float:
    """Inter- to intra-class ratio (Section 4.4): variance of the class means to the mean variance about them.

    The paper gives figures without a formula; this one counts every class alike.
    """
    groups = [features[label == each] for each in np.unique(label)]
    means = np.stack([group.mean(0) for group in groups])
    within = np.mean([((group - mean) ** 2).sum(1).mean() for group, mean in zip(groups, means, strict=True)])
    return float(((means - means.mean(0, keepdims=True)) ** 2).sum(1).mean() / max(within, TINY))


def _apart(unit: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(unit[first] - unit[second], axis=1)
