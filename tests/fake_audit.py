"""Audits with known answers: a toy head, a classifier of brightness, and a searcher that only guesses."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify
from jaxface.audit import AuditConfig
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig, SearchResult, Status
from tests.heads import toy_head

LABELS = ("happy", "surprise", "neutral")


def bright_corners(images: jax.Array) -> jax.Array:
    """Logits that depend on where the picture is bright."""
    left, right = images[:, 12:, :12].mean((1, 2, 3)), images[:, 12:, 12:].mean((1, 2, 3))
    return jnp.stack([9 * left - 3 * right, 5 * images[:, :12].mean((1, 2, 3)), 0 * left + 1.0], axis=-1)


CLASSIFIER = classify.from_function(bright_corners, LABELS, name="corners")
CONFIG = AuditConfig(
    head=toy_head(),
    classifiers=(CLASSIFIER,),
    identities=2,
    expressions=("happiness", "surprise"),
    symmetry_steps=4,
    time_steps=5,
    permutations=99,
    search=SearchConfig(method="differential-evolution", population=6, max_evaluations=12),
    render=RenderConfig(size=24, supersample=1),
)


@dataclasses.dataclass(frozen=True)
class GuessingSearcher:
    """Guess the expression of each case from its key; fail where the classifier's answers are not finite."""

    classifier: classify.Classifier
    head: Any
    scene: Any

    def run(self, keys: jax.Array, params: Any, targets: np.ndarray) -> SearchResult:
        count, size = params.expression.shape
        guesses = jax.vmap(lambda key: jax.random.uniform(key, (size,)))(keys)
        blank = jnp.full((1, self.scene.size, self.scene.size, 3), 0.35)
        answers = np.asarray(self.classifier.probabilities(blank, allow_nan=True))[0, targets]
        finite = np.isfinite(answers)
        zeros = np.zeros(count)
        return SearchResult(
            expression=np.where(finite[:, None], guesses, 0.0),
            probability=np.where(finite, answers, 0.0),
            probability_shifted=zeros,
            probability_shifted_min=zeros,
            forward_calls=np.ones(count, int),
            gradient_calls=np.zeros(count, int),
            share_at_bound=zeros,
            norm=zeros,
            excess=zeros,
            status=np.where(finite, Status.SPENT, Status.FAILED),
            cpu_seconds=zeros,
            failure=np.full(count, "", dtype=object),
        )


def build(
    classifier: classify.Classifier, head: Any, scene: Any, config: SearchConfig, sharding: Any
) -> GuessingSearcher:
    """A searcher factory in place of `jaxface.search.build`."""
    return GuessingSearcher(classifier, head, scene)
