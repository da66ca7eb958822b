"""The faces that are trained on: rendered people with their expressions, unchanged and at random levels."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import face, interventions, render
from jaxface.audit import designs
from jaxface.audit.inputs import build_intervention, load_head
from jaxface.classify import Classifier
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.data import ArraySource, Dataset
from jaxface.face import FaceModel, FaceParams, sample_population
from jaxface.face.config import HeadConfig
from jaxface.interventions import Intervention, Symmetry
from jaxface.mending.audits import audit_config
from jaxface.mending.config import MendConfig
from jaxface.render import Scene

TRAINING, CHOOSING, TESTING = 16, 17, 18
"""Streams of people of a seed; those of an audit's own keys are below."""

CHUNK = 32
"""Pictures of one call; the last one is filled up, so that one program draws all."""

_STRENGTH, _JITTER = (0.7, 1.1), 0.25


class Faces(NamedTuple):
    """N faces and what they show.

    Attributes:
        params: fields with a leading axis N.
        label: (N,) int32 class of the classifier.
        person: (N,) int32 number of the person.
    """

    params: FaceParams
    label: np.ndarray
    person: np.ndarray


@dataclass(frozen=True)
class Ground:
    """What all faces of a head share.

    Attributes:
        head_config: how the head is loaded.
        against: interventions that are trained against, of those that the head can take.
        audited: names of all that the closing audit varies on this head.
        labels: classes that are shown, by their position among the classifier's; `prototypes` (P, E) of each.
        classes: names of all the classifier's.
        groups: of levels.
    """

    head_config: HeadConfig
    head: FaceModel
    scene: Scene
    against: tuple[Intervention, ...]
    audited: tuple[str, ...]
    labels: tuple[int, ...]
    prototypes: tuple[Array, ...]
    classes: tuple[str, ...]
    groups: int
    seed: int


def build_ground(
    config: MendConfig, classifier: Classifier, head_config: HeadConfig, *, partial: bool = False
) -> Ground:
    """Build head, scene and interventions, and find the expressions that head and classifier share.

    Args:
        partial: leave out interventions that the head cannot take, instead of an error.

    Raises:
        ConfigError: an intervention that does not exist or that the head cannot take, or no common expression.
    """
    names = (*config.against, *config.watch)
    audit = audit_config(config, classifier, head_config, names)
    objects = [build_intervention(own) for own in designs.design(audit).configs.values()]
    head = load_head(head_config)
    size = classifier.card.resize_to or classifier.card.size or config.render.size
    scene = render.scene(dataclasses.replace(config.render, size=size))
    possible = {}
    for name, intervention in zip(names, objects, strict=True):
        try:
            intervention.require(head, scene)
        except ConfigError:
            if not partial:
                raise
        else:
            possible[name] = intervention
    space = head.expressions
    rows = {
        name: [row for row, label in enumerate(space.prototype_labels) if label == name]
        for name in config.expressions
    }
    shared = [name for name, own in rows.items() if own and name in classifier.labels]
    if not shared:
        raise ConfigError(
            f"classifier {classifier.name!r} and head {head.name!r} have none of "
            f"{', '.join(config.expressions)} in common; they have {', '.join(classifier.labels)} and "
            f"{', '.join(sorted(set(space.prototype_labels)))}"
        )
    prototypes = [space.prototypes[np.array(rows[name])] for name in shared]
    if "neutral" in classifier.labels:
        shared.append("neutral")
        prototypes.append(jnp.zeros((1, head.expression_basis.shape[-1])))
    return Ground(
        head_config=head_config,
        head=head,
        scene=scene,
        against=tuple(possible[name] for name in config.against if name in possible),
        audited=tuple(possible),
        labels=tuple(classifier.labels.index(name) for name in shared),
        prototypes=tuple(prototypes),
        classes=classifier.labels,
        groups=config.groups,
        seed=config.seed,
    )


def plain_faces(ground: Ground, stream: int, people: int) -> Faces:
    """Return every expression of people as the head's first prototype shows it, to the full."""
    cases = [(person, column) for person in range(people) for column in range(len(ground.labels))]
    expression = jnp.stack([ground.prototypes[column][0] for _, column in cases])
    return _faces(ground, stream, people, cases, expression)


def varied_faces(ground: Ground, stream: int, people: int) -> Faces:
    """Return every expression of people: a random mixture of two prototypes, of a random strength."""
    cases = [(person, column) for person in range(people) for column in range(len(ground.labels))]
    random = np.random.default_rng((ground.seed, stream))
    expression = np.stack([_mixture(random, ground.prototypes[column]) for _, column in cases])
    lower, upper = (np.asarray(ends) for ends in (ground.head.expressions.lower, ground.head.expressions.upper))
    return _faces(ground, stream, people, cases, jnp.asarray(np.clip(expression, lower, upper)))


def training_set(ground: Ground, people: int) -> Dataset:
    """Render the faces that are trained on.

    Columns: `label`; `variants` (N, I, size, size, 3) uint8, each face at a random level of each intervention;
    `group` (N, I) int32 of the level.
    """
    faces = varied_faces(ground, TRAINING, people)
    random = np.random.default_rng((ground.seed, TRAINING, 1))
    images = unchanged_pictures(ground, faces)
    variants, groups = [], []
    for intervention in ground.against:
        axis = intervention.axes[0]
        dose = random.uniform(axis.levels[0], axis.levels[-1], len(images)).astype(np.float32)
        variants.append(pictures(ground, intervention, faces.params, dose))
        groups.append(level_groups(dose, axis, ground.groups))
    columns = {
        "label": faces.label,
        "identity": faces.person,
        "variants": np.stack(variants, axis=1),
        "group": np.stack(groups, axis=1),
    }
    return Dataset("rendered faces", ArraySource(images), columns, ground.classes)


def level_groups(dose: np.ndarray, axis: interventions.Axis, groups: int) -> np.ndarray:
    """Return (N,) int32 groups from 1 to `groups`, by the distance of doses (N,) from the unchanged level."""
    farthest = max(abs(level - axis.unchanged) for level in axis.levels)
    shares = np.abs(dose - axis.unchanged) / farthest
    return np.clip(np.ceil(groups * shares), 1, groups).astype(np.int32)


def unchanged_pictures(ground: Ground, faces: Faces) -> np.ndarray:
    """Return (N, size, size, 3) uint8: an intervention at its unchanged level, which changes nothing."""
    first = ground.against[0] if ground.against else Symmetry()
    return pictures(ground, first, faces.params, first.axes[0].unchanged)


def pictures(
    ground: Ground, intervention: Intervention, params: FaceParams, dose: np.ndarray | float
) -> np.ndarray:
    """Return (N, size, size, 3) uint8 of full expressions at doses (N,), or one for all."""
    count = len(params.expression)
    doses = np.broadcast_to(np.float32(dose), count)
    parts = []
    for start in range(0, count, CHUNK):
        rows = np.minimum(np.arange(start, start + CHUNK), count - 1)
        some = jax.tree.map(lambda leaf, rows=rows: leaf[rows], params)
        images = interventions.images(
            intervention, ground.head, some, ground.scene, jnp.asarray(doses[rows]), 1.0
        )
        parts.append(np.rint(255.0 * np.asarray(images)).astype(np.uint8))
    return np.concatenate(parts)[:count]


def _faces(
    ground: Ground, stream: int, people: int, cases: Sequence[tuple[int, int]], expression: Array
) -> Faces:
    key = jax.random.fold_in(jax.random.key(ground.seed), stream)
    population = sample_population(key, ground.head, people)
    person = np.array([number for number, _ in cases], np.int32)
    rows = jax.tree.map(lambda leaf: leaf[person], population)
    params = face.FaceParams(rows.identity, expression.astype(jnp.float32), rows.pose, rows.albedo)
    label = np.array([ground.labels[column] for _, column in cases], np.int32)
    return Faces(params, label, person)


def _mixture(random: np.random.Generator, prototypes: Array) -> np.ndarray:
    """Return (E,) a mixture of two of (P, E), each coefficient with a gain of its own."""
    first, second = np.asarray(prototypes)[random.integers(0, len(prototypes), 2)]
    share, strength = random.uniform(0.0, 1.0), random.uniform(*_STRENGTH)
    gain = np.exp(_JITTER * random.standard_normal(first.shape))
    return np.asarray(strength * gain * (share * first + (1.0 - share) * second), np.float32)
