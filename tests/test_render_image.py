"""Pictures: the shading formula, invariances, batches, gradients, recompilation."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import render
from jaxface.core.errors import ShapeError
from jaxface.face import FaceParams, geometry, neutral, sample_population, texture
from jaxface.face.appearance import wrinkle_weights
from jaxface.interventions import Symmetry, _pictures, grid, image, images, render_many
from jaxface.render import Scene, frame, prepare, rasterize, rasterizer
from jaxface.render.light import environment, irradiance
from jaxface.render.vertex import vertex_normals
from tests.devices import users_options
from tests.heads import toy_head

SCENE = Scene(size=24, supersample=1)
LEFT, RIGHT = Symmetry("left"), Symmetry("right")
SMILE = jnp.array([1.0, 0.0, 0.3, 0.4])


def smiling() -> FaceParams:
    return dataclasses.replace(neutral(toy_head()), expression=SMILE, albedo=jnp.array([0.5, -0.5]))


def people(count: int) -> FaceParams:
    population = sample_population(jax.random.key(1), toy_head(), count)
    expression = jax.random.uniform(jax.random.key(2), (count, 4))
    return dataclasses.replace(population, expression=expression)


def test_every_pixel_follows_the_shading_formula() -> None:
    head, params = toy_head(), smiling()
    pixels = image(LEFT, head, params, SCENE, 0.5, 0.9)
    displacement = geometry.expression_displacement(head, SMILE, 0.5, 0.9)
    points = geometry.pose_head(head, params, displacement)
    fragments = rasterize(points, head.faces, frame(head, params.identity, SCENE.framing), SCENE.size)
    weights, triangle = np.asarray(fragments.barycentric), np.asarray(fragments.triangle)
    mask = triangle >= 0

    def at_pixels(values: jax.Array, faces: jax.Array = head.faces) -> np.ndarray:
        return np.einsum("hwc,hwcd->hwd", weights, np.asarray(values)[np.asarray(faces)[triangle]])

    light = at_pixels(irradiance(SCENE.light, vertex_normals(points, head.faces)))
    line = at_pixels(wrinkle_weights(head.appearance.wrinkles, displacement)[:, None])[..., 0]
    uv = at_pixels(head.uv, head.uv_faces)
    picture = np.asarray(texture(head.appearance, params.albedo))
    x, y = uv[..., 0] * 96 - 0.5, (1 - uv[..., 1]) * 96 - 0.5
    j, i = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b = (x - j)[..., None], (y - i)[..., None]
    sample = (1 - b) * ((1 - a) * picture[i, j] + a * picture[i, j + 1])
    sample += b * ((1 - a) * picture[i + 1, j] + a * picture[i + 1, j + 1])
    shades = (sample[..., :3] * light * (1 - sample[..., 3] * line)[..., None]).clip(0, 1) ** (1 / 2.2)
    np.testing.assert_allclose(pixels[mask], shades[mask], atol=1e-4)
    assert line.max() > 0.1 and 0.3 < mask.mean() < 0.9
    np.testing.assert_allclose(pixels[~mask], 0.353, atol=1e-5)


def test_time_zero_is_neutral_for_every_symmetry() -> None:
    head, params = toy_head(), smiling()
    still = render.image(head, dataclasses.replace(params, expression=jnp.zeros(4)), SCENE)
    for symmetry in (0.0, 0.4):
        np.testing.assert_array_equal(image(LEFT, head, params, SCENE, symmetry, 0.0), still)


def test_symmetry_one_is_the_same_from_either_side_and_less_is_not() -> None:
    head, params = toy_head(), smiling()
    left, right = (image(side, head, params, SCENE, 1.0, 1.0) for side in (LEFT, RIGHT))
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(left, render.image(head, params, SCENE))
    assert jnp.abs(image(LEFT, head, params, SCENE, 0.0, 1.0) - left).max() > 0.02


def test_freezing_the_other_side_gives_the_mirror_image() -> None:
    head, params = toy_head(), smiling()
    scene = dataclasses.replace(SCENE, light=environment(0.5, [(0.6, 0.0, 0.4, 0.9)]))
    left, right = (image(side, head, params, scene, 0.0, 1.0) for side in (LEFT, RIGHT))
    difference = np.abs(np.asarray(left) - np.asarray(right)[:, ::-1])
    assert difference.mean() < 0.1 * np.abs(left - right).mean()


def test_a_picture_is_the_same_in_every_batch() -> None:
    head, batch = toy_head(), people(6)
    symmetry, time = jnp.linspace(0.0, 1.0, 6), jnp.ones(6)
    whole = images(LEFT, head, batch, SCENE, symmetry, time)
    for rows in ([3, 1], [4]):
        index = jnp.array(rows)
        part = images(LEFT, head, jax.tree.map(lambda x, i=index: x[i], batch), SCENE, symmetry[index], 1.0)
        np.testing.assert_array_equal(part, whole[index])
    alone = image(LEFT, head, jax.tree.map(lambda x: x[3], batch), SCENE, symmetry[3], 1.0)
    np.testing.assert_allclose(alone, whole[3], atol=1e-5)


def test_grid_and_render_many_are_the_pictures_of_images() -> None:
    head, params = toy_head(), smiling()
    symmetry, time = jnp.array([0.0, 0.5, 1.0]), jnp.array([0.3, 1.0])
    compiled = partial(jax.jit, compiler_options=users_options())
    pictures = compiled(partial(grid, LEFT))(head, params, SCENE, symmetry, time)
    assert pictures.shape == (3, 2, 24, 24, 3) and pictures.dtype == jnp.float32
    batch = jax.tree.map(lambda x: jnp.repeat(x[None], 6, axis=0), params)
    s, t = jnp.repeat(symmetry, 2), jnp.tile(time, 3)
    one_by_one = images(LEFT, head, batch, SCENE, s, t)
    np.testing.assert_allclose(pictures.reshape(6, 24, 24, 3), one_by_one, atol=1e-5)
    prepared = compiled(prepare)(head, params, SCENE)
    many = compiled(partial(render_many, LEFT))(head, prepared, batch, SCENE, s, t)
    np.testing.assert_array_equal(many, pictures.reshape(6, 24, 24, 3))


def test_supersampling_is_the_mean_of_linear_light() -> None:
    head, params = toy_head(), smiling()
    linear = dataclasses.replace(SCENE, gamma=jnp.float32(1.0))
    fine = render.image(head, params, dataclasses.replace(linear, size=48))
    coarse = render.image(head, params, dataclasses.replace(linear, supersample=2))
    np.testing.assert_allclose(coarse, fine.reshape(24, 2, 24, 2, 3).mean(axis=(1, 3)), atol=1e-5)


def test_gradients_match_finite_differences_while_pixels_keep_their_triangle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In float64, with the triangles frozen: a difference of the whole picture mostly counts flipped pixels."""
    head, params = toy_head(), dataclasses.replace(smiling(), pose=jnp.full((5, 3), 0.05))
    points = geometry.vertices(head, params, 0.6, 0.9)
    triangle = rasterize(points, head.faces, frame(head, params.identity, SCENE.framing), 24).triangle
    monkeypatch.setattr(rasterizer, "visible", lambda *_: triangle)
    with jax.enable_x64(True):
        head, params, scene = jax.tree.map(
            lambda x: jnp.asarray(np.asarray(x), jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x,
            (head, params, SCENE),
        )
        random = np.random.default_rng(0)
        weight = jnp.asarray(random.normal(size=(24, 24, 3)))

        def loss(params: FaceParams, light: jax.Array) -> jax.Array:
            lit = dataclasses.replace(scene, light=light)
            return jnp.sum(weight * image(LEFT, head, params, lit, jnp.float64(0.6), jnp.float64(0.9)))

        light = scene.light * jnp.array([[1.0, 0.9, 0.8]])  # three channels; elsewhere one stands for all
        value_and_grad = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
        slopes = value_and_grad(params, light)[1]
        base = (params, light)
        for name in ("identity", "expression", "pose", "albedo", "light"):
            value = base[1] if name == "light" else getattr(params, name)
            slope = slopes[1] if name == "light" else getattr(slopes[0], name)
            direction = jnp.asarray(random.normal(size=value.shape))

            def loss_at(step: float, name: str = name, direction: jax.Array = direction) -> jax.Array:
                if name == "light":
                    return value_and_grad(params, base[1] + step * direction)[0]
                value = getattr(params, name) + step * direction
                return value_and_grad(dataclasses.replace(params, **{name: value}), base[1])[0]

            difference = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
            np.testing.assert_allclose(jnp.sum(slope * direction), difference, rtol=1e-5, err_msg=name)
            assert abs(difference) > 1e-3


def test_the_silhouette_surrogate_changes_the_gradient_alone_and_for_the_better() -> None:
    """Moving the whole head sideways: the true change of a linear measure, against both gradients."""
    head, params = toy_head(), smiling()
    camera = frame(head, params.identity, dataclasses.replace(SCENE.framing, distance=0.0))
    ramp = jnp.broadcast_to(jnp.linspace(-1.0, 1.0, 24)[None, :, None], (24, 24, 3))
    dark = dataclasses.replace(
        SCENE,
        background=jnp.zeros(3),
        gamma=jnp.float32(1.0),
        framing=dataclasses.replace(SCENE.framing, height=jnp.float32(6.0)),
    )

    def measure(shift: jax.Array, scene: Scene) -> jax.Array:
        new_camera = dataclasses.replace(
            camera, scale=camera.scale * 0.5, translation=camera.translation + jnp.stack([shift, 0.0 * shift])
        )
        return jnp.sum(ramp * render.image(head, params, dataclasses.replace(scene, camera=new_camera)))

    value_and_grad = jax.jit(jax.value_and_grad(measure))
    pixel = 2.0 / 24 / (camera.scale * 0.5)
    truth = (value_and_grad(pixel, dark)[0] - value_and_grad(-pixel, dark)[0]) / (2 * pixel)
    hard_value, hard = value_and_grad(jnp.zeros(()), dark)
    soft_value, silhouette = value_and_grad(jnp.zeros(()), dataclasses.replace(dark, silhouette=True))
    np.testing.assert_allclose(hard_value, soft_value, rtol=1e-5)
    # Measured: truth 709, hard 236, with the surrogate 599.
    assert abs(silhouette - truth) < 0.2 * abs(truth) < 0.4 * abs(hard - truth)


def test_nothing_retraces() -> None:
    """Other people, scenes and steps of the same shapes."""
    head = toy_head()
    image(LEFT, head, smiling(), SCENE, 0.2, 1.0)
    cache_sizes = prepare._cache_size(), _pictures.render._cache_size()
    other = jax.tree.map(lambda x: x[0], people(1))
    darker = dataclasses.replace(Scene(size=24, supersample=1), light=0.5 * SCENE.light)
    image(Symmetry("left"), head, other, darker, 1, time=0.7)
    assert (prepare._cache_size(), _pictures.render._cache_size()) == cache_sizes


def test_a_batch_for_one_face_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"identity of toy has shape \(2,\) for one face, got \(3, 2\)"):
        render.image(toy_head(), people(3), SCENE)
    wrong = dataclasses.replace(smiling(), expression=jnp.zeros(3))
    for picture in (render.image, lambda *face: image(LEFT, *face, 0.5, 1.0)):
        with pytest.raises(ShapeError, match="expression of toy"):
            picture(toy_head(), wrong, SCENE)
