"""The gate's tree, the mixture and the losses, for one example each; callers vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array

SMALLEST = 1e-10
"""Lower bound of squared lengths, so that a zero vector has similarity 0 and gradient 0."""


@functools.cache
def paths(depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leaves in each node's left and in its right subtree: two (2^depth - 1, 2^depth)
    matrices of 0 and 1, nodes breadth-first, leaves from left to right."""
    halves = [
        np.repeat(np.eye(2**level, dtype=np.float32), 2 ** (depth - level), axis=1)
        for level in range(1, depth + 1)
    ]
    return np.concatenate([half[::2] for half in halves]), np.concatenate([half[1::2] for half in halves])


def leaf_probabilities(scores: Array) -> Array:
    """Eq. 3-5: the probability to reach each leaf of a soft binary tree, all leaves at once:
    (2^D,), sums to 1.

    `scores` (2^D - 1,) are of nodes, breadth-first; their sigmoid is the probability to go left.
    The product of Eq. 4 is computed as a sum of logarithms, without underflow.
    """
    left, right = paths(depth_of(scores.shape[-1]))
    return jnp.exp(jax.nn.log_sigmoid(scores) @ left + jax.nn.log_sigmoid(-scores) @ right)


def node_probabilities(leaves: Array) -> Array:
    """Return the probability to reach each split, breadth-first: (2^D - 1,) from (2^D,) of the leaves."""
    left, right = paths(depth_of(leaves.shape[-1] - 1))
    return (left + right) @ leaves


def depth_of(nodes: int) -> int:
    """Return the depth of a tree from the number of its splits."""
    return (nodes + 1).bit_length() - 1


def mix_experts(logits: Array, gate: Array) -> Array:
    """Return Z g: the experts' logits (L, K), weighted by the gate (L,): (K,), logits and not probabilities."""
    return gate @ logits


def similarity(exogenous: Array, endogenous: Array) -> Array:
    """Eq. 7: |cos| of the exogenous classifier's logits for either representation, both (N,) -> () in [0, 1].

    Its gradient is 0 where the two are parallel, orthogonal or without length.
    """
    cosine = _unit(exogenous) @ _unit(endogenous)
    # |.| would have a gradient at 0: 1e5 without length
    return cosine * jax.lax.stop_gradient(jnp.sign(cosine))


def cross_entropy(logits: Array, label: Array) -> Array:
    """Eq. 6: of (K,) logits and a class number, in nats."""
    return -jax.nn.log_softmax(logits)[label]


def _unit(vector: Array) -> Array:
    return vector * jax.lax.rsqrt(jnp.maximum(vector @ vector, SMALLEST))
