"""The representations and gates of a trained THIN (Section 4.6), as arrays; `figures` draws them.

Features are representations flattened to (N, F); `observe` collects them.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array
from jaxface.frameworks.common.images import cast_like, unit_range
from jaxface.frameworks.thin.losses import node_probabilities
from jaxface.frameworks.thin.networks import ThinOutputs

BATCH = 64  # images of one call
EXACT_TSNE = 500  # images below which t-SNE needs no approximation
TINY = 1e-12


class Observation(NamedTuple):
    """The outputs of a network for N images, as `ThinOutputs` with representations (N, F)."""

    logits: np.ndarray
    nodes: np.ndarray  # (N, 2^D - 1) probability to reach each split; (N, 0) without gate
    leaves: np.ndarray  # weights of the experts
    endogenous: np.ndarray
    exogenous: tuple[np.ndarray, ...]
    similarity: np.ndarray


class Distances(NamedTuple):
    """Figures 9 and 11: distances (P,) in [0, 2] of images of one identity, and of two.

    `overlap` is the intersection over union of both histograms; 0 = fully separated, 1 = identical.
    """

    same: np.ndarray
    different: np.ndarray
    overlap: float


class Projection(NamedTuple):
    """Figure 12: points (N, 2) of features, and the variance's shares on three principal axes."""

    points: np.ndarray
    variance_shares: np.ndarray


def observe(
    graphdef: nnx.GraphDef, state: nnx.State, images: np.ndarray, truth: np.ndarray | None = None
) -> Observation:
    """Return the outputs of a trained network for images (N, H, W, C), uint8 or float32 in [0, 1],
    and for the oracle true exogenous classes (N, variables)."""
    has_gate = nnx.merge(graphdef, state).gate is not None

    @jax.jit
    def forward(state: nnx.State, images: Array, truth: Array | None) -> tuple[ThinOutputs, Array]:
        module = nnx.merge(graphdef, state)
        outputs = module(cast_like(unit_range(images), module), truth)
        return outputs, jax.vmap(node_probabilities)(outputs.gate) if has_gate else outputs.gate[:, :0]

    parts = []
    for first in range(0, len(images), BATCH):
        rows = np.arange(first, first + BATCH).clip(max=len(images) - 1)  # the last image pads the last batch
        batch_truth = None if truth is None else jnp.asarray(truth[rows])
        parts.append(jax.device_get(forward(state, jnp.asarray(images[rows]), batch_truth)))
    outputs, nodes = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(images)], *parts)
    endogenous, *exogenous = (
        maps.reshape(len(images), -1) for maps in (outputs.endogenous, *outputs.exogenous)
    )
    return Observation(outputs.logits, nodes, outputs.gate, endogenous, tuple(exogenous), outputs.similarity)


def distances(
    features: np.ndarray, identity: np.ndarray, pairs: int = 2000, seed: int = 0, bins: int = 50
) -> Distances:
    """Return distances of random pairs of one and of two identities, of features (N, F) normalized.

    Args:
        identity: (N,) whole numbers.
        pairs: P, of each kind, sampled with replacement.
        bins: of the histograms that `overlap` compares.

    Raises:
        ConfigError: no person has two images, or there is only one person.
    """
    random = np.random.default_rng(seed)
    values, number, count = np.unique(identity, return_inverse=True, return_counts=True)
    if len(values) < 2 or count.max() < 2:
        raise ConfigError(
            f"{len(identity)} images of {len(values)} identities: must be two identities or more, one of "
            "them with two images"
        )
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), TINY)
    order, starts = np.argsort(number, kind="stable"), np.cumsum(count) - count
    first = random.choice(np.flatnonzero(count[number] > 1), pairs)
    rank = np.empty(len(order), np.int64)  # of an image among those of the same person
    rank[order] = np.arange(len(order)) - starts[number[order]]
    person = number[first]
    step = random.integers(1, count[person])  # to another image of the same person
    second = order[starts[person] + (rank[first] + step) % count[person]]
    third = random.integers(0, len(order), pairs)
    after = starts[number[third]] + count[number[third]]  # the first position after that person's images
    fourth = order[(after + random.integers(0, len(order) - count[number[third]])) % len(order)]
    same, different = (
        np.linalg.norm(unit[one] - unit[other], axis=1) for one, other in ((first, second), (third, fourth))
    )
    return Distances(same, different, overlap(same, different, bins))


def overlap(first: np.ndarray, second: np.ndarray, bins: int = 50) -> float:
    """Return the intersection over union of two samples' histograms over their common range, in [0, 1]."""
    edges = np.linspace(min(first.min(), second.min()), max(first.max(), second.max()) + TINY, bins + 1)
    shares = [np.histogram(sample, edges)[0] / len(sample) for sample in (first, second)]
    return float(np.minimum(*shares).sum() / np.maximum(*shares).sum())


def typical_images(nodes: np.ndarray, count: int = 8) -> np.ndarray:
    """Figure 10: return the images most likely to reach each split or leaf, the most likely first.

    From probabilities (N, M): (M, count) indices of images. All reach the root; the second and
    third row are its two sides.
    """
    return np.argsort(-nodes, axis=0, kind="stable")[:count].T


def project(features: np.ndarray, method: Literal["pca", "tsne"] = "tsne", seed: int = 0) -> Projection:
    """Project features (N, F) to the plane: on their principal axes, or by scikit-learn's t-SNE;
    raise ShapeError for fewer than four images."""
    if features.ndim != 2 or len(features) < 4:
        raise ShapeError(f"features have shape {features.shape}: must be (N, F) with 4 images or more")
    deviations = features - features.mean(0, keepdims=True)
    left, singular, _ = np.linalg.svd(deviations, full_matrices=False)
    shares = np.zeros(3)
    shares[: len(singular)] = (singular**2 / max((singular**2).sum(), TINY))[:3]
    if method == "pca":
        return Projection((left * singular)[:, :2], shares)
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    algorithm = "exact" if len(features) < EXACT_TSNE else "barnes_hut"
    embedding = TSNE(perplexity=perplexity, init="pca", method=algorithm, random_state=seed)
    return Projection(embedding.fit_transform(features), shares)


def class_separation(features: np.ndarray, label: np.ndarray) -> float:
    """Return the inter- to intra-class ratio (Section 4.4): variance of class means over mean
    variance within classes; the paper has no formula, this one weighs every class alike."""
    groups = [features[label == value] for value in np.unique(label)]
    means = np.stack([group.mean(0) for group in groups])
    within = np.mean([((group - mean) ** 2).sum(1).mean() for group, mean in zip(groups, means, strict=True)])
    return float(((means - means.mean(0, keepdims=True)) ** 2).sum(1).mean() / max(within, TINY))
