"""One batch of searches while it is worked on: its cases, what is known of each, and the calls that are made.

What a case knows lives on the host between calls; every call is spread over the devices.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.progress import Progress
from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, map_cases
from jaxface.core.types import Array
from jaxface.search import differential_evolution, evaluate, gradient, space, starts
from jaxface.search.best import Best, CallCounter, empty_best, improve
from jaxface.search.config import SearchConfig
from jaxface.search.evaluate import Cases, SearchProblem
from jaxface.search.objective import Scores, ValueAndGrad
from jaxface.search.result import SearchResult, Status


@pytree
class SearchShared:
    """What all cases of a batch share besides the pictures."""

    space: space.SearchSpace
    config: SearchConfig = static()


class Batch:
    """n cases under way.

    Args:
        keys: (n, 2) two keys a case.
        cases: leaves with a leading axis n.
    """

    def __init__(
        self,
        stage: SearchProblem,
        config: SearchConfig,
        spread: CaseSharding,
        keys: Array,
        cases: Cases,
        progress: Progress,
    ) -> None:
        self.stage, self.config, self.spread = stage, config, spread
        self.keys, self.cases, self.progress = keys, cases, progress
        self.count = len(cases.targets)
        self.ledger = CallCounter(self.count)
        self.best: Best = empty_best(jnp.zeros((self.count, stage.space.lower.shape[0])))
        self.on_host = stage.classifier.on_host
        self._rules = spread.replicate(SearchShared(stage.space, config))
        self._placed = None if self.on_host else spread.replicate(stage)

    def search(self) -> SearchResult:
        """By the config's method: the gradient, differential evolution, or one after the other."""
        if self.config.method != "differential-evolution" and not self.on_host:
            self._follow_gradient()
        left = self._unfinished()
        if self.config.method == "gradient":
            left[:] = False
        elif self.config.method == "hybrid" and not self.on_host:
            left &= ~(np.asarray(self.best.probability) > self.config.evolve_below)
        self._advance(self._unfinished() & ~left)
        if left.any():
            self._evolve(left)
        return self._result()

    def _follow_gradient(self) -> None:
        """Score the prototypes, then descend from the most promising of them and from sparse expressions."""
        config, known_to = self.config, self.stage.space
        everyone = np.ones(self.count, bool)
        prototypes = np.asarray(known_to.prototypes)[self.cases.targets]
        known = np.asarray(known_to.known)[self.cases.targets]
        order = np.zeros(known.shape, int)
        if bool(known_to.known.any()):
            scores = self._scores(prototypes, everyone)
            losses = np.where(known, scores.loss, np.float32(np.inf))
            scores = dataclasses.replace(scores, loss=jnp.asarray(losses))
            self.best = jax.block_until_ready(improve(self.best, prototypes, scores, config.target))
            self.ledger.charge(everyone, forward=known.shape[1])
            order = _different_ones_first(losses, len(config.strengths))
        else:
            known = np.zeros_like(known)
        self._advance(~self._unfinished())
        for number in range(config.starts):
            numbers = np.full(self.count, number)
            begin = self.spread(_sparse, self._rules, self.keys[:, 0], numbers, self.cases.targets)
            if number == 0:
                begin = np.broadcast_to(np.asarray(starts.near_neutral(known_to)), begin.shape)
            if number < known.shape[1]:
                rows, chosen = np.arange(self.count), order[:, number]
                begin = np.where(known[rows, chosen][:, None], prototypes[rows, chosen], begin)
            self.best = gradient.descend(
                self._slopes,
                begin,
                known_to,
                self.best,
                self._unfinished(),
                config,
                self.ledger,
                self._ceiling(),
                self._advance,
                self.spread,
            )

    def _evolve(self, left: np.ndarray) -> None:
        """Differential evolution of the cases that are left; their best joins the first generation."""
        first = self.spread(_first_populations, self._rules, self.keys[:, 1], self.cases.targets, active=left)
        known = np.isfinite(np.asarray(self.best.loss))[:, None]
        first[:, -1] = np.where(known, self.best.coefficients, first[:, -1])
        self.best = differential_evolution.evolve(
            self.keys[:, 1],
            self._scores,
            first,
            self.stage.space,
            self.best,
            left,
            self.config,
            self.ledger,
            self._ceiling(),
            self._advance,
            self.spread,
        )

    def _scores(self, candidates: np.ndarray, active: np.ndarray) -> Scores:
        if not self.on_host:
            return self.spread(evaluate.population_scores, self._placed, self.cases, candidates, active=active)
        members = candidates.shape[1]
        losses = np.full(candidates.shape[:2], np.inf, np.float32)
        probabilities = np.zeros_like(losses)
        for index in np.flatnonzero(active):
            params, target = jax.tree.map(
                lambda leaf, i=index: leaf[i], (self.cases.params, self.cases.targets)
            )
            images = evaluate.population_images(self.stage, params, candidates[index])
            logits = self.stage.classifier.logits(images.reshape(-1, *images.shape[2:]))
            logits = jnp.asarray(logits).reshape(members, images.shape[1], -1)
            scores = evaluate.population_scores_of(self.stage, target, candidates[index], logits)
            losses[index], probabilities[index] = scores.loss, scores.probability
        return Scores(jnp.asarray(losses), jnp.asarray(probabilities))

    def _slopes(self, points: np.ndarray, active: np.ndarray) -> ValueAndGrad:
        return self.spread(evaluate.value_and_grad, self._placed, self.cases, points, active=active)

    def _shifted(self, expressions: np.ndarray) -> np.ndarray:
        if not self.on_host:
            return self.spread(evaluate.shifted_probabilities, self._placed, self.cases, expressions)
        rows = []
        for index, target in enumerate(self.cases.targets):
            params = jax.tree.map(lambda leaf, i=index: leaf[i], self.cases.params)
            images = evaluate.shifted_images(self.stage, params, expressions[index])
            rows.append(np.asarray(self.stage.classifier.probabilities(images))[:, target])
        return np.stack(rows)

    def _ceiling(self) -> np.ndarray | None:
        """(n, N) how far each unit may be activated in each case."""
        ceilings = self.stage.space.ceilings
        return None if ceilings is None else np.asarray(ceilings)[self.cases.targets]

    def _unfinished(self) -> np.ndarray:
        return ~(np.asarray(self.best.probability) > self.config.target)

    def _advance(self, finished: np.ndarray) -> None:
        if finished.any():
            self.progress.advance(int(finished.sum()))

    def _result(self) -> SearchResult:
        found = np.isfinite(np.asarray(self.best.loss))
        probability = np.asarray(self.best.probability)
        expression = np.asarray(self.best.coefficients)
        shifted = self._shifted(expression)
        reached = probability > self.config.target
        status = np.where(
            reached,
            Status.REACHED,
            np.where(~found, Status.FAILED, np.where(self.ledger.stalled, Status.STALLED, Status.SPENT)),
        )
        share, excess = self.spread(_plausibility, self._rules, expression, self.cases.targets)
        return SearchResult(
            expression=expression,
            probability=probability,
            probability_shifted=np.where(found, shifted.mean(axis=1), 0.0),
            probability_shifted_min=np.where(found, shifted.min(axis=1), 0.0),
            forward_calls=self.ledger.forward_calls,
            gradient_calls=self.ledger.gradient_calls,
            share_at_bound=share,
            norm=np.linalg.norm(expression / np.asarray(self.stage.space.deviation)[None], axis=1),
            excess=excess,
            status=status,
            cpu_seconds=self.ledger.cpu_seconds,
        )


def _different_ones_first(losses: np.ndarray, strengths: int) -> np.ndarray:
    """Indices (n, P) of the prototypes by loss: each at its best strength, before any at a second one."""
    ranks = losses.reshape(len(losses), strengths, -1).argsort(axis=1).argsort(axis=1).reshape(losses.shape)
    return np.lexsort((losses, ranks), axis=1)


def _sparse(rules: SearchShared, keys: Array, numbers: Array, targets: Array, active: Array) -> Array:
    """A sparse random expression for each case, (n, E)."""

    def one(key: Array, number: Array, target: Array) -> Array:
        ceiling = None if rules.space.ceilings is None else rules.space.ceilings[target]
        return starts.sample_sparse(jax.random.fold_in(key, number), rules.space, rules.config, ceiling)

    return map_cases(one, keys, numbers, targets)


def _first_populations(rules: SearchShared, keys: Array, targets: Array, active: Array) -> Array:
    """(n, population, E)."""

    def one(key: Array, target: Array) -> Array:
        return starts.first_population(key, rules.space, target, rules.config)

    return map_cases(one, keys, targets)


def _plausibility(rules: SearchShared, expressions: Array, targets: Array, active: Array) -> tuple[Any, Any]:
    """Share of the coefficients on an edge of the box, (n,), and the largest excess of an activation, (n,)."""

    def one(expression: Array, target: Array) -> tuple[Array, Array]:
        excess = jnp.max(space.excess(rules.space, expression, target), initial=0.0)
        return space.at_bound(rules.space, expression).mean(), excess

    return map_cases(one, expressions, targets)
