"""The nets for photographs against the npm package itself, quantity by quantity (tests/data/face_api.npz)."""

from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxface import classify, photos
from jaxface.classify import checkpoints
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.photos import as_package, weights
from jaxface.photos.detection import apply_net
from tools.face_api_goldens import SIZES, write_age_net

PIXEL = 1e-3
"""Of a box's width: float32 in another order of summation. Most differ by less than 1e-6."""


@cache
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "data/face_api.npz") as file:
        return dict(file)


def config(size: int, landmarks: str = "landmarks") -> photos.DetectConfig:
    return photos.DetectConfig(
        sizes=(size,), score=0.3, passes=1, copies=1, resampling="package", landmarks=landmarks
    )


@cache
def nets(landmarks: str = "landmarks") -> photos.Nets:
    return photos.load_nets(config(224, landmarks))


@pytest.mark.parametrize("size", SIZES)
def test_the_detectors_grid_is_the_packages(size: int) -> None:
    square, _ = as_package.whole(photos.as_image(answers()["picture"]), size)
    grid = apply_net(nets().detector, [square])
    np.testing.assert_allclose(grid.reshape(1, *grid.shape[1:3], -1), answers()[f"{size} logits"], atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("landmarks", "name"), [("landmarks", "points"), ("landmarks-small", "tinyPoints")])
def test_boxes_scores_and_points_are_the_packages(size: int, landmarks: str, name: str) -> None:
    faces = photos.detect(answers()["picture"], config(size, landmarks), nets(landmarks))
    width = np.ptp(answers()[f"{size} box"][:, ::2], axis=1)[:, None]
    np.testing.assert_array_less(np.abs(faces.boxes - answers()[f"{size} box"]) / width, PIXEL)
    np.testing.assert_allclose(faces.scores, answers()[f"{size} score"], atol=1e-5)
    points = answers()[f"{size} {name}"] + answers()[f"{size} corner"][:, None, :2]
    np.testing.assert_array_less(np.abs(faces.points - points) / width[..., None], PIXEL)


def test_age_sex_and_expressions_are_the_packages(tmp_path: Path) -> None:
    """With weights that nobody trained: those of the package are not bundled."""
    write_age_net(tmp_path)
    picture = photos.as_image(answers()["picture"])
    squares = [as_package.face(picture, box)[0] for box in answers()["416 box"]]
    numbers = apply_net(weights.load("age-sex", tmp_path), squares)
    np.testing.assert_allclose(numbers[:, :1], answers()["416 age"], rtol=1e-4)
    sex = np.asarray(jax.nn.softmax(numbers[:, 1:]))
    np.testing.assert_allclose(sex, answers()["416 gender"][:, 0], atol=1e-4)
    expressions = classify.load("face-api").probabilities(np.stack(squares) / 255.0)
    np.testing.assert_allclose(expressions, answers()["416 expressions"][:, 0], atol=1e-4)


def test_age_and_sex_of_the_faces_of_a_picture(tmp_path: Path) -> None:
    write_age_net(tmp_path)
    net = photos.load_age_net(tmp_path)
    faces = photos.detect(answers()["picture"], config(224), nets())
    age, male = photos.age_and_sex(answers()["picture"], faces, net)
    assert age.shape == male.shape == (2,) and np.isfinite(age).all()
    assert ((male > 0) & (male < 1)).all() and age[0] != age[1]
    assert photos.age_and_sex(answers()["picture"], faces.take(slice(0)), net)[0].shape == (0,)


@pytest.mark.parametrize("name", ["detector", "landmarks", "landmarks-small"])
def test_bundled_weights_are_bytes_under_the_published_names(name: str) -> None:
    path = Path(weights.__file__).parent / f"assets/{name}.npz"
    with np.load(path) as file:
        arrays = dict(file)
    ranges = arrays.pop(weights.RANGES)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    assert len(ranges) == len(arrays)
    shapes = {key: array.shape for key, array in arrays.items()}
    assert shapes == weights.published_shapes(weights.ENTRIES[name])


def test_a_manifest_of_another_net_is_refused(tmp_path: Path) -> None:
    write_age_net(tmp_path)
    manifest = tmp_path / weights.ENTRIES["age-sex"].manifest
    assert len(checkpoints.read(manifest)) == len(weights.published_shapes(weights.ENTRIES["age-sex"]))
    with pytest.raises(CheckpointError, match="does not fit the net"):
        weights.load("landmarks", manifest)


def test_what_is_not_bundled_says_which_file_it_wants() -> None:
    with pytest.raises(ConfigError, match="age_gender_model-weights_manifest"):
        weights.load("age-sex")
    with pytest.raises(ConfigError, match="did you mean"):
        weights.load("landmark")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (100,)}, "multiples of 32"),
        ({"sizes": ()}, "empty"),
        ({"copies": 3}, "even"),
        ({"resampling": "package"}, "passes and copies"),
    ],
)
def test_settings_that_cannot_be(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        photos.DetectConfig(**settings)
