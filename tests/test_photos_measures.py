"""Measures of a face from its landmarks: which side is larger, how far the head is turned, how sharp it is."""

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from jaxface import face
from jaxface.audit.observe import landmarks
from jaxface.face._landmarks import landmarks as head_landmarks
from jaxface.face._landmarks import mirror_order
from jaxface.photos import asymmetry, quality


@cache
def head_points() -> np.ndarray:
    """The 68 points of the mean head, (68, 3) metres, y up."""
    head = face.load("bundled")
    marks = head_landmarks(head)
    corners = np.asarray(head.template, np.float64)[np.asarray(marks.vertices)]
    return (corners * np.asarray(marks.weights)[..., None]).sum(1)


def picture_points(yaw: float = 0.0) -> np.ndarray:
    """The same in a picture from afar, (68, 2) pixels, the head turned to its own left by some degrees."""
    x, y, z = head_points().T
    turn = np.radians(yaw)
    return 2000.0 * np.stack([x * np.cos(turn) + z * np.sin(turn), -y], -1) + 300.0


def turned(points: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return scale * points @ np.array([[cosine, sine], [-sine, cosine]]) + [40.0, -9.0]


def test_a_symmetric_face_is_in_balance() -> None:
    for name, value in asymmetry.balance(picture_points()).items():
        assert abs(value) < (0.5 if name == "corner-angle" else 0.01), name


@pytest.mark.parametrize(
    ("rows", "shift", "measure", "sign"),
    [
        ((43, 44), (0.0, -4.0), "eye-opening", 1),
        ((37, 38), (0.0, -4.0), "eye-opening", -1),
        (tuple(range(22, 27)), (0.0, -8.0), "brow-height", 1),
        ((54,), (9.0, 0.0), "corner-excursion", 1),
        ((48,), (-9.0, 0.0), "corner-excursion", -1),
        ((54,), (0.0, -9.0), "corner-angle", 1),
        ((48,), (0.0, 9.0), "corner-angle", 1),
    ],
)
def test_a_side_that_moves_tips_its_measure(
    rows: tuple[int, ...], shift: tuple[float, float], measure: str, sign: int
) -> None:
    points = picture_points()
    points[list(rows)] += shift
    values = asymmetry.balance(points)
    assert sign * values[measure] > (5.0 if measure == "corner-angle" else 0.05)
    # position, size and roll do not matter; the mirror image has the opposite sign
    for name, value in asymmetry.balance(turned(points, 25.0, 0.3)).items():
        assert value == pytest.approx(values[name], abs=1e-6)
    for name, value in asymmetry.balance(points[mirror_order()] * [-1.0, 1.0]).items():
        assert value == pytest.approx(-values[name], abs=1e-6)


def test_lengths_are_in_interocular_distances() -> None:
    points = picture_points()
    points[[43, 44], 1], points[[46, 47], 1] = 100.0, 110.0
    points[[45, 42], 1], points[36:42, 1] = 105.0, 105.0
    distance = quality.interocular(points)
    assert asymmetry.sides(points)["eye-opening"].left == pytest.approx(10.0 / distance)


def test_missing_points_are_missing_and_the_rest_is_not() -> None:
    both = np.stack([picture_points(), np.full((68, 2), np.nan)])
    for values in asymmetry.balance(both).values():
        assert np.isnan(values).tolist() == [False, True]


def test_repeatability_is_the_deviation_over_copies() -> None:
    points = picture_points()
    copies = np.stack([points, points])[None]
    assert all(value == pytest.approx(0.0, abs=1e-9) for value in asymmetry.repeatability(copies).values())
    copies[0, 1, 54, 1] -= 9.0
    deviation = asymmetry.repeatability(copies)
    change = asymmetry.balance(copies[0, 1])["corner-angle"] - asymmetry.balance(points)["corner-angle"]
    assert deviation["corner-angle"][0] == pytest.approx(change / np.sqrt(2.0))
    assert np.isnan(asymmetry.repeatability(copies[:, :1])["corner-angle"]).all()


@pytest.mark.parametrize("angle", [-40.0, -15.0, 0.0, 15.0, 40.0])
def test_yaw_is_the_turn_to_the_persons_left(angle: float) -> None:
    assert quality.yaw(picture_points(angle)) == pytest.approx(angle, abs=2.0)
    assert quality.yaw(turned(picture_points(angle), 12.0, 2.0)) == pytest.approx(angle, abs=2.0)


def test_blur_lowers_sharpness() -> None:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (112, 112, 3), np.uint8))
    levels = [
        quality.sharpness(np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 2, 4)
    ]
    assert levels == sorted(levels, reverse=True) and levels[0] > 3 * levels[3]
    assert quality.sharpness(np.zeros((112, 112, 3), np.uint8)) == 0.0


def test_named_points_are_the_numbered_ones() -> None:
    points = np.random.default_rng(0).normal(size=(3, 68, 2))
    names = landmarks.from_numbered(points)
    np.testing.assert_array_equal(landmarks.to_numbered(names), points)
    del names["left_36"]
    assert landmarks.to_numbered(names) is None
