"""From found faces to answers: surfaces over symmetry and time, and whole answers at a few symmetries.

Each device draws and asks about one face at a time; images stay where they were drawn. Drawing and asking
are two programs, so that what each costs is known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import interventions
from jaxface.audit.interventions import PROBE_LEVELS, Intervention
from jaxface.audit.layout import answer_names
from jaxface.classify import Classifier
from jaxface.classify.probability import probabilities_float64
from jaxface.core.clock import Clock
from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, SlotAssignment, map_cases
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.sides import Side
from jaxface.interventions import Symmetry
from jaxface.render import LANES, Scene

_IMAGES_AT_ONCE = 320  # beyond some 300 the candidate lists of a grid grow longer than fewer lists save
_BYTES_AT_ONCE = 2**27  # of images between renderer and classifier
_LISTS = 24  # images whose drawing takes as long as making a grid's candidate lists


class Surface(NamedTuple):
    """Answers (..., S, T): probability and logit of the target expression, float32, and the top class.

    `first`: int8 positions in the vocabulary, as in `Told`.
    """

    probability: np.ndarray
    logit: np.ndarray
    first: np.ndarray


@pytree
class RenderSetup:
    """What all faces are drawn with.

    Attributes:
        symmetry: (S,).
        times: (chunks, chunk), the last time repeated where they do not come out even.
    """

    head: FaceModel
    scene: Scene
    symmetry: Array
    times: Array
    side: Side = static()


class SurfaceRenderer:
    """A studio and classifiers on all devices of a spread with one slot: draws faces and asks about them.

    Args:
        clock: told how long drawing and asking take.
    """

    def __init__(
        self,
        head: FaceModel,
        scene: Scene,
        intervention: Intervention,
        classifiers: tuple[Classifier, ...],
        spread: CaseSharding,
        clock: Clock,
    ) -> None:
        self.spread, self.clock, self.classifiers = spread, clock, classifiers
        self.vocabulary = answer_names(classifier.labels for classifier in classifiers)
        self.steps = len(intervention.time)
        chunk = time_chunk(intervention.symmetry_steps, self.steps, scene.size)
        times = np.pad(intervention.time, (0, -self.steps % chunk), mode="edge").reshape(-1, chunk)
        studio = RenderSetup(
            head, scene, jnp.asarray(intervention.symmetry), jnp.asarray(times), intervention.side
        )
        self.chunks = len(times)
        self._studio = spread.replicate(studio)
        self._placed = [None if one.on_host else spread.replicate(one) for one in classifiers]

    def surfaces(self, classifier: int, faces: FaceParams, targets: np.ndarray) -> Surface:
        """The answers of one classifier for n faces, at most one a device.

        Nothing is traced again for other faces or targets.

        Args:
            faces: fields with a leading axis n; expressions are the full ones.
            targets: (n,) indices into the classifier's labels.
        """
        deal, given = self._given(faces)
        answers = []
        for part in range(self.chunks):
            drawn = self._drawn(_grid, (self._studio, self.spread.replicate(np.int32(part))), given)
            answers.append(self._answers(classifier, drawn, given[-1], deal))
        steps = len(self._studio.symmetry)
        logits = np.stack(answers, axis=1)  # (n, chunks, S * chunk, K)
        logits = logits.reshape(len(targets), self.chunks, steps, -1, logits.shape[-1]).swapaxes(1, 2)
        logits = logits.reshape(len(targets), steps, -1, logits.shape[-1])[:, :, : self.steps]
        which = targets[:, None, None, None]
        asked = self.classifiers[classifier]
        places = np.array([self.vocabulary.index(asked.labels[target]) for target in targets])[:, None, None]
        said = predict(asked, logits, places, self.vocabulary)
        wanted = np.broadcast_to(places, said.first.shape)[..., None]
        probability = np.take_along_axis(said.probability, wanted, axis=-1)[..., 0]
        return Surface(probability, np.take_along_axis(logits, which, axis=-1)[..., 0], said.first)

    def checked(self, faces: FaceParams) -> list[np.ndarray]:
        """The logits of every classifier for n groups of faces, at most one group a device.

        Args:
            faces: fields with leading axes (n, X).

        Returns:
            for each classifier (n, X, len(CHECKED), K): full expression at the checked symmetries.
        """
        deal, given = self._given(faces)
        drawn = self._drawn(_checked, self._studio, given)
        shape = (*faces.expression.shape[:2], len(PROBE_LEVELS))
        every = range(len(self.classifiers))
        return [self._answers(index, drawn, given[-1], deal).reshape(*shape, -1) for index in every]

    def _given(self, faces: FaceParams) -> tuple[SlotAssignment, tuple[Any, ...]]:
        deal = self.spread.assign(np.ones(len(faces.expression), bool))
        return deal, self.spread.scatter((faces,), deal)

    def _drawn(self, program: Any, shared: Any, given: tuple[Any, ...]) -> Array:
        """Pictures (devices, n, H, W, 3), on the devices."""
        with self.clock.during("render"):
            return jax.block_until_ready(self.spread.launch(program, shared, *given))

    def _answers(self, index: int, drawn: Array, busy: Array, deal: SlotAssignment) -> np.ndarray:
        """Logits (n, B, K) float32 of pictures in their slots."""
        classifier = self.classifiers[index]
        with self.clock.during("classify"):
            if not classifier.on_host:
                placed = self._placed[index]
                return self.spread.gather(self.spread.launch(_asked, placed, drawn, busy), deal)
            pictures = self.spread.gather(drawn, deal)
            return np.stack([np.asarray(classifier.logits(some), np.float32) for some in pictures])


class Predictions(NamedTuple):
    """A classifier's answers in a vocabulary of A names.

    Attributes:
        probability: (..., A) float32, NaN where the classifier has no such answer.
        first: (...) int8 position of the top class, -1 where the answers are not finite. A detector of action
            units has no top class; for it the target where that is there (probability above 1/2), else the most
            probable unit that is, else "neutral".
    """

    probability: np.ndarray
    first: np.ndarray


def predict(
    classifier: Classifier, logits: np.ndarray, targets: np.ndarray, vocabulary: tuple[str, ...]
) -> Predictions:
    """What logits (..., K) say.

    Args:
        targets: integers that broadcast to (...): positions in the vocabulary of what is asked for.
    """
    independent = classifier.card.multilabel
    probability = probabilities_float64(logits, independent)
    whole = np.full((*probability.shape[:-1], len(vocabulary)), np.nan, np.float32)
    whole[..., [vocabulary.index(label) for label in classifier.labels]] = probability
    known = np.where(np.isnan(whole), -1.0, whole)
    top = np.argmax(known, axis=-1)
    if independent:
        targets = np.broadcast_to(targets, top.shape)
        wanted = np.take_along_axis(known, targets[..., None], axis=-1)[..., 0]
        other = np.where(known.max(-1) > 0.5, top, vocabulary.index("neutral"))
        top = np.where(wanted > 0.5, targets, other)
    finite = np.isfinite(probability).all(-1)
    return Predictions(whole, np.where(finite, top, -1).astype(np.int8))


def time_chunk(symmetry_steps: int, time_steps: int, size: int) -> int:
    """How many time steps are rendered at once: what draws all of them soonest within the limits.

    A grid draws LANES images at a time and makes its candidate lists once.
    """
    images_at_once = min(_IMAGES_AT_ONCE, _BYTES_AT_ONCE // (size * size * 3 * 4))

    def cost(chunk: int) -> int:
        drawn = -(-symmetry_steps * chunk // LANES) * LANES
        return -(-time_steps // chunk) * (drawn + _LISTS)

    return min(range(1, max(1, min(time_steps, images_at_once // symmetry_steps)) + 1), key=cost)


def _grid(shared: tuple[RenderSetup, Array], faces: FaceParams, active: Array) -> Array:
    """Every face at one chunk of time steps, (slots, S * chunk, H, W, 3); zeros where not active."""
    studio, part = shared

    def one(face: FaceParams, busy: Array) -> Array:
        def draw(face: FaceParams) -> Array:
            drawn = interventions.grid(
                Symmetry(studio.side), studio.head, face, studio.scene, studio.symmetry, studio.times[part]
            )
            return drawn.reshape(-1, *drawn.shape[2:])

        size = studio.scene.size
        count = studio.symmetry.shape[0] * studio.times.shape[1]
        return _where(busy, draw, face, (count, size, size, 3))

    return map_cases(one, faces, active)


def _checked(studio: RenderSetup, faces: FaceParams, active: Array) -> Array:
    """Groups of X faces at full expression and the checked symmetries, (slots, X * len(CHECKED), H, W, 3)."""

    def one(group: FaceParams, busy: Array) -> Array:
        def draw(group: FaceParams) -> Array:
            count = group.expression.shape[0]
            several = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(PROBE_LEVELS), axis=0), group)
            symmetry = jnp.tile(jnp.array(PROBE_LEVELS, jnp.float32), count)
            ones = jnp.ones(len(symmetry))
            return interventions.images(
                Symmetry(studio.side), studio.head, several, studio.scene, symmetry, ones
            )

        size = studio.scene.size
        return _where(busy, draw, group, (group.expression.shape[0] * len(PROBE_LEVELS), size, size, 3))

    return map_cases(one, faces, active)


def _asked(classifier: Classifier, pictures: Array, active: Array) -> Array:
    """Logits (slots, B, K) of pictures (slots, B, H, W, 3)."""

    def one(some: Array, busy: Array) -> Array:
        def ask(some: Array) -> Array:
            return classifier.apply(classifier.state, some).astype(jnp.float32)

        return _where(busy, ask, some, (some.shape[0], len(classifier.labels)))

    return map_cases(one, pictures, active)


def _where(busy: Array, function: Any, argument: Any, shape: tuple[int, ...]) -> Array:
    """`function(argument)`, float32 of that shape, where `busy`; else zeros that cost nothing."""
    return jax.lax.cond(busy, function, lambda _: jnp.zeros(shape, jnp.float32), argument)
