"""The search of one batch of cases: gradient, differential evolution, or one after the other."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.arrays import rows_of
from jaxface.core.progress import Progress
from jaxface.core.pytrees import pytree, static
from jaxface.core.runtime import brief
from jaxface.core.sharding import CaseSharding, map_cases
from jaxface.core.types import Array
from jaxface.search import algorithm, space, starts
from jaxface.search.algorithm import CaseTracker
from jaxface.search.config import SearchConfig
from jaxface.search.differential_evolution import evolution
from jaxface.search.evaluate import Cases, SearchProblem
from jaxface.search.gradient import adam
from jaxface.search.result import SearchResult, Status
from jaxface.search.scorers import DeviceScorer, HostScorer, Scorer, device_scorer


@pytree
class SearchShared:
    """What all cases of a batch share besides the pictures."""

    space: space.SearchSpace
    config: SearchConfig = static()


class Batch:
    """n cases that are searched together.

    Args:
        keys: (n, 2) two keys a case.
        cases: leaves with a leading axis n.
    """

    def __init__(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        sharding: CaseSharding,
        keys: Array,
        cases: Cases,
        progress: Progress,
    ) -> None:
        self.space, self.config, self.sharding = problem.space, config, sharding
        self.keys, self.cases = keys, cases
        self.count = len(cases.targets)
        self.tracker = CaseTracker(
            config, np.zeros((self.count, problem.space.lower.shape[0]), np.float32), progress.advance
        )
        self.device_scorer: DeviceScorer | None = None
        if not problem.classifier.on_host:
            self.device_scorer = device_scorer(problem, cases, sharding)
        self.scorer: Scorer = self.device_scorer or HostScorer(problem, cases)
        limits = problem.space.activation_limits
        self.activation_limit = None if limits is None else np.asarray(limits)[cases.targets]
        self._shared = sharding.replicate(SearchShared(problem.space, config))

    def search(self) -> SearchResult:
        """Search all cases by the method of the config; a classifier on the host is never descended."""
        config, tracker = self.config, self.tracker
        if config.method == "prototype":
            self._show_prototypes()
            return self._result()
        needs_evolution = np.ones(self.count, bool)
        if self.device_scorer is not None and config.method != "differential-evolution":
            self._descend(self.device_scorer)
            is_low = ~(np.asarray(tracker.best.probability) > config.fallback_below)
            needs_evolution &= is_low & (config.method == "hybrid")
        needs_evolution &= ~tracker.has_reached_target
        tracker.finish(~needs_evolution)
        if needs_evolution.any():
            self._evolve(needs_evolution)
        return self._result()

    def _show_prototypes(self) -> None:
        """Score the first hand-set expression of each case, and keep it."""
        every = np.ones(self.count, bool)
        first = np.asarray(self.space.prototypes)[self.cases.targets, :1]
        self.tracker.update(first, self.scorer.scores(first, every), every, forward=1)
        self.tracker.finish(every)

    def _descend(self, scorer: DeviceScorer) -> None:
        """Score the prototypes, then descend from the most promising ones and from random expressions."""
        config, tracker = self.config, self.tracker
        every = np.ones(self.count, bool)
        prototypes = np.asarray(self.space.prototypes)[self.cases.targets]
        has_prototype = np.asarray(self.space.has_prototype)[self.cases.targets]
        order = np.zeros(has_prototype.shape, int)
        if config.initialization == "prototypes" and has_prototype.any():
            scores = scorer.scores(prototypes, every)
            losses = np.where(has_prototype, scores.loss, np.float32(np.inf))
            scores = dataclasses.replace(scores, loss=losses)  # type: ignore[arg-type]  # NumPy
            tracker.update(prototypes, scores, every, forward=has_prototype.shape[1])
            order = _distinct_first(losses, len(config.strengths))
        else:
            has_prototype = np.zeros_like(has_prototype)
        tracker.finish(tracker.has_reached_target)
        method = adam(scorer.value_and_grad, self.space, self.activation_limit, config, self.sharding)
        for number in range(config.starts):
            numbers = np.full(self.count, number)
            points = self.sharding(
                _random, self._shared, rows_of(self.keys, np.s_[:, 0]), numbers, self.cases.targets
            )
            if number == 0 and config.initialization != "uniform":
                points = np.broadcast_to(np.asarray(_near_neutral(self.space)), points.shape)
            if number < has_prototype.shape[1]:
                rows, columns = np.arange(self.count), order[:, number]
                points = np.where(has_prototype[rows, columns][:, None], prototypes[rows, columns], points)
            algorithm.run(method, points, tracker, ~tracker.has_reached_target, config.gradient_steps)

    def _evolve(self, active: np.ndarray) -> None:
        """Evolve the active cases; the best of each so far joins its first generation."""
        best = self.tracker.best
        keys = rows_of(self.keys, np.s_[:, 1])
        population = self.sharding(_first_populations, self._shared, keys, self.cases.targets)
        has_best = np.isfinite(np.asarray(best.loss))[:, None]
        population[:, -1] = np.where(has_best, best.coefficients, population[:, -1])
        method = evolution(
            keys, self.scorer.scores, self.space, self.activation_limit, self.config, self.sharding
        )
        algorithm.run(method, population, self.tracker, active, plateau=self.config.plateau)

    def _result(self) -> SearchResult:
        tracker = self.tracker
        expression = np.asarray(tracker.best.coefficients)
        shifted_probability = self.scorer.shifted_probabilities(expression)
        has_failed = self.scorer.failures != ""
        is_scored = np.isfinite(np.asarray(tracker.best.loss)) & ~has_failed
        expression = np.where(has_failed[:, None], np.float32(0), expression)
        status = np.select(
            [~is_scored, tracker.has_reached_target, tracker.is_stalled],
            [Status.FAILED, Status.REACHED, Status.STALLED],
            Status.SPENT,
        )
        share, excess = self.sharding(_plausibility, self._shared, expression, self.cases.targets)
        return SearchResult(
            expression=expression,
            probability=np.asarray(tracker.best.probability),
            probability_shifted=np.where(is_scored, shifted_probability.mean(axis=1), 0.0),
            probability_shifted_min=np.where(is_scored, shifted_probability.min(axis=1), 0.0),
            forward_calls=tracker.forward_calls,
            gradient_calls=tracker.gradient_calls,
            share_at_bound=share,
            norm=np.linalg.norm(expression / np.asarray(self.space.std)[None], axis=1),
            excess=excess,
            status=status,
            cpu_seconds=tracker.cpu_seconds,
            failure=self.scorer.failures,
        )


_near_neutral = brief(starts.near_neutral)


def _distinct_first(losses: np.ndarray, strengths: int) -> np.ndarray:
    """Indices (n, P) of the prototypes by loss: each at its best strength, before any at a second one."""
    ranks = losses.reshape(len(losses), strengths, -1).argsort(axis=1).argsort(axis=1).reshape(losses.shape)
    return np.lexsort((losses, ranks), axis=1)


def _random(common: SearchShared, keys: Array, numbers: Array, targets: Array) -> Array:
    """A random expression for each case, (n, E)."""

    def sample(key: Array, number: Array, target: Array) -> Array:
        limits = common.space.activation_limits
        limit = None if limits is None else limits[target]
        return starts.sample_random(jax.random.fold_in(key, number), common.space, common.config, limit)

    return map_cases(sample, keys, numbers, targets)


def _first_populations(common: SearchShared, keys: Array, targets: Array) -> Array:
    """(n, population, E)."""

    def sample(key: Array, target: Array) -> Array:
        return starts.first_population(key, common.space, target, common.config)

    return map_cases(sample, keys, targets)


def _plausibility(common: SearchShared, expressions: Array, targets: Array) -> tuple[Array, Array]:
    """Share of the coefficients on an edge of the box, (n,), and the largest excess of an activation, (n,)."""

    def measure(expression: Array, target: Array) -> tuple[Array, Array]:
        excess = jnp.max(space.excess(common.space, expression, target), initial=0.0)
        return space.at_bound(common.space, expression).mean(), excess

    return map_cases(measure, expressions, targets)
