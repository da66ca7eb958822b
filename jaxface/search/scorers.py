"""Scores of all cases of a batch, for a classifier on the devices and for one on the host."""

from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import FunctionError, ShapeError
from jaxface.core.sharding import CaseSharding
from jaxface.search import evaluate
from jaxface.search.evaluate import Cases, SearchProblem
from jaxface.search.objective import Scores, ValueAndGrad


class Scorer(Protocol):
    """Scores the candidates of n cases; cases that are not active cost nothing.

    `failures`: (n,) texts: why the classifier failed on a case; empty where it did not.
    """

    failures: np.ndarray

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        """Return (n, P) scores of candidates (n, P, E); infinite where `active` (n,) is False."""
        ...

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        """Return (n, 4) probabilities of the targets on slightly moved pictures of expressions (n, E)."""
        ...


class DeviceScorer:
    """All cases at once, over the devices; it also has gradients."""

    def __init__(self, problem: SearchProblem, cases: Cases, sharding: CaseSharding) -> None:
        self._problem, self._cases, self._sharding = sharding.replicate(problem), cases, sharding
        self.failures = _no_failures(cases)

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        return self._sharding(evaluate.population_scores, self._problem, self._cases, candidates, active=active)

    def value_and_grad(self, points: np.ndarray, active: np.ndarray) -> ValueAndGrad:
        """Return scores (n,) and gradients (n, E) of points (n, E)."""
        return self._sharding(evaluate.value_and_grad, self._problem, self._cases, points, active=active)

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        every = np.ones(len(expressions), bool)
        return self._sharding(
            evaluate.shifted_probabilities, self._problem, self._cases, expressions, active=every
        )


class HostScorer:
    """Case after case: pictures on the device, logits on the host. A call that fails ends its case alone."""

    def __init__(self, problem: SearchProblem, cases: Cases) -> None:
        self._problem, self._cases = problem, cases
        self.failures = _no_failures(cases)

    def scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        members = candidates.shape[1]
        losses = np.full(candidates.shape[:2], np.inf, np.float32)
        probabilities = np.zeros_like(losses)
        for index in np.flatnonzero(active & (self.failures == "")):
            case = self._case(index)
            images = evaluate.population_images(self._problem, case.params, candidates[index])
            try:
                logits = self._problem.classifier.logits(images.reshape(-1, *images.shape[2:]), allow_nan=True)
            except (FunctionError, ShapeError) as error:
                self.failures[index] = str(error)
                continue
            logits = logits.reshape(members, images.shape[1], -1)
            scores = evaluate.population_scores_of(self._problem, case.targets, candidates[index], logits)
            losses[index], probabilities[index] = scores.loss, scores.probability
        return Scores(jnp.asarray(losses), jnp.asarray(probabilities))

    def shifted_probabilities(self, expressions: np.ndarray) -> np.ndarray:
        rows = []
        for index, expression in enumerate(expressions):
            case = self._case(index)
            images = evaluate.shifted_images(self._problem, case.params, expression)
            row = np.full(len(images), np.nan, np.float32)
            try:
                if self.failures[index] == "":
                    classifier = self._problem.classifier
                    row = np.asarray(classifier.probabilities(images, allow_nan=True))[:, case.targets]
            except (FunctionError, ShapeError) as error:
                self.failures[index] = str(error)
            rows.append(row)
        return np.stack(rows)

    def _case(self, index: int | np.integer) -> Cases:
        return jax.tree.map(lambda leaf: leaf[index], self._cases)


def _no_failures(cases: Cases) -> np.ndarray:
    return np.full(len(cases.targets), "", dtype=object)
