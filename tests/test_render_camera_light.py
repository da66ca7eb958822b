"""Cameras, light, texture fetch, display: each against its formula."""

import dataclasses
import tomllib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.config import dump_toml, from_dict
from jaxface.core.errors import ConfigError
from jaxface.face import load, neutral
from jaxface.render import (
    Framing,
    Orthographic,
    Perspective,
    RenderConfig,
    Scene,
    frame,
    image,
    prepare,
    project,
    scene,
)
from jaxface.render.light import environment, irradiance
from jaxface.render.shading import average, display, fetch
from jaxface.render.vertex import vertex_normals
from tests.flame_files import flame_arrays, write_flame_npz
from tests.heads import toy_head

POINTS = jnp.array([[0.0, 0.0, 0.0], [0.03, -0.02, 0.05], [-0.1, 0.04, -0.02]])


def test_orthographic_is_decas_formula() -> None:
    camera = Orthographic(jnp.float32(8.0), jnp.array([0.01, 0.02]))
    screen = project(camera, POINTS, 100)
    plane = 8.0 * (np.asarray(POINTS)[:, :2] + [0.01, 0.02]) * [1, -1]
    np.testing.assert_allclose(screen.xy, 50 * (plane + 1), rtol=1e-6)
    np.testing.assert_array_equal(screen.depth, -POINTS[:, 2])
    np.testing.assert_array_equal(screen.inverse_w, 1.0)


def test_perspective_is_a_pinhole() -> None:
    camera = Perspective(jnp.array([0.01, -0.02, 0.7]), jnp.float32(6.0), jnp.array([0.1, 0.2]))
    screen = project(camera, POINTS, 100)
    points = np.asarray(POINTS, np.float64) - [0.01, -0.02, 0.7]
    plane = (6.0 * points[:, :2] / -points[:, 2:] + [0.1, 0.2]) * [1, -1]
    np.testing.assert_allclose(screen.xy, 50 * (plane + 1), rtol=1e-5)
    np.testing.assert_allclose(screen.inverse_w, -1 / points[:, 2], rtol=1e-6)


def test_what_lies_behind_the_camera_is_marked_and_finite() -> None:
    camera = Perspective(jnp.zeros(3), jnp.float32(6.0), jnp.zeros(2))
    screen = project(camera, jnp.array([[0.0, 0.0, 0.0], [0.1, 0.1, 0.2], [0.1, 0.1, -0.2]]), 100)
    np.testing.assert_array_equal(screen.inverse_w > 0, [False, False, True])
    assert np.isfinite(screen.xy).all()


@pytest.mark.parametrize("distance", [0.75, 0.0])
def test_framing_puts_the_eyes_where_the_protocol_says(distance: float) -> None:
    head = toy_head()
    identity = jnp.array([0.5, -1.0])
    camera = frame(head, identity, Framing(distance=distance))
    assert isinstance(camera, Orthographic if distance == 0.0 else Perspective)
    eyes = (head.joint_regressor @ (head.template + head.identity_basis @ identity))[3:]
    left, right = np.asarray(project(camera, eyes, 100).xy)
    np.testing.assert_allclose((left + right) / 2, [50, 39], atol=1e-3)
    np.testing.assert_allclose(left[0] - right[0], 100 / 2.9, atol=1e-3)


def test_framing_without_eye_joints_is_refused() -> None:
    head = dataclasses.replace(toy_head(), joint_names=("root", "neck", "jaw", "a", "b"))
    with pytest.raises(ConfigError, match="no joint left_eye and no joint right_eye"):
        frame(head, jnp.zeros(2), Framing())


def test_protocol_light_has_the_published_coefficients() -> None:
    coefficients = [2.5701, 0.3336, 0.7376, -0.0359, 0.0224, 0.2298, 0.2102, 0.0041, 0.0279]
    light = Scene().light
    np.testing.assert_allclose(light[:, 0], coefficients, atol=6e-5)
    assert light.shape == (9, 1)
    np.testing.assert_allclose(irradiance(light, jnp.array([[0.0, 0.0, 1.0]])), 1.218, atol=1e-3)


def test_one_light_gives_its_strength_to_what_faces_it_and_nothing_behind() -> None:
    light = environment(0.0, [(0.7, 1.0, 2.0, 2.0)])
    towards = jnp.array([[1.0, 2.0, 2.0]]) / 3.0
    np.testing.assert_allclose(irradiance(light, towards), 0.7 * 1.0625, rtol=1e-5)
    values = irradiance(light, jnp.concatenate([-towards, jnp.array([[0.0, 0.6, -0.8]])]))
    assert (values >= 0).all() and (values < 0.1).all()


def test_fetch_is_bilinear_with_v_up_and_a_clamped_border() -> None:
    texture = np.random.default_rng(0).uniform(size=(5, 7, 4)).astype(np.float32)
    uv = np.random.default_rng(1).uniform(-0.2, 1.2, size=(200, 2)).astype(np.float32)
    x, y = np.clip(uv[:, 0] * 7 - 0.5, 0, 6), np.clip((1 - uv[:, 1]) * 5 - 0.5, 0, 4)
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    below, right = np.minimum(i + 1, 4), np.minimum(j + 1, 6)
    b, a = (y - i)[:, None], (x - j)[:, None]
    sample = (1 - b) * ((1 - a) * texture[i, j] + a * texture[i, right])
    sample += b * ((1 - a) * texture[below, j] + a * texture[below, right])
    got = fetch(jnp.asarray(texture), jnp.asarray(uv[:, 0]), jnp.asarray(uv[:, 1]))
    np.testing.assert_allclose(got, sample, atol=2e-6)


def test_a_texture_of_one_texel_is_one_colour() -> None:
    got = fetch(jnp.full((1, 1, 2), 0.3), jnp.linspace(0, 1, 5), jnp.linspace(0, 1, 5))
    np.testing.assert_allclose(got, 0.3, rtol=1e-6)


def test_fetch_has_the_gradient_of_its_formula() -> None:
    k_texture, k_place, k_outer = jax.random.split(jax.random.key(0), 3)
    texture, outer = jax.random.uniform(k_texture, (5, 7, 4)), jax.random.normal(k_outer, (60, 4))
    u, v = jax.random.uniform(k_place, (2, 60), minval=-0.2, maxval=1.2)

    def formula(texture: jax.Array, u: jax.Array, v: jax.Array) -> jax.Array:
        at = (1.0 - v) * 5 - 0.5, u * 7 - 0.5
        planes = [
            jax.scipy.ndimage.map_coordinates(texture[..., k], at, order=1, mode="nearest") for k in range(4)
        ]
        return jnp.stack(planes, axis=-1)

    got, gradient = (jax.vjp(function, texture, u, v)[1](outer) for function in (fetch, formula))
    for one, other in zip(got, gradient, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_normals_have_the_gradient_of_their_formula() -> None:
    head = toy_head()
    outer = jax.random.normal(jax.random.key(0), head.template.shape)

    def formula(points: jax.Array) -> jax.Array:
        a, b, c = (points[head.faces[:, k]] for k in range(3))
        total = jnp.zeros_like(points)
        for k in range(3):
            total = total.at[head.faces[:, k]].add(jnp.cross(b - a, c - a))
        return total / jnp.linalg.norm(total, axis=1, keepdims=True)

    (got,), (gradient,) = (
        jax.vjp(function, head.template)[1](outer)
        for function in (lambda points: vertex_normals(points, head.faces), formula)
    )
    np.testing.assert_allclose(got, gradient, atol=1e-5 * float(jnp.abs(gradient).max()))


def test_normals_of_a_sphere_are_radial() -> None:
    head = toy_head()
    unit = np.asarray(head.template)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    normals = np.asarray(vertex_normals(jnp.asarray(unit), head.faces))
    away = np.abs(unit[:, 0]) > 0.3  # the nose is no sphere
    assert (np.sum(normals * unit, axis=1)[away] > 0.999).all()


def test_normals_are_weighted_by_area_and_zero_without_area() -> None:
    points = jnp.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 1], [5, 5, 5]])
    faces = jnp.array([[0, 1, 2], [0, 2, 3], [4, 4, 4]])
    normals = vertex_normals(points, faces)
    np.testing.assert_allclose(normals[0], np.array([2, 0, 4]) / np.sqrt(20), atol=1e-6)
    np.testing.assert_array_equal(normals[4], 0.0)


def test_samples_are_averaged_in_linear_light() -> None:
    half = jnp.zeros((2, 2, 3)).at[:, 0].set(1.0)
    np.testing.assert_allclose(display(average(half, 2), jnp.float32(2.2)), 0.5 ** (1 / 2.2), rtol=1e-6)


def test_display_clips_and_its_gradient_is_finite_at_black() -> None:
    values = jnp.array([-0.1, 0.0, 1e-12, 0.5, 1.5])
    output = display(values, jnp.float32(2.2))
    np.testing.assert_allclose(output, [0, 0, 1e-12 ** (1 / 2.2), 0.5 ** (1 / 2.2), 1], rtol=1e-5)
    slope = jax.vmap(jax.grad(lambda x: display(x, jnp.float32(2.2))))(values)
    assert np.isfinite(slope).all() and slope[0] == slope[1] == slope[4] == 0.0


def test_config_makes_the_default_scene_and_survives_toml() -> None:
    result, default = scene(RenderConfig()), Scene()
    assert jax.tree.structure(result) == jax.tree.structure(default)
    jax.tree.map(np.testing.assert_array_equal, result, default)
    config = RenderConfig(size=64, lights=((1.0, 0.0, 0.0, 1.0),), distance=0.0)
    assert from_dict(RenderConfig, tomllib.loads(dump_toml(config))) == config
    assert scene(config).size == 64 and scene(config).framing.distance == 0.0


def test_decas_camera_is_given_by_config(tmp_path) -> None:
    """Every person before one camera; vertices land where DECA's formula puts them, the rest is black."""
    config = RenderConfig(size=64, supersample=1, camera=(8.0, 0.0, 0.01), background=(0.0, 0.0, 0.0))
    assert from_dict(RenderConfig, tomllib.loads(dump_toml(config))) == config
    assert "camera" not in dump_toml(RenderConfig())
    models = (load("bundled"), load(write_flame_npz(tmp_path / "flame.npz", flame_arrays())), toy_head())
    for head in models:
        eyeless = dataclasses.replace(head, joint_names=tuple("abcde"))
        params = dataclasses.replace(neutral(head), identity=jnp.ones(head.identity_basis.shape[-1]))
        person = prepare(eyeless, params, scene(config))
        assert isinstance(person.camera, Orthographic)
        plane = 8.0 * (np.asarray(person.neutral)[:, :2] + [0.0, 0.01]) * [1, -1]
        np.testing.assert_allclose(project(person.camera, person.neutral, 64).xy, 32 * (plane + 1), atol=1e-4)
        picture = np.asarray(image(eyeless, params, scene(config)))
        covered = (picture > 0).any(axis=-1)
        assert 0.05 < covered.mean() < 0.95
        inside = np.abs(plane).max(axis=1) < 1
        low, high = (32 * (plane[inside] + 1)).min(0), (32 * (plane[inside] + 1)).max(0)
        rows, columns = np.nonzero(covered)
        assert columns.min() >= low[0] - 1 and columns.max() <= high[0] + 1
        assert rows.min() >= low[1] - 1 and rows.max() <= high[1] + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"supersample": 0},
        {"height": 0.0},
        {"gamma": -1.0},
        {"lights": ((1.0, 0.0, 0.0, 0.0),)},
        {"camera": (0.0, 0.0, 0.0)},
    ],
)
def test_config_out_of_range_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RenderConfig(**wrong)
