"""The objective: the negative log-probability of the target, plus the implausibility of the face."""

import jax.numpy as jnp

from jaxface.classify.probability import log_odds, probabilities
from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.search.space import SearchSpace, penalty

FLOOR = 1e-4
"""Added to p before the logarithm: a hopeless candidate costs 9, not infinity."""


@pytree
class Scores:
    """Scores of candidates. All fields have the candidates' leading axes.

    Attributes:
        loss: -log(p + FLOOR) + penalties; lower is better.
        probability: p of the target class.
    """

    loss: Array
    probability: Array


@pytree
class ValueAndGrad:
    """Scores, and the gradient (..., E) of the logit margin plus penalties."""

    scores: Scores
    gradient: Array


def score(
    logits: Array, target: Array | int, coefficients: Array, space: SearchSpace, multilabel: bool = False
) -> Scores:
    """Score one candidate: Facing Asymmetry, Eq. 4, as a loss, with the penalties of `space`.

    Args:
        logits: (views, K) of the candidate's rendered views; the probability is their mean.
        target: () class index.
        coefficients: (E,).
        multilabel: logits are of action units.
    """
    probability = jnp.mean(probabilities(logits, multilabel)[:, target])
    loss = -jnp.log(probability + FLOOR) + penalty(space, target, coefficients)
    return Scores(jnp.where(jnp.isfinite(loss), loss, jnp.inf), probability)


def margin(logits: Array, target: Array | int, multilabel: bool = False) -> Array:
    """Return minus the log-odds of the target, ().

    Of expressions: logsumexp(other logits) - target logit, negative when the target wins against all others
    together.

    Args:
        logits: (views, K); the mean over views is returned.
        target: () class index.
        multilabel: logits are of action units.
    """
    return -jnp.mean(log_odds(logits, target, multilabel))


def gradient_objective(
    logits: Array, target: Array | int, coefficients: Array, space: SearchSpace, multilabel: bool = False
) -> Array:
    """Return the objective of the gradient method, (): the margin with the same penalties as `score`."""
    return margin(logits, target, multilabel) + penalty(space, target, coefficients)
