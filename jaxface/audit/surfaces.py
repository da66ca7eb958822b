"""From searched faces to answers: surfaces over dose and time, and all answers at a few doses.

Each device renders and classifies one face at a time; images stay where they were rendered. Rendering and
classifying are two programs, so that the time of each is measured.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import interventions
from jaxface.audit.inputs import AuditInputs
from jaxface.classify import Classifier
from jaxface.classify.probability import probabilities_float64
from jaxface.core.arrays import on_device
from jaxface.core.clock import Clock
from jaxface.core.errors import FunctionError, ShapeError
from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, SlotAssignment, map_cases
from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions import Intervention
from jaxface.render import LANES, Scene

T = TypeVar("T")

_IMAGES_AT_ONCE = 320  # beyond some 300 the candidate lists of a grid grow longer than fewer lists save
_BYTES_AT_ONCE = 2**27  # of images between renderer and classifier
_LISTS = 24  # images whose rendering takes as long as making a grid's candidate lists


class Surfaces(NamedTuple):
    """Answers (..., S, T): probability and logit of the target expression, float32, and the top class.

    `top_class`: positions among the answers, as in `Predictions`. `failure`: (...) texts, the classifier's
    error on a face; empty where there was none.
    """

    probability: np.ndarray
    logit: np.ndarray
    top_class: np.ndarray
    failure: np.ndarray


class Answers(NamedTuple):
    """Logits (m, ..., K) float32 of m faces, and (m,) texts: the classifier's error on a face, or ""."""

    logits: np.ndarray
    failure: np.ndarray


class Predictions(NamedTuple):
    """A classifier's answers among A names.

    Attributes:
        probability: (..., A) float32, NaN where the classifier has no such answer.
        top_class: (...) position of the top class, -1 where the answers are not finite; int8, of more than 127
            answers int16. A detector of action units has no top class; for it the target if that is present
            (probability above 1/2), else the most probable unit that is present, else "neutral".
    """

    probability: np.ndarray
    top_class: np.ndarray


@pytree
class RenderSetup:
    """What all faces are rendered with.

    Attributes:
        dose: (S,).
        times: (chunks, chunk), the last time repeated to fill the last chunk.
    """

    head: FaceModel
    scene: Scene
    dose: Array
    times: Array
    intervention: Intervention = static()


class SurfaceRenderer:
    """Renders faces and classifies them, one face on each device at a time.

    Args:
        sharding: the devices, with one slot each.
        clock: measures rendering and classifying.
    """

    def __init__(self, inputs: AuditInputs, sharding: CaseSharding, clock: Clock) -> None:
        self.inputs, self.sharding, self.clock = inputs, sharding, clock
        dose, time = inputs.intervention.axes
        self._time_steps = len(time.levels)
        chunk = time_chunk(len(dose.levels), self._time_steps, inputs.scene.size)
        times = np.pad(time.values, (0, -self._time_steps % chunk), mode="edge").reshape(-1, chunk)
        self._chunks = len(times)
        setup = RenderSetup(
            inputs.head, inputs.scene, on_device(dose.values), on_device(times), inputs.intervention
        )
        self._setup = sharding.replicate(setup)
        self._replicas = {c.name: sharding.replicate(c) for c in inputs.classifiers if not c.on_host}

    def surfaces(self, classifier: Classifier, params: FaceParams, targets: np.ndarray) -> Surfaces:
        """Return the answers of one classifier for faces of n people, (n, X, S, T).

        Nothing is traced again for other faces or targets.

        Args:
            params: fields (n, X, ...), full expressions.
            targets: (X,) indices into the classifier's labels.
        """
        count, expressions = params.expression.shape[:2]
        cases, capacity = merge_axes(params), self.sharding.capacity
        parts = [
            self._case_logits(classifier, take_rows(cases, slice(start, start + capacity)))
            for start in range(0, count * expressions, capacity)
        ]
        logits, failure = (
            split_axis(np.concatenate(part), (count, expressions)) for part in zip(*parts, strict=True)
        )
        return self._surfaces_of(classifier, logits, failure, targets)

    def probe(self, params: FaceParams) -> dict[str, Answers]:
        """Return the logits of every classifier at full expression and the probe levels, each (n, X, P, K).

        Args:
            params: fields (n, X, ...), at most one person a device.
        """
        assignment, slots = self._scatter(params)
        images = self._render(_render_probes, self._setup, slots)
        shape = *params.expression.shape[:2], len(self.inputs.intervention.probe_levels)
        answers = {
            classifier.name: self._logits(classifier, images, slots[-1], assignment)
            for classifier in self.inputs.classifiers
        }
        return {
            name: Answers(logits.reshape(*shape, -1), failure) for name, (logits, failure) in answers.items()
        }

    def doses(self, params: FaceParams) -> np.ndarray:
        """Return pictures (S, size, size, 3) of one face at full expression and every dose.

        Args:
            params: fields (1, 1, ...). The program is that of `surfaces`.
        """
        assignment, slots = self._scatter(merge_axes(params))
        chunk, last = divmod(self._time_steps - 1, self._setup.times.shape[1])
        shared = self._setup, self.sharding.replicate(np.int32(chunk))
        images = self.sharding.gather(self._render_grid(shared, slots), assignment)[0]
        return images.reshape(len(self._setup.dose), -1, *images.shape[1:])[:, last]

    def _case_logits(self, classifier: Classifier, params: FaceParams) -> Answers:
        """Return the logits (m, S, T, K) of m faces, at most one a device."""
        assignment, slots = self._scatter(params)
        chunks = []
        for chunk in range(self._chunks):
            shared = self._setup, self.sharding.replicate(np.int32(chunk))
            images = self._render_grid(shared, slots)
            chunks.append(self._logits(classifier, images, slots[-1], assignment))
        failure = _first_failure([chunk.failure for chunk in chunks])
        logits = np.stack([chunk.logits for chunk in chunks], axis=1)  # (m, chunks, S * chunk, K)
        cases, _, _, classes = logits.shape
        steps = len(self._setup.dose)
        logits = logits.reshape(cases, self._chunks, steps, -1, classes).swapaxes(1, 2)
        return Answers(logits.reshape(cases, steps, -1, classes)[:, :, : self._time_steps], failure)

    def _surfaces_of(
        self, classifier: Classifier, logits: np.ndarray, failure: np.ndarray, targets: np.ndarray
    ) -> Surfaces:
        """Return the surfaces (n, X, S, T) of logits (n, X, S, T, K)."""
        answers = self.inputs.layout.answers
        positions = np.array([answers.index(classifier.labels[target]) for target in targets])[:, None, None]
        predictions = predict(classifier, logits, positions, answers)
        return Surfaces(
            _take_last(predictions.probability, positions),
            _take_last(logits, targets[:, None, None]),
            predictions.top_class,
            failure,
        )

    def _scatter(self, params: FaceParams) -> tuple[SlotAssignment, tuple[Any, ...]]:
        assignment = self.sharding.assign(np.ones(len(params.expression), bool))
        return assignment, self.sharding.scatter((params,), assignment)

    def _render(self, program: Any, shared: Any, slots: tuple[Any, ...]) -> Array:
        """Return images (devices, n, H, W, 3), on the devices."""
        with self.clock.during("render"):
            return jax.block_until_ready(self.sharding.launch(program, shared, *slots))

    def _render_grid(self, shared: tuple[RenderSetup, Array], slots: tuple[Any, ...]) -> Array:
        """Return `_render` of every face at one chunk of time steps."""
        images, exist = self._render(_render_grid, shared, slots)
        if np.all(exist):
            return images
        return self._render(_complete_grid, shared, (*slots[:-1], images, exist, slots[-1]))

    def _logits(
        self, classifier: Classifier, images: Array, active: Array, assignment: SlotAssignment
    ) -> Answers:
        """Return the logits (m, B, K) of images in their slots; NaN where a classifier on the host fails."""
        with self.clock.during("classify"):
            if not classifier.on_host:
                replica = self._replicas[classifier.name]
                logits = self.sharding.gather(
                    self.sharding.launch(_apply_classifier, replica, images, active), assignment
                )
                return Answers(logits, np.full(len(logits), "", dtype=object))
            batches = self.sharding.gather(images, assignment)
            answers = [_host_logits(classifier, batch) for batch in batches]
            return Answers(
                np.stack([logits for logits, _ in answers]), np.array([text for _, text in answers], object)
            )


def predict(
    classifier: Classifier, logits: np.ndarray, targets: np.ndarray, answers: tuple[str, ...]
) -> Predictions:
    """Return probabilities and top classes of logits (..., K).

    Args:
        targets: integers that broadcast to (...): positions of the targets in `answers`.
        answers: names, in the order of `layout.answer_names`.
    """
    multilabel = classifier.card.multilabel
    probability = probabilities_float64(logits, multilabel)
    full = np.full((*probability.shape[:-1], len(answers)), np.nan, np.float32)
    full[..., [answers.index(label) for label in classifier.labels]] = probability
    scores = np.where(np.isnan(full), -1.0, full)
    top = np.argmax(scores, axis=-1)
    if multilabel:
        targets = np.broadcast_to(targets, top.shape)
        other = np.where(scores.max(-1) > 0.5, top, answers.index("neutral"))
        top = np.where(_take_last(scores, targets) > 0.5, targets, other)
    finite = np.isfinite(probability).all(-1)
    return Predictions(full, np.where(finite, top, -1).astype(np.min_scalar_type(-len(answers))))


def _host_logits(classifier: Classifier, images: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the logits (B, K) of a classifier on the host; where it fails, NaN and its error."""
    try:
        return np.asarray(classifier.logits(images, allow_nan=True), np.float32), ""
    except (FunctionError, ShapeError) as error:
        return np.full((len(images), len(classifier.labels)), np.nan, np.float32), str(error)


def _first_failure(failures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the first text that is not empty, place by place."""
    first = failures[0]
    for other in failures[1:]:
        first = np.where(first == "", other, first)
    return first


def take_rows(tree: T, rows: slice) -> T:
    """Return some rows of the first axis of every leaf."""
    return jax.tree.map(lambda leaf: leaf[rows], tree)


def merge_axes(tree: T) -> T:
    """Make one leading axis of the first two of every leaf. A leaf may be empty, so -1 cannot stand for n X."""
    return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), tree)


def split_axis(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Undo `merge_axes` for one array."""
    return values.reshape(*shape, *values.shape[1:])


def time_chunk(dose_steps: int, time_steps: int, size: int) -> int:
    """Return how many time steps to render at once: what renders all of them soonest within the limits.

    A grid renders LANES images at a time and makes its candidate lists once.
    """
    images_at_once = min(_IMAGES_AT_ONCE, _BYTES_AT_ONCE // (size * size * 3 * 4))

    def cost(chunk: int) -> int:
        images = -(-dose_steps * chunk // LANES) * LANES
        return -(-time_steps // chunk) * (images + _LISTS)

    return min(range(1, max(1, min(time_steps, images_at_once // dose_steps)) + 1), key=cost)


def _take_last(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return `values[..., position]` (...) for positions that broadcast to (...)."""
    positions = np.broadcast_to(positions, values.shape[:-1])[..., None]
    return np.take_along_axis(values, positions, axis=-1)[..., 0]


def _render_grid(shared: tuple[RenderSetup, Array], params: FaceParams, active: Array) -> tuple[Array, Array]:
    """Render every face at one chunk of time steps, (slots, S * chunk, H, W, 3); zeros where not active.

    Return also which pictures exist, (slots, S * chunk) bool, as `interventions.fast_grid` does.
    """
    setup, chunk = shared

    def arguments(params: FaceParams) -> tuple[Any, ...]:
        return setup.intervention, setup.head, params, setup.scene, setup.dose, setup.times[chunk]

    def render(params: FaceParams) -> Array:
        images = interventions.grid(*arguments(params))
        return images.reshape(-1, *images.shape[2:])

    def render_fast(params: FaceParams) -> tuple[Array, Array]:
        images, exist = interventions.fast_grid(*arguments(params))
        return images.reshape(-1, *images.shape[2:]), exist.reshape(-1)

    if for_accelerators():  # lists by tile have no capacity: every picture exists
        images = map_cases(_trace_once(render), params, active=active)
        return images, jnp.ones(images.shape[:2], bool)
    return map_cases(_trace_once(render_fast), params, active=active, default=(0.0, True))


def _complete_grid(
    shared: tuple[RenderSetup, Array], params: FaceParams, images: Array, exist: Array, active: Array
) -> Array:
    """Render the pictures that do not exist yet; arguments and result as of `_render_grid`."""
    setup, chunk = shared
    shape = len(setup.dose), setup.times.shape[1]

    def render(params: FaceParams, images: Array, exist: Array) -> Array:
        grid = images.reshape(*shape, *images.shape[1:])
        levels = setup.dose, setup.times[chunk]
        complete = interventions.complete_grid(
            setup.intervention, setup.head, params, setup.scene, *levels, grid, exist.reshape(shape)
        )
        return complete.reshape(images.shape)

    return map_cases(_trace_once(render), params, images, exist, active=active)


def _render_probes(setup: RenderSetup, params: FaceParams, active: Array) -> Array:
    """Render people (slots, X, ...) at full expression and the probe levels, (slots, X * P, H, W, 3)."""
    probes = jnp.array(setup.intervention.probe_levels, jnp.float32)
    full = setup.intervention.axes[1].levels[-1]

    def render(params: FaceParams) -> Array:
        cases = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(probes), axis=0), params)
        dose = jnp.tile(probes, params.expression.shape[0])
        time = jnp.full(len(dose), full)
        return interventions.images(setup.intervention, setup.head, cases, setup.scene, dose, time)

    return map_cases(_trace_once(render), params, active=active)


def _apply_classifier(classifier: Classifier, images: Array, active: Array) -> Array:
    """Return the logits (slots, B, K) of images (slots, B, H, W, 3)."""

    def apply(images: Array) -> Array:
        return classifier.apply(classifier.state, images).astype(jnp.float32)

    return map_cases(_trace_once(apply), images, active=active)


def _trace_once(function: Callable[..., T]) -> Callable[..., T]:
    """Keep what is traced: `map_cases` calls the function for its result and for the shape of it."""
    return jax.jit(function, inline=True)
