"""Barriers keep stages apart for the compiler, and change no number, not even NaN."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import interventions, render
from jaxface.face import FaceParams, neutral
from jaxface.interventions import Symmetry
from jaxface.render import Scene
from jaxface.render.barriers import materialize, skip_unless
from tests.heads import toy_head

SCENE = Scene(size=16, supersample=1)
SYMMETRY, TIME = jnp.linspace(0.0, 1.0, 4), jnp.linspace(0.1, 1.0, 8)


def test_materialize_survives_the_compiler_and_keeps_nan() -> None:
    program = jax.jit(lambda x: materialize(jnp.sin, x))
    x = jnp.array([jnp.nan, 0.5, jnp.inf])
    np.testing.assert_array_equal(program(x), jnp.sin(x))
    assert "conditional(" in program.lower(x).compile().as_text()
    np.testing.assert_array_equal(jax.grad(lambda x: materialize(jnp.sin, x).sum())(x[1:2]), jnp.cos(x[1:2]))


@pytest.mark.parametrize("bits", [0, 1, 2, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 0x7FC00001, 0xFF800000])
def test_materialize_computes_whatever_its_first_number_is(bits: int) -> None:
    """Integers at the ends of their range; the same bits as floats: NaN with a payload, infinities, -0."""
    whole = jnp.asarray([bits], jnp.uint32)
    for x in (whole, whole.astype(jnp.int32), jax.lax.bitcast_convert_type(whole, jnp.float32)):
        one = jax.jit(lambda x: materialize(jnp.ones_like, x))(x)
        np.testing.assert_array_equal(one, np.ones(1, x.dtype))


def test_what_holds_no_number_is_computed_too() -> None:
    np.testing.assert_array_equal(materialize(lambda x: jnp.ones(2) + x.sum(), jnp.zeros((3, 0))), jnp.ones(2))


def test_skip_unless_gives_zeros_where_it_is_told_to() -> None:
    def scaled(active: jax.Array, x: jax.Array) -> dict[str, jax.Array]:
        return skip_unless(active, lambda x: {"double": 2.0 * x}, x)

    x = jnp.array([1.0, jnp.nan])
    np.testing.assert_array_equal(jax.jit(scaled)(jnp.array(True), x)["double"], 2.0 * x)
    np.testing.assert_array_equal(jax.jit(scaled)(jnp.array(False), x)["double"], jnp.zeros(2))


def smiling() -> FaceParams:
    expression, albedo = jnp.array([1.0, 0.0, 0.3, 0.4]), jnp.array([0.5, -0.5])
    return dataclasses.replace(neutral(toy_head()), expression=expression, albedo=albedo)


def with_nan(name: str) -> FaceParams:
    leaf = getattr(smiling(), name)
    return dataclasses.replace(smiling(), **{name: leaf.at[(0,) * leaf.ndim].set(jnp.nan)})


def on_head() -> np.ndarray:
    """(H, W) bool: the pixels that do not show the background, of the face that is whole."""
    return np.asarray(jnp.abs(render.image(toy_head(), smiling(), SCENE) - 0.353).max(-1) > 1e-3)


@pytest.mark.parametrize("name", ["identity", "expression", "pose", "albedo"])
def test_a_face_with_nan_gives_a_picture_with_nan(name: str) -> None:
    """Geometry that is not finite covers no pixel, and must not become a picture of the background."""
    picture = np.isnan(np.asarray(render.image(toy_head(), with_nan(name), SCENE)))
    assert on_head().mean() > 0.3
    assert picture[on_head()].all() if name == "albedo" else picture.all()


@pytest.mark.parametrize("name", ["expression", "albedo", "light", "time"])
def test_a_grid_with_nan_gives_pictures_with_nan(name: str) -> None:
    """Words of packed bits hold no NaN: what is not finite takes the exact path, frame by frame."""
    face, scene, time = smiling(), SCENE, TIME
    if name == "light":
        scene = dataclasses.replace(scene, light=scene.light.at[0].set(jnp.nan))
    elif name == "time":
        time = time.at[3].set(jnp.nan)
    else:
        face = with_nan(name)
    pictures = np.isnan(np.asarray(interventions.grid(Symmetry(), toy_head(), face, scene, SYMMETRY, time)))
    assert pictures[:, 3, on_head()].all()
    if name == "time":
        assert pictures[:, 3].all() and not pictures[:, :3].any() and not pictures[:, 4:].any()


def test_a_scene_without_a_face_is_background_with_and_without_silhouettes() -> None:
    """Nothing is covered, so stages are skipped; the background is none of them."""
    head, scene = toy_head(), SCENE
    camera = render.frame(head, smiling().identity, scene.framing)
    aside = dataclasses.replace(camera, position=camera.position + jnp.array([10.0, 0.0, 0.0]))
    for silhouette in (False, True):
        empty = dataclasses.replace(scene, camera=aside, silhouette=silhouette)
        np.testing.assert_allclose(render.image(head, smiling(), empty), 0.353, atol=1e-5)
