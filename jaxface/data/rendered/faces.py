"""The face that shows given labels."""

import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.labels import Labels
from jaxface.data.rendered.people import sample_person


@pytree
class Face:
    """One face in front of the camera.

    Attributes:
        identity: (I,), albedo: (A,) of the head.
        activations: (N,) of facial units in [0, 1], those at rest included.
        turn: (3,) axis-angle of the head, radians: pitch, yaw, roll.
        gaze: (2,) pitch and yaw of both eyes, radians.
        symmetry: () how far the frozen side follows.
        frozen_left: () bool, whether that side is the subject's left.
    """

    identity: Array
    albedo: Array
    activations: Array
    turn: Array
    gaze: Array
    symmetry: Array
    frozen_left: Array


def sample_face(key: Array, assets: SceneAssets, labels: Labels) -> Face:
    """Return a face that shows the labels: the person with that number and sex, in a random
    pose."""
    person, config = sample_person(assets, labels.identity, labels.sex), assets.recipe.pose
    uniform, normal = random_draws.draw(key, 3, 5)
    normal = jnp.clip(normal, -2.0, 2.0)
    return Face(
        identity=person.identity,
        albedo=person.albedo,
        activations=jnp.clip(jnp.maximum(labels.activations, labels.rest), 0.0, 1.0),
        turn=jnp.deg2rad(jnp.asarray([config.pitch, config.yaw, config.roll])) * normal[:3],
        gaze=jnp.deg2rad(config.gaze) * normal[3:],
        symmetry=jnp.where(uniform[0] < config.asymmetric, lerp(uniform[1], config.symmetry), 1.0),
        frozen_left=uniform[2] < 0.5,
    )
