"""FLAME as its authors publish it, its texture and its masks."""

import pickle
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face import HeadConfig, load, neutral, sample_population, texture
from jaxface.face.loaders import describe
from jaxface.face.sides import left_weights
from tests.flame_files import (
    VERTICES,
    flame_arrays,
    layout_arrays,
    text,
    write_albedo_mm,
    write_bfm_texture,
    write_flame_npz,
    write_flame_pickle,
    write_flame_pickle_2023,
    write_flame_texture,
    write_head_template,
    write_pickle,
)


def changed(**changes: Any) -> dict[str, np.ndarray]:
    return {**flame_arrays(), **changes}


@pytest.mark.parametrize("form", ["npz", "csc pickle", "csr pickle", "2023 pickle"])
def test_every_array_arrives_in_its_place(tmp_path: Path, form: str) -> None:
    arrays = flame_arrays()
    path = tmp_path / "flame.model"  # the name says nothing: the content does
    if form == "npz":
        with path.open("wb") as file:
            np.savez(file, **arrays)
    elif form == "2023 pickle":
        write_flame_pickle_2023(path, arrays)
    else:
        write_flame_pickle(path, arrays, layout=form.split()[0])
    head = load(path)
    for came, expected in (
        (head.template, arrays["v_template"]),
        (head.faces, arrays["f"]),
        (head.identity_basis, arrays["shapedirs"][..., :100]),
        (head.expression_basis, arrays["shapedirs"][..., 300:350]),
        (head.pose_basis, arrays["posedirs"]),
        (head.joint_regressor, arrays["J_regressor"]),
        (head.skinning_weights, arrays["weights"]),
    ):
        np.testing.assert_array_equal(came, expected.astype(came.dtype))
    assert head.parents == (-1, 0, 1, 1, 1)
    assert head.shared_basis is None and head.mirror is None
    np.testing.assert_array_equal(head.expressions.lower, jnp.full(50, -3.0))
    np.testing.assert_array_equal(head.expressions.upper, jnp.full(50, 3.0))
    assert head.expressions.units is None and head.expressions.prototypes.shape == (0, 50)
    np.testing.assert_array_equal(
        head.left_weight, left_weights(jnp.asarray(arrays["v_template"][:, 0], jnp.float32), 0.008)
    )


def test_the_user_may_choose_sizes_and_the_papers_hard_split(tmp_path: Path) -> None:
    arrays = flame_arrays()
    path = write_flame_npz(tmp_path / "flame.npz", arrays)
    head = load(path, identity_components=300, expression_components=100, midline_width=0)
    np.testing.assert_array_equal(head.identity_basis, arrays["shapedirs"][..., :300].astype(np.float32))
    np.testing.assert_array_equal(head.expression_basis, arrays["shapedirs"][..., 300:].astype(np.float32))
    np.testing.assert_array_equal(head.left_weight, arrays["v_template"][:, 0] > 0)
    people = sample_population(jnp.asarray([0, 1], jnp.uint32), head, 2)
    assert people.identity.shape == (2, 300) and people.albedo.shape == (2, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapedirs": np.zeros((VERTICES, 3, 150))}, r"shapedirs is float64 \(60, 3, 150\), FLAME has"),
        ({"J_regressor": np.zeros((4, VERTICES))}, "J_regressor"),
        ({"weights": np.full((VERTICES, 5), 0.3)}, "sum to one"),
        ({"v_template": np.full((VERTICES, 3), np.nan)}, "not finite"),
        ({"f": np.array([[0, 1, VERTICES]])}, "outside 0..59"),
        ({"v_template": flame_arrays()["v_template"] * [-1, 1, 1]}, "left eye"),
        ({"kintree_table": np.array([[0, 2, 1, 1, 1], [0, 1, 2, 3, 4]])}, "parents before children"),
        ({"posedirs": np.array(["x"])}, "posedirs"),
    ],
)
def test_unfit_arrays_are_named_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", changed(**changes))
    with pytest.raises(ModelFileError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_without_chumpy_is_read_at_every_protocol(tmp_path: Path, protocol: int) -> None:
    arrays = flame_arrays()
    head = load(write_flame_pickle_2023(tmp_path / "flame2023.pkl", arrays, protocol))
    np.testing.assert_array_equal(head.joint_regressor, arrays["J_regressor"].astype(np.float32))
    np.testing.assert_array_equal(head.template, arrays["v_template"].astype(np.float32))


def test_a_folder_as_it_is_downloaded(tmp_path: Path) -> None:
    for name in ("flame2023_no_jaw.pkl", "flame2023.pkl"):
        write_flame_pickle_2023(tmp_path / name, flame_arrays())
    assert load(tmp_path).source == "flame2023.pkl"
    assert describe(tmp_path).readable and describe(tmp_path).kind == "flame-pickle"
    write_flame_pickle(tmp_path / "generic_model.pkl", flame_arrays())
    assert load(str(tmp_path)).source == "generic_model.pkl"


def test_a_pickle_of_something_else_is_told(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "smpl.pkl", {"weights": text("none"), "betas": text("x")})
    with pytest.raises(ModelFileError, match="not a FLAME model; it holds"):
        load(path)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"identity_components": 301}, ModelFileError),
        ({"expression_components": 0}, ModelFileError),
        ({"expression_space": "units"}, ConfigError),
        ({"midline_width": -0.1}, ConfigError),
    ],
)
def test_options_out_of_range_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    with pytest.raises(error):
        load(path, **options)


def test_the_texture_space_is_read_as_red_green_blue(tmp_path: Path) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    head = load(path, texture=write_flame_texture(tmp_path / "texture.npz"))
    base = neutral(head)
    assert base.albedo.shape == (50,) and head.population.mean.shape == (1, 150)
    picture = texture(head.appearance, base.albedo)[..., :3] ** (1 / 2.2)
    np.testing.assert_allclose(picture, np.broadcast_to([0.8, 0.4, 0.2], (16, 16, 3)), atol=1e-3)
    changed_albedo = base.albedo.at[3].set(2.0)
    came = texture(head.appearance, changed_albedo)[..., :3] ** (1 / 2.2)
    direction = np.load(tmp_path / "texture.npz")["tex_dir"][..., 3][..., ::-1] / 255
    np.testing.assert_allclose(came - picture, 2.0 * direction, atol=1e-3)


@pytest.mark.parametrize("beside", ["FLAME_texture.npz", "head_template.obj"])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_the_basel_texture_takes_its_layout_from_a_file_beside_it(
    tmp_path: Path, beside: str, scale: float
) -> None:
    arrays = flame_arrays()
    folder = tmp_path / "data"
    folder.mkdir()
    path = write_flame_npz(tmp_path / "flame.npz", arrays)
    bfm = write_bfm_texture(folder / "FLAME_albedo_from_BFM.npz")
    with np.load(bfm) as file:
        mean, basis = scale * file["MU"], scale * file["PC"]
    write_bfm_texture(bfm, MU=mean, PC=basis)
    with pytest.raises(ModelFileError, match=r"has no texture coordinates \(vt, ft\); put one of FLAME_tex"):
        load(path, texture=bfm)
    # Beside the texture, or beside the model.
    where = folder if scale == 1.0 else tmp_path
    if beside.endswith("obj"):
        write_head_template(where / beside, arrays["f"])
    else:
        write_flame_texture(where / beside)
    head = load(path, texture=bfm)
    layout = layout_arrays()
    np.testing.assert_allclose(head.uv, layout["vt"], atol=1e-6)
    whole = [len(set(corners)) == 3 for corners in arrays["f"].tolist()]  # random triangles, two are none
    np.testing.assert_array_equal(np.asarray(head.uv_faces)[whole], layout["ft"][whole])
    base = neutral(head)
    assert base.albedo.shape == (50,)
    picture = texture(head.appearance, base.albedo)[..., :3] ** (1 / 2.2)
    np.testing.assert_allclose(picture, np.broadcast_to([0.8, 0.4, 0.2], (16, 16, 3)), atol=1e-3)
    third = texture(head.appearance, base.albedo.at[3].set(2.0))[..., :3] ** (1 / 2.2)
    direction = basis[:, 3].reshape(16, 16, 3)[..., ::-1] / scale
    np.testing.assert_allclose(third - picture, 2.0 * direction, atol=1e-3)
    for words in ("Basel Face Model", "50 of 199", f"values 0..{scale:.0f}", f"layout of {beside}"):
        assert words in head.source


def test_the_diffuse_albedo_of_albedo_mm_is_shown_in_display_values(tmp_path: Path) -> None:
    """Linear light 0.5^2.2 (.5, 1, 1.5), blue first: its display value, and the slope there."""
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    file = write_albedo_mm(tmp_path / "albedoModel2020_FLAME_albedoPart.npz")
    head = load(path, texture=file, texture_components=145)
    base = neutral(head)
    picture = texture(head.appearance, base.albedo)[..., :3]
    linear = 0.5**2.2 * np.array([1.5, 1.0, 0.5])
    np.testing.assert_allclose(picture, np.broadcast_to(linear, (16, 16, 3)), atol=1e-3)
    little = texture(head.appearance, base.albedo.at[7].set(0.1))[..., :3]
    with np.load(file) as arrays:
        direction = arrays["PC"][..., 7][..., ::-1]
    np.testing.assert_allclose(little - picture, 0.1 * direction, atol=1e-4)
    assert "AlbedoMM" in head.source and "145 of 145" in head.source


def test_texture_components_may_be_chosen(tmp_path: Path) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    file = write_flame_texture(tmp_path / "FLAME_texture.npz")
    for number in (1, 60):
        head = load(path, texture=file, texture_components=number)
        assert head.population.mean.shape == (1, 100 + number)
        assert neutral(head).albedo.shape == (number,)
    with pytest.raises(ModelFileError, match="has 60 texture components, not 61"):
        load(path, texture=file, texture_components=61)
    with pytest.raises(ConfigError, match="texture_components = 5: there is no texture"):
        load(path, texture_components=5)
    config = HeadConfig(str(path), texture=str(file), texture_components=4, identity_components=7)
    sizes = load(path, **config.head_options)
    assert sizes.identity_basis.shape[-1] == 7 and neutral(sizes).albedo.shape == (4,)


def test_a_template_of_another_mesh_is_refused(tmp_path: Path) -> None:
    arrays = flame_arrays()
    path = write_flame_npz(tmp_path / "flame.npz", arrays)
    write_head_template(tmp_path / "head_template.obj", np.roll(arrays["f"], 1, axis=1) // 2)
    with pytest.raises(ModelFileError, match="is not among its polygons"):
        load(path, texture=write_bfm_texture(tmp_path / "FLAME_albedo_from_BFM.npz"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MU": np.zeros(100)}, "no square picture of three channels"),
        ({"PC": np.zeros((100, 199))}, "no texture space of pictures"),
        ({"MU": np.full(16 * 16 * 3, np.nan)}, "MU does not hold finite"),
        ({"PC": np.full((16 * 16 * 3, 60), np.inf)}, "PC does not hold finite"),
    ],
)
def test_an_unfit_basel_texture_is_named(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    with pytest.raises(ModelFileError, match=message):
        load(path, texture=write_bfm_texture(tmp_path / "FLAME_albedo_from_BFM.npz", **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ft": np.zeros((79, 3), int)}, "the model has 80 triangles"),
        ({"ft": np.full((80, 3), 70)}, "outside 0..69"),
        ({"tex_dir": np.zeros((8, 8, 3, 4))}, "no texture space"),
    ],
)
def test_an_unfit_texture_is_named(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    with pytest.raises(ModelFileError, match=message):
        load(path, texture=write_flame_texture(tmp_path / "texture.npz", **changes))


def test_masks_colour_lips_and_hair(tmp_path: Path) -> None:
    path, masks = write_flame_npz(tmp_path / "flame.npz", flame_arrays()), tmp_path / "masks.pkl"
    lips, scalp = np.arange(20), np.arange(40, 60)
    masks.write_bytes(pickle.dumps({"face": np.arange(60), "lips": lips, "scalp": scalp}, 2))
    head, plain = load(path, masks=masks), load(path)
    colours = np.asarray(head.appearance.mean)[1, 2::4]

    def colour(model: Any, members: np.ndarray) -> np.ndarray:
        inside = np.isin(model.faces, members).all(axis=1)
        assert inside.any()
        return colours[np.asarray(model.uv_faces)[inside, 0]]

    assert not np.isclose(colour(head, lips), colour(plain, lips)).all()
    assert (colour(head, scalp).sum(1) < 1.0).all() and (colour(plain, scalp).sum(1) > 1.0).all()


def test_masks_of_another_mesh_are_refused(tmp_path: Path) -> None:
    path, masks = write_flame_npz(tmp_path / "flame.npz", flame_arrays()), tmp_path / "masks.pkl"
    masks.write_bytes(pickle.dumps({"face": np.arange(61)}, 2))
    with pytest.raises(ModelFileError, match="no list of vertices of a head with 60"):
        load(path, masks=masks)
    masks.write_bytes(pickle.dumps({"other": np.arange(6)}, 2))
    with pytest.raises(ModelFileError, match="not FLAME's masks"):
        load(path, masks=masks)
