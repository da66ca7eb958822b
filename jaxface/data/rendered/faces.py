"""The face that shows given labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.pytree import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.labels import Labels
from jaxface.data.rendered.people import person, style
from jaxface.data.rendered.studio import Studio


@pytree
class Face:
    """One face before the camera.

    Attributes:
        identity: (I,), albedo: (A,) of the head.
        activations: (N,) of facial units in [0, 1], rest included.
        turn: (3,) axis-angle of the head, radians: pitch, yaw, roll.
        gaze: (2,) pitch and yaw of both eyes, radians.
        symmetry: () how far the frozen side follows.
        frozen_left: () bool, which side that is, from the subject's point of view.
    """

    identity: Array
    albedo: Array
    activations: Array
    turn: Array
    gaze: Array
    symmetry: Array
    frozen_left: Array


def sample_face(key: Array, studio: Studio, labels: Labels) -> Face:
    """A face that shows the labels: the person with that number and sex, at rest as they are, in some pose."""
    k_turn, k_gaze, k_whether, k_symmetry, k_side = jax.random.split(key, 5)
    who, config = person(studio, labels.identity, labels.sex), studio.recipe.pose
    turn = jnp.clip(jax.random.normal(k_turn, (3,)), -2.0, 2.0)
    gaze = jnp.clip(jax.random.normal(k_gaze, (2,)), -2.0, 2.0)
    low, high = config.symmetry
    partial_side = jax.random.uniform(k_symmetry, minval=low, maxval=high)
    rest = style(studio, labels.identity).rest
    return Face(
        identity=who.identity,
        albedo=who.albedo,
        activations=jnp.clip(jnp.maximum(labels.activations, rest), 0.0, 1.0),
        turn=jnp.deg2rad(jnp.asarray([config.pitch, config.yaw, config.roll])) * turn,
        gaze=jnp.deg2rad(config.gaze) * gaze,
        symmetry=jnp.where(jax.random.bernoulli(k_whether, config.asymmetric), partial_side, 1.0),
        frozen_left=jax.random.bernoulli(k_side),
    )
