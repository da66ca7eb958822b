"""A head that looks like a photograph: fitted, refused where it is poor, audited as a person."""

import csv
import dataclasses
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxface import classify, face
from jaxface.audit import AuditConfig, likeness, likeness_files
from jaxface.audit.like_config import LikeConfig
from jaxface.audit.likeness import Likeness, LikenessError
from jaxface.audit.people import load_people
from jaxface.cli import audit as command
from jaxface.core.errors import ConfigError, StoreError
from jaxface.data import rendered
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import default_scene
from jaxface.face import landmarks
from jaxface.photos import DetectConfig
from jaxface.report.likeness import summary_text, write_likenesses
from tests.test_observe_photos import person

CONFIG = LikeConfig(
    size=32,
    pixel_steps=0,
    levels=3,
    landmark_steps=120,
    detect=DetectConfig(sizes=(224,), copies=2),
)


@cache
def assets() -> rendered.SceneAssets:
    return likeness._assets(CONFIG.size)


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("like") / "somebody.png"
    Image.fromarray(person(0)).save(path)
    return path


@pytest.fixture(scope="module")
def fits(photograph: Path) -> list[Likeness]:
    return likeness.fit_photographs([photograph], [classify.load("face-api")], CONFIG)


def test_a_head_is_fitted_to_a_photograph(fits: list[Likeness]) -> None:
    (one,) = fits
    assert one.landmark_error < 0.08 and one.is_close(CONFIG) and np.isnan(one.pixel_error)
    assert one.crop.shape == one.picture.shape == (32, 32, 3) and one.strip.shape == (3, 32, 32, 3)
    assert 0.0 <= one.symmetry <= 1.0 and one.side in ("left", "right")
    np.testing.assert_allclose(one.levels, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(one.answers["face-api"].sum(1), 1.0, atol=1e-5)
    assert one.strip_answers["face-api"].shape == (3, 7)
    expression = rendered.intensities(assets(), one.face.activations)
    assert np.isfinite(np.asarray(expression)).all()


def test_the_side_that_moves_less_is_found() -> None:
    """With exact landmarks of a half smile; the left corner of the mouth stays behind."""
    names = assets().head.expressions.unit_names
    activations = jnp.zeros(len(names)).at[names.index("mouthSmile")].set(0.9)
    prior = assets().head.population
    size = assets().head.identity_basis.shape[-1]
    truth = rendered.Face(
        identity=prior.mean[0, :size],
        albedo=prior.mean[0, size:],
        activations=activations,
        turn=jnp.zeros(3),
        gaze=jnp.zeros(2),
        symmetry=jnp.float32(0.2),
        frozen_left=jnp.asarray(True),
    )
    scene = default_scene(assets(), jnp.asarray([2.9, 0.39, 0.0]), jnp.zeros((9, 3)))
    batch = jax.tree.map(lambda leaf: leaf[None], (truth, scene))
    marks = points(assets().rig, landmarks(assets().head), *batch)[0]
    result = likeness._fit(assets(), jnp.zeros((32, 32, 3)), marks, CONFIG)
    assert bool(result.face.frozen_left) and float(result.face.symmetry) < 0.6
    assert float(result.face.activations[names.index("mouthSmile")]) > 0.5


def test_close_people_are_audited(fits: list[Likeness], tmp_path: Path) -> None:
    path = likeness_files.write(tmp_path, fits, [classify.load("face-api")], CONFIG)
    people = load_people(AuditConfig(people=str(path)), face.load("bundled"))
    assert people is not None and people.names == ("somebody",)
    np.testing.assert_array_equal(people.identity[0], np.asarray(fits[0].face.identity))
    with (tmp_path / likeness_files.STRIPS).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7 and {row["symmetry"] for row in rows} == {"0", "0.5", "1"}
    total = sum(float(row["probability"]) for row in rows if row["symmetry"] == "0.5")
    assert total == pytest.approx(1.0, abs=1e-4)


def test_poor_fits_conclude_nothing(fits: list[Likeness], tmp_path: Path) -> None:
    far = dataclasses.replace(fits[0], landmark_error=0.2)
    assert not far.is_conclusive("face-api", CONFIG)
    with pytest.raises(LikenessError, match=r"off by 0\.200"):
        likeness_files.write(tmp_path, [far], [classify.load("face-api")], CONFIG)
    assert (tmp_path / likeness_files.FITS).is_file() and not (tmp_path / likeness_files.PEOPLE).exists()
    answers = {"face-api": np.eye(7)[:2]}
    unlike = dataclasses.replace(fits[0], answers=answers)
    assert unlike.difference("face-api") == 1.0 and not unlike.is_conclusive("face-api", CONFIG)
    alike = dataclasses.replace(fits[0], answers={"face-api": np.eye(7)[[2, 2]]})
    assert alike.is_conclusive("face-api", CONFIG)
    text = summary_text([far, unlike], CONFIG)
    assert "too far: not audited" in text and "nothing is concluded" in text


def test_the_page_shows_the_photograph_only_if_asked(fits: list[Likeness], tmp_path: Path) -> None:
    classifiers = [classify.load("face-api")]
    alike = [dataclasses.replace(fits[0], answers={"face-api": np.eye(7)[[2, 2]]})]
    page = write_likenesses(tmp_path, alike, classifiers, CONFIG).read_text()
    assert page.count("data:image/png") == 4 and "instead of" in page
    page = write_likenesses(tmp_path, alike, classifiers, CONFIG, pictures=True).read_text()
    assert page.count("data:image/png") == 5
    unlike = [dataclasses.replace(fits[0], answers={"face-api": np.eye(7)[:2]})]
    assert "concluded: the fit does not explain" in write_likenesses(
        tmp_path, unlike, classifiers, CONFIG
    ).read_text().replace("\n      ", " ")


def test_a_folder_holds_the_people_of_its_photographs(photograph: Path, tmp_path: Path) -> None:
    assert not likeness_files.claim(tmp_path, [photograph], CONFIG)
    (tmp_path / likeness_files.PEOPLE).write_bytes(b"")
    assert likeness_files.claim(tmp_path, [photograph], CONFIG)
    with pytest.raises(StoreError, match="size"):
        likeness_files.claim(tmp_path, [photograph], dataclasses.replace(CONFIG, size=64))
    with pytest.raises(LikenessError, match="no photograph at"):
        likeness_files.claim(tmp_path, [tmp_path / "none.jpg"], CONFIG)


def test_a_photograph_without_a_face_says_so(tmp_path: Path) -> None:
    Image.new("RGB", (120, 120), "grey").save(tmp_path / "wall.png")
    with pytest.raises(LikenessError, match=r"wall\.png: no face was found"):
        likeness.fit_photographs([tmp_path / "wall.png"], [], CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": AuditConfig(people="people.npz")}, "--people"),
        ({"settings": AuditConfig(head="flame.pkl")}, "read_codes"),
        ({"processes": 2}, "one process"),
    ],
)
def test_what_does_not_go_with_like(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        command.check_like(command.Audit(like=(Path("a.jpg"),), **change))


@pytest.mark.slow
def test_pixels_are_fitted_after_landmarks(photograph: Path) -> None:
    config = dataclasses.replace(CONFIG, pixel_steps=20, relaxed_steps=20)
    (one,) = likeness.fit_photographs([photograph], [], config)
    assert one.is_close(config) and 0.0 < one.pixel_error < 0.1
