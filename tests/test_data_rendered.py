"""Rendered training sets: examples, their labels, and the streams of them."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import rendered
from jaxface.data.rendered import Example, Face, RenderedDatasetConfig, SceneAssets
from jaxface.data.rendered.config import ActionUnitsConfig, ExpressionsConfig, PeopleConfig, PoseConfig
from jaxface.data.rendered.example import landmark_columns
from jaxface.data.rendered.rigs import columns
from jaxface.face import FaceModel, geometry, landmarks, load
from jaxface.face.appearance import wrinkle_weights
from jaxface.face.sides import Side
from jaxface.render import Framing, Perspective, frame, project
from jaxface.render.light import irradiance
from jaxface.render.vertex import LANES, VertexBuffers, vertex_normals

BATCH = 16
RECIPE = RenderedDatasetConfig(name="small", size=16, supersample=1, people=PeopleConfig(identities=5, first=3))


@pytest.fixture(scope="module")
def head() -> FaceModel:
    return load("bundled", expression_space="units")


@pytest.fixture(scope="module")
def assets(head: FaceModel) -> SceneAssets:
    return rendered.build_assets(RECIPE, head)


@pytest.fixture(scope="module")
def stream(assets: SceneAssets) -> rendered.RenderedStream:
    return rendered.rendered_stream(assets, BATCH, seed=4)


@pytest.fixture(scope="module")
def batch(stream: rendered.RenderedStream) -> dict[str, np.ndarray]:
    return jax.device_get(stream.at(0))


@pytest.fixture(scope="module")
def many(assets: SceneAssets) -> Example:
    """The first examples of `stream`, before they are drawn."""
    key = jax.random.fold_in(jax.random.key(RECIPE.seed), 4)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(300))
    return jax.device_get(jax.jit(jax.vmap(rendered.sample_example, (0, None)))(keys, assets))


def test_a_batch_holds_images_and_all_labels(batch: dict[str, np.ndarray]) -> None:
    units = len(RECIPE.units.numbers)
    assert {name: (column.shape[1:], column.dtype) for name, column in batch.items()} == {
        "image": ((16, 16, 3), np.uint8),
        "label": ((), np.int32),
        "identity": ((), np.int32),
        "sex": ((), np.int32),
        "intensity": ((units,), np.float32),
        "units": ((units,), np.float32),
        "units_known": ((units,), np.bool_),
    }
    assert all(len(column) == BATCH for column in batch.values())
    assert set(batch["identity"]) <= {3, 4, 5, 6, 7} and set(batch["sex"]) <= {0, 1}
    assert batch["image"].std(axis=(1, 2, 3)).min() > 10  # faces, not flat fields


def test_a_stream_resumes_and_its_examples_do_not_depend_on_the_way_there(
    stream: rendered.RenderedStream, batch: dict[str, np.ndarray]
) -> None:
    first = jax.device_get(next(stream))
    state = json.loads(json.dumps(stream.get_state()))
    second = jax.device_get(next(stream))
    stream.set_state(state)
    for name, column in jax.device_get(next(stream)).items():
        np.testing.assert_array_equal(column, second[name])
        np.testing.assert_array_equal(first[name], batch[name])
    assert (first["image"] != second["image"]).any()


def test_one_picture_is_the_one_of_its_batch(
    assets: SceneAssets, many: Example, batch: dict[str, np.ndarray]
) -> None:
    for name, column in many.columns.items():
        np.testing.assert_allclose(column[:BATCH], batch[name], rtol=1e-6)
    face, scene = jax.tree.map(lambda leaf: leaf[11], many.shots["image"])
    single_image = np.asarray(jax.jit(rendered.render_example)(assets, face, scene), int)
    # Another program may round a sample across an edge or a level.
    assert np.abs(single_image - batch["image"][11]).mean() < 0.2
    assert np.abs(single_image - batch["image"][10]).mean() > 5


def test_a_data_set_on_disk_is_read_back_the_same(assets: SceneAssets, tmp_path: Path) -> None:
    in_memory = rendered.dataset(assets, 20, seed=4, batch=BATCH)
    on_disk = rendered.render_dataset(assets, 20, tmp_path / "set", seed=4, batch=BATCH)
    dataset = data.open("rendered", tmp_path / "set")
    assert len(dataset) == len(on_disk) == 20
    assert dataset.labels == in_memory.labels and dataset.units == in_memory.units
    for name, column in in_memory.columns.items():
        np.testing.assert_array_equal(dataset.columns[name], column)
    np.testing.assert_array_equal(dataset.rows(range(20))["image"], in_memory.rows(range(20))["image"])
    assert rendered.load_recipe(tmp_path / "set" / "recipe.toml") == RECIPE
    (tmp_path / "set" / "columns.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="render it again"):
        data.open("rendered", tmp_path / "set")


def test_action_units_are_read_off_the_expression(many: Example) -> None:
    names, numbers, label = RECIPE.expressions.labels, list(RECIPE.units.numbers), many.columns["label"]
    present = many.columns["units"]
    np.testing.assert_array_equal(present, many.columns["intensity"] >= RECIPE.units.threshold)
    rate = {
        name: dict(zip(numbers, present[label == place].mean(0), strict=True))
        for place, name in enumerate(names)
    }
    assert max(rate["neutral"].values()) == 0.0
    assert rate["happiness"][12] > 0.8 and rate["happiness"][15] == 0.0
    assert rate["surprise"][2] > 0.7 and rate["surprise"][25] > 0.7
    assert rate["anger"][4] > 0.8 and rate["disgust"][9] > 0.8 and rate["sadness"][15] > 0.6
    assert np.bincount(label).min() > 20 and np.bincount(label).max() < 70


def test_people_keep_their_looks(assets: SceneAssets, many: Example) -> None:
    number, sex = many.columns["identity"], many.columns["sex"]
    faces, _ = many.shots["image"]
    for one in range(3, 8):
        assert len(np.unique(faces.identity[number == one], axis=0)) == 1
        assert len(np.unique(sex[number == one])) == 1
    assert set(number.tolist()) == {3, 4, 5, 6, 7}
    look = jax.jit(rendered.sample_person)
    man, woman = (look(assets, jnp.int32(6), jnp.int32(sex)) for sex in (1, 0))
    assert (int(man.sex), int(woman.sex)) == (1, 0)
    shapes = slice(3, None)  # behind sex, age and length of hair
    np.testing.assert_allclose(man.identity[shapes], woman.identity[shapes])
    assert float(man.identity[0]) > 0.2 > -0.2 > float(woman.identity[0])


def test_units_without_expressions_are_shown_as_targeted_and_exclude_each_other(head: FaceModel) -> None:
    units = RenderedDatasetConfig(
        expressions=ExpressionsConfig(labels=()),
        units=ActionUnitsConfig(rate=0.5),
        people=PeopleConfig(style=0.0),
    )
    assets = rendered.build_assets(units, head)

    def sample(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        k_target, k_units = jax.random.split(key)
        target = rendered.sample_units(k_target, assets)
        activations = rendered.units_to_activations(k_units, assets, target)
        return target, rendered.intensities(assets, activations)

    target, intensity = jax.device_get(jax.jit(jax.vmap(sample))(jax.random.split(jax.random.key(2), 200)))
    per_group = (target > 0.0).astype(np.float32) @ np.asarray(assets.exclusive).T
    assert per_group.max() <= 1.0 and (target > 0.0).sum(1).max() >= 4
    lips_part = assets.action_units.index(25)  # follows from the jaw, whether targeted or not
    others = [index for index in np.asarray(assets.unit_indices) if index != lips_part]
    np.testing.assert_allclose(intensity[:, others], target[:, others], atol=1e-6)
    jaw = target[:, assets.action_units.index(26)] > 0.0
    assert (intensity[jaw, lips_part] > 0.25).all()


@pytest.fixture(scope="module")
def vertex_columns() -> Callable[..., VertexBuffers]:
    return jax.jit(columns, static_argnums=3)


def test_vertices_of_many_are_those_of_one(
    assets: SceneAssets, head: FaceModel, many: Example, vertex_columns: Callable[..., VertexBuffers]
) -> None:
    """Geometry, lines, normals, light and camera against the rooms that define them."""
    faces, scenes = jax.tree.map(lambda leaf: leaf[:LANES], many.shots["image"])
    zeros = np.zeros_like(faces.turn)
    symmetry = np.linspace(0.0, 1.0, LANES, dtype=np.float32)
    faces = dataclasses.replace(faces, turn=zeros, gaze=zeros[:, :2], symmetry=symmetry)
    scenes = dataclasses.replace(scenes, shift=zeros[:, 0], lines=np.ones(LANES, np.float32))
    vertices = vertex_columns(assets.rig, faces, scenes, 32)

    @partial(jax.jit, static_argnames="side")
    def expected(face: Face, light: jax.Array, camera: Perspective, side: Side) -> tuple[jax.Array, ...]:
        displacement = geometry.expression_displacement(head, face.activations, face.symmetry, 1.0, side)
        vertices = geometry.shape(head, face.identity) + displacement
        screen = project(camera, vertices, 32)
        irradiances = irradiance(light, vertex_normals(vertices, head.faces))
        return (
            *screen.xy.T,
            screen.inverse_w,
            *irradiances.T,
            wrinkle_weights(head.appearance.wrinkles, displacement),
        )

    left = int(np.argmax(faces.frozen_left))
    for lane, side in ((left, "left"), (int(np.argmin(faces.frozen_left)), "right")):
        face, scene = jax.tree.map(lambda leaf, lane=lane: leaf[lane], (faces, scenes))
        framing = Framing(jnp.asarray(scene.height), jnp.asarray(scene.eye_line), float(scene.distance))
        values = expected(face, scene.light, frame(head, jnp.asarray(face.identity), framing), side)
        columns_of = (vertices.x, vertices.y, vertices.inverse_w, *vertices.light, vertices.wrinkle)
        for column, value in zip(columns_of, values, strict=True):
            np.testing.assert_allclose(column[:, lane], value, atol=2e-4, rtol=2e-4)


def test_turned_heads_stay_in_the_picture(
    assets: SceneAssets, many: Example, vertex_columns: Callable[..., VertexBuffers]
) -> None:
    faces, scenes = jax.tree.map(lambda leaf: leaf[:LANES], many.shots["image"])
    faces = dataclasses.replace(faces, turn=np.tile(np.float32([0.2, 0.4, 0.1]), (LANES, 1)))
    vertices = vertex_columns(assets.rig, faces, scenes, 32)
    nose = int(np.argmax(np.asarray(assets.head.template)[:, 2]))
    assert np.asarray(vertices.x)[nose].min() > 8 and np.asarray(vertices.x)[nose].max() < 28


def test_landmarks_are_where_their_vertices_are_drawn(
    assets: SceneAssets, many: Example, vertex_columns: Callable[..., VertexBuffers]
) -> None:
    """Turned, lopsided faces too: points of one vertex exactly, the brows' means nearly."""
    faces, scenes = jax.tree.map(lambda leaf: leaf[:LANES], many.shots["image"])
    faces = dataclasses.replace(faces, symmetry=np.linspace(0.0, 1.0, LANES, dtype=np.float32))
    assert landmark_columns(assets, {"image": (faces, scenes)}) == {}
    with_landmarks = dataclasses.replace(assets, recipe=dataclasses.replace(RECIPE, landmarks=True))
    both = jax.jit(landmark_columns)(with_landmarks, {"image": (faces, scenes), "other": (faces, scenes)})
    points, vertices = np.asarray(both["landmarks"]), vertex_columns(assets.rig, faces, scenes, 32)
    marks = landmarks(assets.head)
    corners = np.stack([vertices.x, vertices.y], axis=-1)[np.asarray(marks.vertices)] / 32  # (68, 3, LANES, 2)
    mean = (np.asarray(marks.weights)[:, :, None, None] * corners).sum(1).transpose(1, 0, 2)
    single = np.asarray(marks.weights)[:, 0] == 1.0
    np.testing.assert_allclose(points[:, single], mean[:, single], atol=1e-5)
    np.testing.assert_allclose(points, mean, atol=1e-3)
    np.testing.assert_array_equal(both["other_landmarks"], points)


@pytest.mark.parametrize("name", rendered.recipe_names())
def test_named_recipes_load(name: str) -> None:
    assert rendered.load_recipe(name).name == name


def test_recipes_that_cannot_be_drawn_are_refused(head: FaceModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'units'"):
        rendered.load_recipe("unit")
    file = tmp_path / "mine.toml"
    file.write_text("[pose]\nyow = 3.0\n")
    with pytest.raises(ConfigError, match=r"unknown key 'pose\.yow', did you mean 'yaw'"):
        rendered.load_recipe(file)
    with pytest.raises(ConfigError, match=r"pose\.symmetry = \[1\.0, 0\.0\]: must be a range from low to high"):
        RenderedDatasetConfig(pose=PoseConfig(symmetry=(1.0, 0.0)))
    with pytest.raises(ConfigError, match=r"expressions\.labels = 'bored'"):
        RenderedDatasetConfig(expressions=ExpressionsConfig(labels=("bored",)))
    with pytest.raises(ConfigError, match="no prototype of 'contempt'"):
        rendered.build_assets(RenderedDatasetConfig(expressions=ExpressionsConfig(labels=("contempt",))), head)
    with pytest.raises(ConfigError, match="no action unit 11"):
        rendered.build_assets(RenderedDatasetConfig(units=ActionUnitsConfig(numbers=(11,))), head)
    with pytest.raises(ConfigError, match="no skin tone 'green'"):
        rendered.build_assets(RenderedDatasetConfig(people=PeopleConfig(skin_tones=("green",))), head)
    with pytest.raises(ConfigError, match="batch = 0"):
        rendered.rendered_stream("expressions", 0)
