"""What is minimized: small pure functions of the answers to a batch of faces, each () float32.

Shapes: B faces, I interventions, K classes, G + 1 groups of levels, of which 0 is the unchanged one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.frameworks.pm2.losses import moment_distance


class Answers(NamedTuple):
    """The answers to a batch.

    Attributes:
        plain: (B, K) logits of unchanged faces.
        variants: (B, I, K) logits of the same faces at a level of each intervention.
        original: (B, K) logits of the original network on the unchanged faces.
        label: (B,) int32 class that a face shows.
        group: (B, I) int32 group of the level, from 1.
        embedding: (B, 1 + I, D) of all pictures, of the unchanged face first; None where a network has none.
        guesses: (B, 1 + I, G + 1) logits of the adversary, in the same order; None without one.
        groups: G.
    """

    plain: Array
    variants: Array
    original: Array
    label: Array
    group: Array
    embedding: Array | None
    guesses: Array | None
    groups: int


def distillation(answers: Answers) -> Array:
    """Return the divergence of the answers to unchanged faces from the original's."""
    return _divergence(answers.original, answers.plain).mean()


def consistency(answers: Answers) -> Array:
    """Return the divergence of the answers at a level from those to the unchanged face.

    The latter are a constant here: only the changed face's answer moves, and `distillation` holds the other.
    """
    return _divergence(jax.lax.stop_gradient(answers.plain)[:, None], answers.variants).mean()


def squared_logits(answers: Answers) -> Array:
    """Return the squared difference of the logits at a level from the original's of the unchanged face.

    Each less its mean over classes, in units of the original's mean square. The target is the original's, not
    the current network's: that one drifts, since `distillation` holds probabilities, not logits, and a chase of
    squares diverges.
    """
    variants, original = (
        logits - logits.mean(-1, keepdims=True) for logits in (answers.variants, answers.original[:, None])
    )
    return ((variants - original) ** 2).mean() / jnp.maximum((original**2).mean(), 1e-6)


def augmentation(answers: Answers) -> Array:
    """Return the cross-entropy of all faces, unchanged and not, each picture with the same weight."""
    return _cross_entropies(answers).mean()


def group_dro(answers: Answers) -> Array:
    """Return the mean of the groups' cross-entropies, weighted by the softmax of themselves.

    The worst level counts most, as in distributionally robust optimization over groups (Sagawa et al. 2020,
    arXiv:1911.08731). The weights are those of the batch, not carried from step to step as theirs are.
    """
    losses, groups = _cross_entropies(answers), all_groups(answers)
    members = jax.nn.one_hot(groups, answers.groups + 1)
    counts = members.sum((0, 1))
    means = (members * losses[..., None]).sum((0, 1)) / jnp.maximum(counts, 1.0)
    weights = jax.nn.softmax(jnp.where(counts > 0, jax.lax.stop_gradient(means), -jnp.inf))
    return weights @ means


def adversarial(answers: Answers) -> Array:
    """Return the cross-entropy of the adversary, which sees the embedding through a reversed gradient."""
    assert answers.guesses is not None  # the student has an adversary for this method
    return _cross_entropy(answers.guesses, all_groups(answers)).mean()


def paired_moments(answers: Answers) -> Array:
    """Return the distance of the first two moments of a face's embeddings, changed and not (PM2, Eq. 5).

    Only the changed face's embedding moves: were both free, shrinking all of them would be the cheapest way.
    """
    assert answers.embedding is not None  # required of the classifier for this method
    plain, variants = jax.lax.stop_gradient(answers.embedding[:, 0]), answers.embedding[:, 1:]
    of_faces = jax.vmap(jax.vmap(lambda one, other: moment_distance(one, other, "mean"), (None, 0)))
    return of_faces(plain, variants).mean()


def all_groups(answers: Answers) -> Array:
    """Return (B, 1 + I) int32 groups of all pictures of a batch, of the unchanged face first."""
    return jnp.pad(answers.group, ((0, 0), (1, 0)))


def _cross_entropies(answers: Answers) -> Array:
    """Return (B, 1 + I) cross-entropies of the pictures with their labels."""
    logits = jnp.concatenate([answers.plain[:, None], answers.variants], axis=1)
    return _cross_entropy(logits, jnp.broadcast_to(answers.label[:, None], logits.shape[:2]))


def _cross_entropy(logits: Array, labels: Array) -> Array:
    """Return (...,) of logits (..., K) and labels (...,)."""
    log_probability = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_probability, labels[..., None], axis=-1)[..., 0]


def _divergence(target: Array, logits: Array) -> Array:
    """Return the Kullback-Leibler divergence (...,) of softmaxes (..., K), which broadcast."""
    log_target, log_probability = jax.nn.log_softmax(target), jax.nn.log_softmax(logits)
    return (jnp.exp(log_target) * (log_target - log_probability)).sum(-1)
