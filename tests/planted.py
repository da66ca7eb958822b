"""What each intervention changes in a picture, as a number: features that planted classifiers answer by."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxface.face import FaceModel
from jaxface.face.model import PopulationPrior
from jaxface.render import RenderConfig
from tests.heads import toy_head

SIZE = 48
BACKGROUND = 0.353
RENDER = RenderConfig(
    size=SIZE, supersample=1, height=4.0, ambient=0.3, lights=((0.3, 0.3, 0.45, 0.9), (0.15, -0.6, 0.2, 0.6))
)
"""Dark enough that nothing is clipped at white, and wide enough that the corners show background."""


@functools.cache
def named_head() -> FaceModel:
    """The toy head with directions of sex, age and hair, each of which makes some part of it larger."""
    head = toy_head()
    x, y, _ = head.template.T
    zero = jnp.zeros_like(x)
    height = jnp.stack([zero, 0.12 * y, zero], axis=-1)
    jaw = jnp.stack([0.3 * x * (y < -0.03), zero, zero], axis=-1)
    crown = jnp.stack([0.5 * x * (y > 0.045), zero, zero], axis=-1)
    mean = jnp.array([[-0.8, 0.0, 0.5, 0.4, 0.0], [0.8, 0.0, 0.5, -0.4, 0.0]])
    deviation = jnp.array([[0.1, 0.4, 0.2, 1.5, 0.5]] * 2)
    return dataclasses.replace(
        head,
        identity_basis=jnp.stack([height, jaw, crown], axis=-1),
        identity_names=("sex", "age", "hair_length"),
        population=PopulationPrior(jnp.array([0.5, 0.5]), mean, deviation, ("female, all", "male, all")),
    )


@dataclasses.dataclass(frozen=True)
class Feature:
    """A number of a picture that goes one way with the dose.

    Attributes:
        measure: (size, size, 3) -> ().
        sense: 1 where it grows with the dose, -1 where it falls.
        law: of the dose, which the number follows but for a factor and a constant; None where only the order
            is known.
        share: of the number's range by which it may miss the law.
    """

    measure: Callable[[jax.Array], jax.Array]
    sense: int = 1
    law: Callable[[jax.Array], jax.Array] | None = None
    share: float = 0.03


def is_face(picture: jax.Array) -> jax.Array:
    return jnp.any(jnp.abs(picture - BACKGROUND) > 0.01, axis=-1)


def coverage(picture: jax.Array) -> jax.Array:
    return is_face(picture).mean()


def crown(picture: jax.Array) -> jax.Array:
    return is_face(picture)[: SIZE // 3].mean()


def brightness(picture: jax.Array) -> jax.Array:
    mask = is_face(picture)[..., None]
    return (picture * mask).sum() / (3 * jnp.maximum(mask.sum(), 1))


def stops(picture: jax.Array) -> jax.Array:
    """Of linear light, within a face's own pixels."""
    return jnp.log2((picture[16:32, 16:32] ** 2.2).mean())


def mouth_place(picture: jax.Array) -> jax.Array:
    """Of what is redder than skin: pixels to the right of the middle, so that no softmax saturates."""
    redness = jnp.maximum((picture[..., 0] - picture[..., 1]) / picture.sum(-1) - 0.13, 0.0)
    return (redness.sum(0) @ (jnp.arange(SIZE) - SIZE / 2)) / (redness.sum() + 1e-6)


def to_the_right(picture: jax.Array) -> jax.Array:
    """How much more light the right half of the face has."""
    light = picture[16:32] ** 2.2
    return light[:, 24:34].mean() - light[:, 14:24].mean()


def colourfulness(picture: jax.Array) -> jax.Array:
    return (picture.max(-1) - picture.min(-1)).mean()


def contrast(picture: jax.Array) -> jax.Array:
    """Energy of differences between neighbours."""
    return jnp.sqrt((jnp.diff(picture, axis=0) ** 2).mean() + (jnp.diff(picture, axis=1) ** 2).mean())


def corner_noise(picture: jax.Array) -> jax.Array:
    """Between neighbours in the corners, where there is background."""
    rows = jnp.concatenate([picture[:5], picture[-5:]], axis=0)
    corners = jnp.concatenate([rows[:, :5], rows[:, -5:]], axis=0)
    return jnp.sqrt((jnp.diff(corners, axis=1) ** 2).mean() / 2)


def blocks(picture: jax.Array) -> jax.Array:
    """How much more neighbours differ across the edges of 8 x 8 blocks than within them."""
    steps = jnp.abs(jnp.diff(picture, axis=1)).mean((0, 2)).at[-1].set(0.0)
    edges = jnp.arange(SIZE - 1) % 8 == 7
    within = jnp.where(edges, 0.0, steps).sum() / (~edges).sum()
    return jnp.where(edges, steps, 0.0).sum() / edges.sum() - within


def greyness(picture: jax.Array) -> jax.Array:
    """Share of pixels as grey as the shape that occludes."""
    return jnp.all(jnp.abs(picture - 0.6) < 0.004, axis=-1).mean()


def asymmetry(picture: jax.Array) -> jax.Array:
    return jnp.abs(picture - picture[:, ::-1]).mean()


FEATURES: dict[str, Feature] = {
    "symmetry": Feature(asymmetry, -1),
    "palsy": Feature(asymmetry),
    "skin_tone": Feature(brightness),
    "age": Feature(coverage),
    "sex": Feature(coverage),
    "hair": Feature(coverage),
    "yaw": Feature(mouth_place),
    "pitch": Feature(crown, -1),
    "roll": Feature(mouth_place, -1, lambda degrees: jnp.sin(jnp.deg2rad(degrees))),
    "light": Feature(to_the_right, 1, lambda share: share),
    "brightness": Feature(stops, 1, lambda dose: dose),
    "distance": Feature(coverage),
    "crop": Feature(coverage, -1),
    "blur": Feature(contrast, -1),
    "noise": Feature(corner_noise, 1, lambda deviation: deviation),
    "jpeg": Feature(blocks),
    "resolution": Feature(contrast, -1),
    "grey": Feature(colourfulness, -1, lambda share: share),
    "occlusion": Feature(greyness),
}
"""By the intervention's name; `null` has none."""

SETTINGS: dict[str, dict[str, float | bool]] = {
    "palsy": {"synkinesis": False},  # which makes the eye of grade IV, not VI, the narrowest
    "skin_tone": {"dark": 10.0, "light": 60.0},  # what the toy head's albedo reaches
    "blur": {"largest": 0.04},  # a quarter of a pixel at most, of so few, would hardly be seen
    "jpeg": {"steps": 3},  # weak compression leaves a face of 48 pixels without blocks
}
"""In place of the defaults, for small pictures of the toy head."""

OTHER: dict[str, Callable[[jax.Array], jax.Array]] = {"noise": jnp.mean}
"""A feature that the intervention leaves alone; `corner_noise` for those that are not here."""
