"""Interventions on heads of other kinds: angles, skin angles, palsy in numbers, and what is refused."""

import dataclasses
import functools
import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxface import face, interventions, render
from jaxface.core.errors import ConfigError
from jaxface.core.types import LUMA
from jaxface.face import FaceModel, FaceParams, geometry, neutral
from jaxface.interventions import REGISTRY, Palsy, SkinTone, Yaw, jpeg
from jaxface.interventions._colour import lab, rgb, typology_angle
from jaxface.interventions._turn import Turn
from jaxface.interventions.palsy import grades, region_weights, rest_fields
from jaxface.interventions.skin_tone import cheek_appearance
from jaxface.render import Framing, Perspective, Scene
from jaxface.render.camera import project
from jaxface.render.scenes import orthographic
from tests.flame_files import flame_arrays, write_flame_pickle
from tests.heads import toy_head
from tests.planted import named_head

SCENE = Scene(size=16, supersample=1)


@functools.cache
def bundled() -> FaceModel:
    return face.load("bundled", expression_space="units")


def flame(folder: Path) -> FaceModel:
    """A head in FLAME's format, with a texture space of 200 components."""
    rng = np.random.default_rng(0)
    np.savez(
        folder / "texture.npz",
        mean=rng.uniform(150, 170, (8, 8, 3)) + np.array([-60.0, 0.0, 40.0]),
        tex_dir=rng.normal(0, 5, (8, 8, 3, 200)) + 3 * rng.normal(size=200),
        vt=rng.uniform(size=(90, 2)),
        ft=rng.integers(0, 90, (80, 3)),
    )
    head = write_flame_pickle(folder / "flame.pkl", flame_arrays())
    return face.load(str(head), texture=str(folder / "texture.npz"))


def of_units(**activations: float) -> FaceParams:
    names = bundled().expressions.names
    expression = jnp.zeros(len(names))
    for name, value in activations.items():
        expression = expression.at[names.index(name)].set(value)
    return dataclasses.replace(neutral(bundled()), expression=expression)


# Skin


def angle_of(head: FaceModel, albedo: jax.Array) -> float:
    cheeks, weights = cheek_appearance(head)
    linear = weights @ face.texture(cheeks, albedo)[:, 0, :3]
    return float(typology_angle(linear ** (1 / 2.2)))


def test_cielab_is_that_of_the_standard() -> None:
    """Lindbloom's calculator: sRGB to Lab, D65."""
    colours = jnp.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.5]])
    expected = [
        [100, 0, 0],
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
        [53.39, 0, 0],
    ]
    np.testing.assert_allclose(lab(colours), expected, atol=0.02)
    np.testing.assert_allclose(rgb(lab(colours)), colours, atol=2e-3)
    skin = rgb(jnp.array([60.0, 12.0, 15.0]))
    assert float(typology_angle(skin)) == pytest.approx(np.degrees(np.arctan2(10, 15)), abs=0.05)


@pytest.mark.parametrize("kind", ["bundled", "flame", "toy"])
def test_the_ends_of_skin_tone_are_the_same_angles_on_every_head(kind: str, tmp_path: Path) -> None:
    head = {"bundled": bundled, "toy": toy_head, "flame": lambda: flame(tmp_path)}[kind]()
    albedo = face.sample_population(jax.random.key(3), head, 1).albedo[0]
    own = angle_of(head, albedo)
    dark, light = (own - 20, own + 10) if kind != "bundled" else (-30.0, 50.0)
    tone = SkinTone(dark=dark, light=light)
    move = jax.jit(lambda dose: tone.albedo(head, albedo, dose))
    angles = [angle_of(head, move(dose)) for dose in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    expected = [dark, 0.5 * (dark + own), own, 0.5 * (light + own), light]
    np.testing.assert_allclose(angles, expected, atol=0.3)
    if kind == "bundled":
        change = np.asarray(move(-1.0) - albedo)
        assert np.flatnonzero(change).tolist() == [head.appearance.names.index("skin_tone")]


# Pose and camera


@pytest.mark.parametrize("name", [n for n in REGISTRY if isinstance(interventions.build(n), Turn)])
@pytest.mark.parametrize("degrees", [-30.0, 12.5])
def test_a_turn_is_rigid_by_the_angle_about_the_eyes(name: str, degrees: float) -> None:
    turn, head = interventions.build(name), toy_head()
    assert isinstance(turn, Turn)
    params = neutral(head)
    person = render.prepare(head, params, SCENE)
    before, after = np.asarray(person.neutral), np.asarray(turn.turn(head, person, person.neutral, degrees))
    left, _, vertical = np.linalg.svd((before - before.mean(0)).T @ (after - after.mean(0)))
    rotation = (left @ vertical).T
    angle = np.degrees(np.arccos((np.trace(rotation) - 1) / 2))
    assert angle == pytest.approx(abs(degrees), abs=0.02)
    middle = np.asarray(person.joints)[[3, 4]].mean(0)
    np.testing.assert_allclose(after, (before - middle) @ rotation.T + middle, atol=1e-6)
    nose, crown = before[:, 2].argmax(), before[:, 1].argmax()
    step = {"yaw": after[nose, 0], "pitch": after[nose, 1] - before[nose, 1], "roll": after[crown, 0]}[name]
    assert np.sign(step) == np.sign(degrees)  # to the person's left, up, to the left shoulder


@pytest.mark.parametrize("name", ["distance", "crop"])
def test_eyes_stay_in_their_place(name: str) -> None:
    intervention, head = interventions.build(name), toy_head()
    person = render.prepare(head, neutral(head), SCENE)
    eyes = person.joints[jnp.array([3, 4])]
    before = np.asarray(project(person.camera, eyes, 100).xy)
    after = np.asarray(project(intervention.camera(head, person, jnp.float32(0.5)), eyes, 100).xy)
    np.testing.assert_allclose(after.mean(0), before.mean(0), atol=1e-3)
    scale = np.linalg.norm(after[0] - after[1]) / np.linalg.norm(before[0] - before[1])
    assert scale == pytest.approx(1.0 if name == "distance" else 2**-0.5, abs=1e-4)


def test_a_crop_is_taken_by_either_kind_of_camera() -> None:
    head, crop = toy_head(), interventions.build("crop")
    person = render.prepare(head, neutral(head), dataclasses.replace(SCENE, framing=Framing(distance=0.0)))
    eyes = person.joints[jnp.array([3, 4])]
    before = np.asarray(project(person.camera, eyes, 100).xy)
    after = np.asarray(project(crop.camera(head, person, jnp.float32(-0.25)), eyes, 100).xy)
    np.testing.assert_allclose(after.mean(0), before.mean(0), atol=1e-3)
    np.testing.assert_allclose(after[0] - after[1], 2**0.25 * (before[0] - before[1]), rtol=1e-4)


# Palsy


def move(palsy: Palsy, params: FaceParams, grade: float, time: float = 1.0) -> np.ndarray:
    return np.asarray(palsy.displacement(bundled(), params, jnp.float32(grade), jnp.float32(time)))


def test_the_table_of_grades_is_in_order() -> None:
    rows = grades()
    assert [row["name"] for row in rows] == ["I", "II", "III", "IV", "V", "VI"]
    for region in ("forehead", "eye", "mouth"):
        column = [row[region] for row in rows]
        assert column == sorted(column, reverse=True) and column[0] == 1 and column[-1] == 0
    assert all(row["droop"] == row["wide"] == 0 for row in rows[:4])  # normal tone at rest to grade IV
    assert rows[5]["droop"] == rows[5]["wide"] == 1
    assert all(rows[end][name] == 0 for end in (0, 5) for name in ("synkinesis", "contracture"))


def test_regions_divide_the_head_and_nothing_without_muscles_moves() -> None:
    head = bundled()
    weights = region_weights(head)
    np.testing.assert_allclose(sum(weights.values()), 1.0, atol=1e-6)
    assert all((np.asarray(each) >= 0).all() for each in weights.values())
    eyeballs = np.asarray(head.skinning_weights)[:, [3, 4]].max(1) > 0.5
    assert eyeballs.sum() > 50
    for field in rest_fields(head).values():
        assert np.abs(np.asarray(field)[eyeballs]).max() == 0 and np.abs(field).max() > 1e-3


@pytest.mark.parametrize("side", ["left", "right"])
def test_palsy_weakens_one_side_by_its_grades(side: str) -> None:
    """Of a smile with raised brows and closed eyes, region by region; the healthy side moves on."""
    head, params = bundled(), of_units(mouthSmile=0.8, browInnerUp=0.8, eyeBlink=0.8)
    palsy = Palsy(side=side, synkinesis=False)
    share = np.asarray(head.left_weight if side == "left" else 1 - head.left_weight)
    affected, healthy = share == 1, share == 0
    own = np.asarray(geometry.expression_displacement(head, params.expression))
    weights = {name: np.asarray(each) for name, each in region_weights(head).items()}
    table = {row["name"]: row for row in grades()}
    for grade, name in enumerate(table, start=1):
        motion = move(palsy, params, grade) - move(palsy, params, grade, 0.0)
        np.testing.assert_allclose(motion[healthy], own[healthy], atol=1e-7)
        for region, weight in weights.items():
            rows = affected & (weight == 1)
            shared = np.asarray(head.shared_basis @ params.expression)
            np.testing.assert_allclose(
                (motion - shared)[rows], table[name][region] * (own - shared)[rows], atol=1e-6
            )
    np.testing.assert_array_equal(move(palsy, params, 1), own)
    rest = move(palsy, params, 6, 0.0)
    assert np.abs(rest[healthy]).max() == 0
    brow = affected & (np.asarray(weights["forehead"]) > 0.9)
    corner = affected & (np.asarray(weights["mouth"]) > 0.9)
    assert rest[brow, 1].min() < -0.004 and rest[corner, 1].min() < -0.004  # 4 mm down
    assert rest[brow, 1].max() <= 0 and rest[corner, 1].max() <= 0


@pytest.mark.parametrize("branch", ["forehead", "eye", "mouth"])
def test_a_branch_leaves_the_other_regions_as_they_are(branch: str) -> None:
    head, params = bundled(), of_units(mouthSmile=0.8, browInnerUp=0.8, eyeBlink=0.8)
    own = np.asarray(geometry.expression_displacement(head, params.expression))
    motion = move(Palsy(branch=branch, synkinesis=False), params, 6) - move(
        Palsy(branch=branch, synkinesis=False), params, 6, 0.0
    )
    changed = np.linalg.norm(motion - own, axis=1)
    weight = np.asarray(region_weights(head)[branch])
    assert changed[weight == 0].max() < 1e-7 and changed[weight > 0.9].max() > 2e-3


def test_synkinesis_narrows_the_eye_with_the_mouth_and_pulls_the_mouth_with_the_eye() -> None:
    head, alone = bundled(), Palsy(branch="none")
    fields = {name: np.asarray(each) for name, each in rest_fields(head).items()}

    def part_of(field: str, params: FaceParams, grade: float, time: float = 1.0) -> float:
        left = np.asarray(head.left_weight)[:, None]
        own = np.asarray(geometry.expression_displacement(head, params.expression, 1.0, time))
        extra = move(alone, params, grade, time) - own
        return float((extra * fields[field] * left).sum() / (fields[field] ** 2 * left).sum())

    smile, blink, still = of_units(mouthSmile=1.0), of_units(eyeBlink=1.0), of_units()
    assert part_of("narrow eye", smile, 4) > 0.7 and abs(part_of("mouth pull", smile, 4)) < 0.05
    assert part_of("mouth pull", blink, 4) > 0.7 and abs(part_of("narrow eye", blink, 4)) < 0.05
    assert (
        part_of("narrow eye", smile, 4) > part_of("narrow eye", smile, 3) > part_of("narrow eye", smile, 2) > 0
    )
    assert part_of("narrow eye", smile, 4) > part_of("narrow eye", smile, 4, 0.3) > 0
    assert np.abs(move(alone, still, 4)).max() < 1e-9 and part_of("narrow eye", smile, 6) == 0
    assert np.abs(move(Palsy(branch="none", contracture=True), still, 4)).max() > 1e-3


# Compression


@pytest.mark.parametrize("quality", [90, 40, 8])
@pytest.mark.parametrize("size", [48, 37])
def test_compression_is_that_of_a_jpeg_program(quality: int, size: int) -> None:
    picture = render.image(toy_head(), neutral(toy_head()), Scene(size=size, supersample=1))
    pixels = np.round(np.asarray(picture) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    expected = np.asarray(Image.open(file), np.float32) / 255
    ours = np.asarray(jpeg.compress(jnp.asarray(pixels / 255, jnp.float32), jnp.float32(quality)))
    # Programs enlarge the half-sized colours differently, and round; the rest is the same.
    difference = ours @ np.array(LUMA) - expected @ np.array(LUMA)
    loss = np.abs(expected @ np.array(LUMA) - pixels / 255 @ np.array(LUMA)).mean()
    assert np.abs(difference).mean() < max(0.1 * loss, 1 / 255)
    assert np.abs(ours - expected).mean() < 2 / 255


# What is refused, in one line, before any work


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("yaw", {"largest": 80}, r"yaw.largest = 80.0: must be in \(0, 45\]"),
        ("yaw", {"steps": 4}, "yaw.steps = 4: must be odd, with the unchanged level"),
        ("blur", {"steps": 1}, "blur.steps = 1: must be at least 2"),
        ("palsy", {"branch": "chin"}, "palsy.branch = 'chin'; known: all, eye, forehead, mouth, none"),
        ("palsy", {"grade": 2}, "palsy.grade"),
        ("skin_tone", {"dark": 30, "light": 10}, "skin_tone.dark = 30.0: must be less than light = 10"),
        ("noise", {"largest": "loud"}, "noise.largest = 'loud': must be float"),
        ("occlusion", {"grey": float("nan")}, r"occlusion.grey = nan: must be in \[0, 1\]"),
        ("light", {"direction": "behind"}, "light.direction = 'behind'"),
        ("null", {"kind": "nois"}, "did you mean 'noise'"),
    ],
)
def test_bad_settings_are_one_clear_line(name: str, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        interventions.build(name, **settings)
    assert "\n" not in str(error.value)


def without_eyes() -> FaceModel:
    return dataclasses.replace(toy_head(), joint_names=("root", "neck", "jaw", "a", "b"))


@pytest.mark.parametrize("name", ["age", "sex", "hair"])
def test_a_head_without_the_direction_is_refused(name: str) -> None:
    interventions.build(name).require(named_head(), SCENE)
    interventions.build(name).require(bundled(), SCENE)
    with pytest.raises(ConfigError, match=f"intervention {name}: head 'toy' has no identity direction"):
        interventions.build(name).require(toy_head(), SCENE)


def test_a_head_without_albedo_is_refused(tmp_path: Path) -> None:
    head = face.load(str(write_flame_pickle(tmp_path / "flame.pkl", flame_arrays())))
    with pytest.raises(ConfigError, match=r"intervention skin_tone: head .* has no albedo coefficient"):
        SkinTone().require(head, SCENE)
    SkinTone().require(flame(tmp_path), SCENE)


@pytest.mark.parametrize("name", ["palsy", "skin_tone", "yaw", "light", "distance", "crop", "occlusion"])
def test_a_head_without_eyes_is_refused_where_they_are_needed(name: str) -> None:
    with pytest.raises(ConfigError, match="no joint left_eye and no joint right_eye"):
        interventions.build(name).require(without_eyes(), SCENE)


def test_distance_needs_perspective() -> None:
    distance = interventions.build("distance")
    for scene in (
        dataclasses.replace(SCENE, framing=Framing(distance=0.0)),
        dataclasses.replace(SCENE, camera=orthographic(8.0)),
    ):
        with pytest.raises(ConfigError, match=r"render.distance = 0.0: must be more than 0"):
            distance.require(toy_head(), scene)
    camera = Perspective(jnp.array([0.0, 0.0, 0.8]), jnp.float32(8.0), jnp.zeros(2))
    distance.require(toy_head(), dataclasses.replace(SCENE, camera=camera))


def test_no_intervention_reads_a_head_that_lacks_nothing_as_lacking(tmp_path: Path) -> None:
    """FLAME's format, and the bundled head, without an exception for those that need no named direction."""
    for head in (bundled(), flame(tmp_path)):
        for name in REGISTRY:
            if head.identity_names or name not in ("age", "sex", "hair"):
                interventions.build(name).require(head, SCENE)


def test_an_unchanged_face_of_another_format_stays_the_same(tmp_path: Path) -> None:
    """One program for all pictures: of a FLAME head under three interventions."""
    head = flame(tmp_path)
    params = dataclasses.replace(neutral(head), expression=neutral(head).expression + 0.5)
    scene = Scene(size=24, supersample=1)
    plain = render.image(head, params, scene)
    for intervention in (Palsy(), SkinTone(), Yaw()):
        picture = interventions.image(intervention, head, params, scene, intervention.dose.unchanged, 1.0)
        np.testing.assert_allclose(picture, plain, atol=1e-6)
