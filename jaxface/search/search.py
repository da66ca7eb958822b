"""Searches of many (person, expression) cases in one batch, and the search of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify import Classifier
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.progress import Progress, Silent
from jaxface.core.types import Array
from jaxface.face.model import ExpressionSpace, FaceModel, FaceParams
from jaxface.render.scene import Scene
from jaxface.search import differential_evolution, evaluate, gradient, space, starts
from jaxface.search.best import Best, Ledger, improve, nothing
from jaxface.search.config import Method, SearchConfig
from jaxface.search.evaluate import Cases, Stage
from jaxface.search.objective import Scores, Slopes
from jaxface.search.result import SearchResult, Status

_UNREAD = ExpressionSpace(lower=None, upper=None, units=None, prototypes=None)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Searcher:
    """A classifier, a head, a scene and a config, ready to search; made by `build`."""

    stage: Stage
    config: SearchConfig

    @property
    def classifier(self) -> Classifier:
        return self.stage.classifier

    def run(
        self, key: Array, params: FaceParams, targets: Array | np.ndarray, progress: Progress | None = None
    ) -> SearchResult:
        """Search each case: the person `params[i]`, the class index `targets[i]`.

        The same key and batch give the same bits; case i draws from `fold_in(key, i)`. A case that fails
        is reported in `status` and does not disturb the others.

        Args:
            params: fields with a leading axis n; expressions are not read.
            targets: (n,) indices into the classifier's labels.
            progress: told of every case that is finished.

        Raises:
            ShapeError: params and targets do not have the same leading axis.
            ConfigError: a target that is no class index.
        """
        cases = self._cases(params, targets)
        count = len(cases.targets)
        keys = jax.vmap(lambda index: jax.random.split(jax.random.fold_in(key, index)))(jnp.arange(count))
        progress = progress or Silent()
        progress.start("search", count)
        ledger = Ledger(count)
        best = nothing(jnp.zeros((count, self.stage.space.lower.shape[0])))

        def advance(finished: np.ndarray) -> None:
            if finished.any():
                progress.advance(int(finished.sum()))

        def unfinished() -> np.ndarray:
            return ~(np.asarray(best.probability) > self.config.target)

        if self.config.method != "differential-evolution" and not self.classifier.on_host:
            best = self._follow_gradient(keys[:, 0], cases, best, ledger, advance)
        left = unfinished()
        if self.config.method == "gradient":
            left[:] = False
        elif self.config.method == "hybrid" and not self.classifier.on_host:
            left &= ~(np.asarray(best.probability) > self.config.evolve_below)
        advance(unfinished() & ~left)
        if left.any():
            best = self._evolve(keys[:, 1], cases, best, left, ledger, advance)
        result = self._result(cases, best, ledger)
        progress.close()
        return result

    def _follow_gradient(
        self, keys: Array, cases: Cases, best: Best, ledger: Ledger, advance: Callable[[np.ndarray], None]
    ) -> Best:
        """Score the prototypes, then descend from the most promising of them and from sparse expressions."""
        config, searched = self.config, self.stage.space
        everyone = np.ones(len(cases.targets), bool)
        shape = (len(everyone), searched.prototypes.shape[1])
        order, known = np.zeros(shape, int), np.zeros(shape, bool)
        prototypes = searched.prototypes[cases.targets]
        if bool(searched.known.any()):
            known = np.asarray(searched.known[cases.targets])
            scores = self._scores(cases, prototypes, jnp.asarray(everyone))
            scores = dataclasses.replace(scores, loss=jnp.where(jnp.asarray(known), scores.loss, jnp.inf))
            best = jax.block_until_ready(improve(best, prototypes, scores, config.target))
            ledger.charge(everyone, forward=shape[1])
            order = _different_ones_first(np.asarray(scores.loss), len(config.strengths))
        advance(np.asarray(best.probability) > config.target)
        for number in range(config.starts):
            active = ~(np.asarray(best.probability) > config.target)
            random = _sparse(keys, number, cases, searched, config)
            if number == 0:
                random = jnp.broadcast_to(starts.near_neutral(searched)[None], random.shape)
            if number < shape[1]:
                chosen = order[:, number]
                rows = np.arange(len(everyone))
                is_known = jnp.asarray(known[rows, chosen])[:, None]
                random = jnp.where(is_known, prototypes[rows, chosen], random)
            best = gradient.descend(
                lambda points, active: self._slopes(cases, points, active),
                random,
                searched,
                best,
                active,
                config,
                ledger,
                _ceiling(self.stage.space, cases),
                advance,
            )
        return best

    def _evolve(
        self,
        keys: Array,
        cases: Cases,
        best: Best,
        left: np.ndarray,
        ledger: Ledger,
        advance: Callable[[np.ndarray], None],
    ) -> Best:
        """Differential evolution of the cases that are left; their best joins the first generation."""
        searched = self.stage.space
        first = jax.vmap(lambda k, target: starts.first_population(k, searched, target, self.config))(
            keys, cases.targets
        )
        known = jnp.isfinite(best.loss)[:, None]
        first = first.at[:, -1].set(jnp.where(known, best.coefficients, first[:, -1]))
        return differential_evolution.evolve(
            keys,
            lambda candidates, active: self._scores(cases, candidates, active),
            first,
            searched,
            best,
            left,
            self.config,
            ledger,
            _ceiling(searched, cases),
            advance,
        )

    def _scores(self, cases: Cases, candidates: Array, active: Array) -> Scores:
        if not self.classifier.on_host:
            return evaluate.population_scores(self.stage, cases, candidates, active)
        members = candidates.shape[1]
        losses = np.full(candidates.shape[:2], np.inf, np.float32)
        probabilities = np.zeros_like(losses)
        for index in np.flatnonzero(np.asarray(active)):
            params, target = jax.tree.map(lambda leaf, i=index: leaf[i], (cases.params, cases.targets))
            images = evaluate.population_images(self.stage, params, candidates[index])
            logits = self.classifier.logits(images.reshape(-1, *images.shape[2:]))
            logits = jnp.asarray(logits).reshape(members, images.shape[1], -1)
            scores = evaluate.population_scores_of(self.stage, target, candidates[index], logits)
            losses[index], probabilities[index] = scores.loss, scores.probability
        return Scores(jnp.asarray(losses), jnp.asarray(probabilities))

    def _slopes(self, cases: Cases, points: Array, active: Array) -> Slopes:
        return evaluate.slopes(self.stage, cases, points, active)

    def _cases(self, params: FaceParams, targets: Array | np.ndarray) -> Cases:
        indices = np.asarray(targets)
        lengths = {name: leaf.shape[:1] for name, leaf in vars(params).items()}
        if indices.ndim != 1 or any(length != indices.shape for length in lengths.values()):
            raise ShapeError(
                f"targets {indices.shape} and params {lengths} want one leading axis of the same length: "
                "a batch of n people and n class indices"
            )
        classes = len(self.classifier.labels)
        if len(indices) and not (indices.min() >= 0 and indices.max() < classes):
            raise ConfigError(
                f"targets {indices.tolist()} want class indices from 0 to {classes - 1}; "
                "classifier.index(label) gives them"
            )
        return Cases(params, jnp.asarray(indices, jnp.int32))

    def _result(self, cases: Cases, best: Best, ledger: Ledger) -> SearchResult:
        found = np.isfinite(np.asarray(best.loss))
        probability = np.asarray(best.probability)
        expression = best.coefficients
        shifted = np.asarray(self._shifted(cases, expression))
        reached = probability > self.config.target
        status = np.where(
            reached,
            Status.REACHED,
            np.where(~found, Status.FAILED, np.where(ledger.stalled, Status.STALLED, Status.SPENT)),
        )
        searched = self.stage.space
        excess = jax.vmap(lambda phi, target: jnp.max(space.excess(searched, phi, target), initial=0.0))(
            expression, cases.targets
        )
        return SearchResult(
            expression=np.asarray(expression),
            probability=probability,
            probability_shifted=np.where(found, shifted.mean(axis=1), 0.0),
            probability_shifted_min=np.where(found, shifted.min(axis=1), 0.0),
            forward_calls=ledger.forward_calls,
            gradient_calls=ledger.gradient_calls,
            share_at_bound=np.asarray(space.at_bound(searched, expression).mean(axis=1)),
            norm=np.linalg.norm(np.asarray(expression / searched.deviation[None]), axis=1),
            excess=np.asarray(excess),
            status=status,
            cpu_seconds=ledger.cpu_seconds,
        )

    def _shifted(self, cases: Cases, expressions: Array) -> Array:
        if not self.classifier.on_host:
            return evaluate.shifted_probabilities(self.stage, cases, expressions)
        rows = []
        for index, target in enumerate(np.asarray(cases.targets)):
            params = jax.tree.map(lambda leaf, i=index: leaf[i], cases.params)
            images = evaluate.shifted_images(self.stage, params, expressions[index])
            rows.append(jnp.asarray(self.classifier.probabilities(images))[:, target])
        return jnp.stack(rows)


def build(
    classifier: Classifier, head: FaceModel, scene: Scene, config: SearchConfig | None = None
) -> Searcher:
    """A searcher; what it compiles on its first run serves every later run of the same batch size.

    Raises:
        ConfigError: method "gradient" with a classifier that lives on the host.
    """
    config = config or SearchConfig()
    if classifier.on_host and config.method == "gradient":
        raise ConfigError(
            f"method 'gradient' needs a classifier that JAX can differentiate, {classifier.name!r} lives on "
            "the host; use method 'differential-evolution'"
        )
    searched = space.of_model(head.expressions, tuple(classifier.labels), config)
    drawn = dataclasses.replace(head, expressions=_UNREAD)  # so that it does not key what is compiled
    return Searcher(Stage(classifier, drawn, scene, searched, config.views, config.chunk), config)


def maximise(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    *,
    expression: str,
    key: Array,
    method: Method | None = None,
    scene: Scene | None = None,
    config: SearchConfig | None = None,
) -> SearchResult:
    """Search one face for one expression (Facing Asymmetry, Eq. 4); every field has a leading axis of 1.

    Args:
        params: one person, without leading axes.
        expression: a label such as "happiness".
        method: overrides `config.method`.

    Raises:
        LabelError: the classifier has no such label.
    """
    config = config or SearchConfig()
    if method is not None:
        config = dataclasses.replace(config, method=method)
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    searcher = build(classifier, head, scene or Scene(), config)
    return searcher.run(key, batch, np.array([classifier.index(expression)]))


def _different_ones_first(losses: np.ndarray, strengths: int) -> np.ndarray:
    """Indices (n, P) of the prototypes by loss: each at its best strength, before any at a second one."""
    ranks = losses.reshape(len(losses), strengths, -1).argsort(axis=1).argsort(axis=1).reshape(losses.shape)
    return np.lexsort((losses, ranks), axis=1)


def _ceiling(searched: space.SearchSpace, cases: Cases) -> Array | None:
    """(n, N) how far each unit may be activated in each case."""
    return None if searched.ceilings is None else searched.ceilings[cases.targets]


def _sparse(keys: Array, number: int, cases: Cases, searched: space.SearchSpace, config: SearchConfig) -> Array:
    """A sparse random expression for each case, (n, E)."""

    def one(key: Array, ceiling: Array | None) -> Array:
        return starts.sparse(jax.random.fold_in(key, number), searched, config, ceiling)

    return jax.vmap(one)(keys, _ceiling(searched, cases))
