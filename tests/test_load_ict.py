"""ICT-FaceKit: the authors' folder, the compressed .npz, and the real model where it is at hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face import FaceModel, geometry, load, neutral, texture
from jaxface.face.loaders.ict import facial_units
from jaxface.face.loaders.ict_files import facts
from tests.ict_files import EYE_L, SmallIct, small_ict, write_folder, write_npz
from tests.shared import shared_file


@pytest.fixture(scope="module")
def small() -> SmallIct:
    return small_ict()


@pytest.fixture(scope="module")
def npz(small: SmallIct, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_npz(tmp_path_factory.mktemp("ict") / "ict.npz", small)


@pytest.fixture(scope="module")
def head(npz: Path) -> FaceModel:
    return load(npz)


def drawn(small: SmallIct) -> np.ndarray:
    parts = [small.part_names.index(name) for name in facts()["hidden"]]
    return ~np.isin(small.part, parts)


def test_folder_and_archive_are_the_same_model(small: SmallIct, head: FaceModel, tmp_path: Path) -> None:
    folder = load(write_folder(tmp_path / "FaceXModel", small))
    for name in ("template", "identity_basis", "expression_basis", "shared_basis"):
        # The folder writes 6 decimals of centimetres, the archive rounds positions to float32.
        np.testing.assert_allclose(getattr(folder, name), getattr(head, name), atol=5e-8, err_msg=name)
    np.testing.assert_allclose(folder.uv, head.uv, atol=2e-6)
    np.testing.assert_array_equal(folder.faces, head.faces)
    np.testing.assert_array_equal(folder.uv_faces, head.uv_faces)
    assert folder.expressions.names == head.expressions.names


def test_lengths_are_metres_and_lashes_are_left_out(small: SmallIct, head: FaceModel) -> None:
    mask = drawn(small)
    np.testing.assert_allclose(head.template, 0.01 * small.template[mask], atol=1e-7)
    identity = np.stack([small.shapes[f"identity{index:03d}"][mask] for index in range(3)], axis=-1)
    np.testing.assert_allclose(head.identity_basis, 0.01 * identity, atol=1e-8)
    assert head.faces.max() < mask.sum() == len(head.template)
    triangles = mask[small.quads].all(axis=1).sum() * 2
    assert len(head.faces) == triangles


def test_units_tie_left_and_right(small: SmallIct, head: FaceModel) -> None:
    names = head.expressions.names
    assert len(names) == 22
    both = 0.01 * (small.shapes["mouthSmile_L"] + small.shapes["mouthSmile_R"])[drawn(small)]
    np.testing.assert_allclose(head.expression_basis[..., names.index("mouthSmile")], both, atol=1e-8)
    assert head.expressions.action_units[names.index("mouthSmile")] == (12,)
    np.testing.assert_array_equal(head.expressions.units, np.eye(22))
    np.testing.assert_array_equal(head.expressions.lower, 0.0)
    np.testing.assert_array_equal(head.expressions.upper, 1.0)


def test_units_may_be_kept_apart(small: SmallIct, npz: Path) -> None:
    head = load(npz, expression_space="sided-units", identity_components=2)
    names = head.expressions.names
    assert "mouthSmile_L" in names and "mouthSmile" not in names and head.identity_basis.shape[-1] == 2
    left = 0.01 * small.shapes["mouthSmile_L"][drawn(small)]
    np.testing.assert_allclose(head.expression_basis[..., names.index("mouthSmile_L")], left, atol=1e-8)
    happy = head.expressions.prototypes[head.expressions.prototype_labels.index("happiness")]
    assert happy[names.index("mouthSmile_L")] == happy[names.index("mouthSmile_R")] > 0


def test_the_jaw_opens_whole(small: SmallIct, head: FaceModel) -> None:
    jaw = head.expressions.names.index("jawOpen")
    opening = 0.01 * small.shapes["jawOpen"][drawn(small)]
    np.testing.assert_allclose(head.shared_basis[..., jaw], opening, atol=1e-8)
    assert not np.asarray(head.expression_basis[..., jaw]).any()
    others = np.delete(np.asarray(head.shared_basis), jaw, axis=-1)
    assert not others.any()
    one = np.eye(22, dtype=np.float32)[jaw]
    half = geometry.expression_displacement(head, one, symmetry=0.0)
    np.testing.assert_array_equal(half, geometry.expression_displacement(head, one))


def test_joints_and_weights(small: SmallIct, head: FaceModel) -> None:
    joints = np.asarray(head.joint_regressor, np.float64) @ np.asarray(head.template)
    np.testing.assert_allclose(head.joint_regressor.sum(1), 1.0, atol=1e-4)
    np.testing.assert_allclose(joints[3:], 0.01 * np.stack([EYE_L, EYE_L * [-1, 1, 1]]), atol=1e-5)
    for index, name in enumerate(("root", "neck", "jaw")):
        np.testing.assert_allclose(joints[index], 0.01 * np.array(facts()["joints"][name]), atol=1e-5)
    np.testing.assert_allclose(head.skinning_weights.sum(1), 1.0, atol=1e-6)
    part = small.part[drawn(small)]
    left_eye = part == small.part_names.index("eyeball_L")
    np.testing.assert_array_equal(
        head.skinning_weights[left_eye], np.broadcast_to(np.eye(5)[3], (left_eye.sum(), 5))
    )
    lower = (part == small.part_names.index("teeth")) & (small.template[drawn(small), 1] < -3.5)
    assert np.asarray(head.skinning_weights)[lower, 2].min() > 0.99


def test_turning_the_jaw_bone_opens_what_the_shape_opens(small: SmallIct, head: FaceModel) -> None:
    base = neutral(head)
    params = dataclasses.replace(base, pose=base.pose.at[2, 0].set(0.1))
    displacement = np.asarray(geometry.vertices(head, params) - head.template)
    part = small.part[drawn(small)]
    lower = (part == small.part_names.index("teeth")) & (small.template[drawn(small), 1] < -3.5)
    assert (displacement[lower, 1] < -1e-3).all()


def test_a_given_picture_is_the_face_with_v_up(small: SmallIct, npz: Path, tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :, 0], picture[32:, :, 2] = 200, 200  # red above, blue below
    Image.fromarray(picture).save(tmp_path / "albedo.png")
    head = load(npz, texture=tmp_path / "albedo.png")
    own = small.part == small.part_names.index("face")
    own[small.landmarks] = False  # these lie where eyes are, not where their texture coordinates say
    face = own[drawn(small)][np.asarray(head.faces)].all(axis=1)
    rgb = np.asarray(texture(head.appearance, neutral(head).albedo))[..., :3]
    height, width = rgb.shape[:2]
    uv = np.asarray(head.uv)[np.asarray(head.uv_faces)[face]].reshape(-1, 2)
    pixel = rgb[((1 - uv[:, 1]) * height).astype(int), (uv[:, 0] * width).astype(int)]
    y = np.asarray(head.template)[np.asarray(head.faces)[face].reshape(-1), 1]
    high, low = y > 0.0, y < -0.04  # the sheet's v grows with y; its middle lies at -2 cm
    assert high.any() and low.any()
    assert (pixel[high, 0] > 0.3).all() and (pixel[high, 2] < 0.1).all()
    assert (pixel[low, 2] > 0.3).all() and (pixel[low, 0] < 0.1).all()


def test_a_picture_beside_the_model_is_found(small: SmallIct, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "ict.npz", small)
    Image.new("RGB", (8, 8), (0, 255, 0)).save(tmp_path / "ict_face_texture.png")
    mean = np.asarray(load(path).appearance.mean)
    np.testing.assert_allclose(
        mean[: mean.shape[0], : mean.shape[0]], np.broadcast_to([0, 1.0, 0], (384, 384, 3))
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": np.full((10, 3), 30_000)}, "faces holds indices outside"),
        ({"v_template": np.zeros((12, 3), np.float32)}, "shapedirs_identity is"),
        ({"shapedirs_identity_scale": np.full(3, np.nan, np.float32)}, "not finite"),
        ({"landmarks68": np.arange(5)}, r"landmarks68 has shape"),
        ({"part_names": np.array(["face"])}, "part holds indices outside"),
    ],
)
def test_unfit_archives_are_named(
    small: SmallIct, tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ModelFileError, match=message):
        load(write_npz(tmp_path / "ict.npz", small, **changes))


def test_a_folder_that_lacks_a_shape_names_it(small: SmallIct, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "FaceXModel", small, leave_out=["mouthSmile_R"])
    with pytest.raises(ModelFileError, match=r"no mesh \(\.obj\) at .*mouthSmile_R\.obj"):
        load(folder)
    cut = (folder / "identity001.obj").read_bytes()[:100_000]
    (folder / "identity001.obj").write_bytes(cut)
    with pytest.raises(ModelFileError, match=r"identity001\.obj"):
        load(folder)
    neutral_mesh = folder / "generic_neutral_mesh.obj"
    lines = neutral_mesh.read_text(encoding="ascii").splitlines()
    neutral_mesh.write_text("\n".join(lines[:100] + lines[-30:]), encoding="ascii")
    with pytest.raises(ModelFileError, match=r"name points outside|another mesh|no complete OBJ"):
        load(folder)


def test_options_out_of_range_are_refused(npz: Path) -> None:
    with pytest.raises(ModelFileError, match="has 3 identity components, not 4"):
        load(npz, identity_components=4)
    with pytest.raises(ConfigError, match="did you mean 'units'"):
        load(npz, expression_space="unit")
    with pytest.raises(ConfigError, match="no option 'masks'"):
        load(npz, masks="masks.pkl")


def test_every_unit_has_action_units_and_every_prototype_known_units() -> None:
    names = {unit.name for unit in facial_units(bilateral=True)}
    assert all(unit.action_units for unit in facial_units(bilateral=True))
    assert [unit.name for unit in facial_units(bilateral=True) if unit.whole] == ["jawOpen"]
    for prototype in facts()["prototypes"]:
        assert set(prototype["units"]) <= names
    left_out = {"cheekPuff", "mouthClose", "mouthLeft", "mouthRight", "jawForward", "jawLeft", "jawRight"}
    assert not names & left_out and not any(name.startswith("eyeLook") for name in names)


def test_the_real_model() -> None:
    head = load(shared_file("data/ict_face_lite.npz"))
    assert head.template.shape == (19615, 3) and head.faces.shape == (38972, 3)
    joints = np.asarray(head.joint_regressor @ head.template)
    np.testing.assert_allclose(joints[3], [0.0311645, 0.0360158, 0.0798230], atol=1e-6)
    names = head.expressions.names
    smile = np.asarray(head.expression_basis[..., names.index("mouthSmile")])
    x = np.asarray(head.template[:, 0])
    # A smile lifts both corners: as much on the subject's left as on the right.
    left, right = np.abs(smile[x > 0]).sum(), np.abs(smile[x < 0]).sum()
    assert abs(left - right) < 0.01 * left
    # The triangles of the forehead look out of the face.
    corners = np.asarray(head.template)[np.asarray(head.faces)]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    forehead = (corners[:, :, 1].mean(1) > 0.07) & (corners[:, :, 2].mean(1) > 0.09)
    assert (normal[forehead, 2] > 0).mean() > 0.99
    assert head.uv.min() >= 0.0 and head.uv.max() <= 1.0
