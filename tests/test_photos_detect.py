"""Faces in pictures of every kind that the decoder reads, and how their squares are cut."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface import photos
from jaxface.core.errors import ShapeError
from jaxface.core.image_files import ImageFileError
from jaxface.face._landmarks import mirror_order
from jaxface.photos import asymmetry, boxes, detection, resampling, squares
from jaxface.photos.faces import FaceError

ALL = photos.DetectConfig(which="all", copies=2, sizes=(224,))


@cache
def picture() -> np.ndarray:
    """Two rendered people, (190, 330, 3) uint8."""
    with np.load(Path(__file__).parent / "data/face_api.npz") as file:
        return file["picture"]


@cache
def one_person() -> np.ndarray:
    return picture()[:, 170:]


@cache
def nets() -> photos.Nets:
    return photos.load_nets()


@cache
def faces() -> photos.Faces:
    return photos.detect(picture(), ALL, nets())


def interocular(face: photos.Faces) -> float:
    return float(np.linalg.norm(face.eyes[0, 0] - face.eyes[0, 1]))


def test_both_faces_are_found_with_eyes_on_the_persons_own_sides() -> None:
    assert len(faces()) == 2
    assert set((faces().points[:, 30, 0] > 165).tolist()) == {False, True}  # a nose in each half
    left, right = faces().eyes[:, 0], faces().eyes[:, 1]
    assert (left[:, 0] > right[:, 0] + 20).all()
    inside = (faces().points > 0) & (faces().points < np.array([330, 190]))
    assert inside.all()
    assert (faces().spread > 0).all() and (faces().spread < 0.1).all()


def test_a_mirrored_picture_has_mirrored_points() -> None:
    face = photos.detect(one_person(), ALL, nets()).choose("largest")
    reflection = photos.detect(np.ascontiguousarray(one_person()[:, ::-1]), ALL, nets()).choose("largest")
    points = reflection.points[:, mirror_order()] * [-1.0, 1.0] + [one_person().shape[1], 0.0]
    assert np.abs(points - face.points).max() < 0.06 * interocular(face)


def test_a_larger_picture_with_a_border_has_the_same_points() -> None:
    face = photos.detect(one_person(), ALL, nets()).choose("largest")
    image = Image.fromarray(one_person()).resize((640, 760), Image.Resampling.BICUBIC)
    wide = Image.new("RGB", (1100, 900), (60, 60, 60))
    wide.paste(image, (300, 80))
    other = photos.detect(wide, ALL, nets()).choose("largest")
    points = (other.points - [300, 80]) / 4.0
    assert np.linalg.norm(points - face.points, axis=-1).mean() < 0.06 * interocular(face)


TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_tags_are_honoured(tmp_path: Path, orientation: int) -> None:
    image, turn = Image.fromarray(picture()), TURNS[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    (image if turn is None else image.transpose(turn)).save(tmp_path / "turned.png", exif=exif)
    upright = photos.detect(tmp_path / "turned.png", ALL, nets())
    np.testing.assert_allclose(upright.points, faces().points, atol=1e-3)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "I;16"])
def test_every_kind_of_picture_is_read(tmp_path: Path, mode: str) -> None:
    """As the same pixels in RGB."""
    image = Image.fromarray(picture())
    path = tmp_path / ("picture.tif" if mode in ("CMYK", "I;16") else "picture.png")
    same = image
    if mode == "I;16":
        same = image.convert("L")
        image = Image.fromarray(np.asarray(same).astype(np.uint16) * 257)
    elif mode == "RGBA":
        image.putalpha(255)
    else:
        image = same = image.quantize(256) if mode == "P" else image.convert(mode)
    image.save(path)
    others = photos.detect(path, ALL, nets())
    assert len(others) == 2
    np.testing.assert_allclose(others.points, photos.detect(same, ALL, nets()).points, atol=1e-3)


def test_floats_are_read_as_bytes() -> None:
    others = photos.detect(picture() / np.float32(255.0), ALL, nets())
    np.testing.assert_allclose(others.points, faces().points, atol=1e-3)


def test_programs_are_compiled_once_for_pictures_of_all_sizes() -> None:
    photos.detect(picture(), ALL, nets())
    n_programs = detection._apply._cache_size()
    for height, width in ((150, 330), (64, 64), (190, 200), (1, 1)):
        photos.detect(picture()[:height, :width], ALL, nets())
    assert detection._apply._cache_size() == n_programs


def test_batches_and_single_pictures_agree() -> None:
    both = photos.detect_many([picture(), one_person(), np.zeros((50, 40, 3), np.uint8)], ALL, nets())
    assert [len(each) for each in both] == [2, 1, 0]
    np.testing.assert_allclose(both[0].points, faces().points, atol=1e-3)


def test_several_faces_are_taken_as_one_says() -> None:
    assert len(faces().choose("all")) == 2
    areas = np.prod(faces().boxes[:, 2:] - faces().boxes[:, :2], axis=1)
    np.testing.assert_array_equal(faces().choose("largest").boxes[0], faces().boxes[areas.argmax()])
    with pytest.raises(FaceError, match="2 faces"):
        faces().choose("one")
    with pytest.raises(FaceError, match="no face"):
        photos.detect(np.full((80, 80, 3), 130, np.uint8), ALL, nets()).choose("largest")


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="height, width, 3"):
        photos.detect(np.zeros((4, 4)), ALL, nets())
    with pytest.raises(ShapeError, match="divide by 255"):
        photos.detect(np.full((4, 4, 3), 200.0), ALL, nets())
    with pytest.raises(ShapeError, match="int64"):
        photos.detect(np.zeros((4, 4, 3), np.int64), ALL, nets())
    with pytest.raises(ImageFileError, match="no such file"):
        photos.detect(tmp_path / "none.png", ALL, nets())


def test_overlapping_boxes_are_one_face() -> None:
    rows = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10]], float)
    np.testing.assert_array_equal(boxes.suppress(rows, np.array([0.6, 0.9, 0.7]), 0.4), [1, 2])
    assert boxes.shared(rows[0], rows[1:]).tolist() == pytest.approx([81 / 119, 0.0])


def test_a_square_shows_the_part_that_its_matrix_names() -> None:
    ramp = np.zeros((400, 300, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(300)[None] % 250, (np.arange(400) // 2)[:, None]
    matrix = np.array([[2.0, 0.0, 40.0], [0.0, 2.0, 100.0]])  # blocks of two pixels
    square = resampling.resample(Image.fromarray(ramp), matrix, 50).astype(float)
    np.testing.assert_allclose(square[5:45, 5:45, 0], np.tile(2 * np.arange(5, 45) + 40.5, (40, 1)), atol=0.51)
    whole, back = resampling.contain(Image.fromarray(ramp), 100, margin=0.25)
    np.testing.assert_allclose(back @ [50 / 3, 50 / 3, 1.0], [0.0, 0.0], atol=3.0)
    assert whole[:16].max() == 0 and whole[20:70, 20:60].max() > 0


def test_a_turned_face_is_cut_upright() -> None:
    points = faces().points[0]
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for each in (points, points @ turn.T):
        matrix = squares.around_points(each)
        inside = (each - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T / squares.FACE_SIZE
        assert inside.min() > 0.05 and inside.max() < 0.95
        eyes = inside[36:42].mean(0), inside[42:48].mean(0)
        assert eyes[0][1] == pytest.approx(eyes[1][1]) and eyes[0][0] < eyes[1][0]


def test_copies_of_a_square_see_the_same_points() -> None:
    matrix = squares.around_points(faces().points[0])
    np.testing.assert_array_equal(squares.jittered(matrix, 0), matrix)
    for copy in range(6):
        inside = squares.jittered(matrix, copy)
        middle = inside @ [56.0, 56.0, 1.0]
        far = np.linalg.norm(middle - matrix @ [56.0, 56.0, 1.0])
        assert far <= 0.04 * squares.FACE_SIZE * np.sqrt(np.linalg.det(matrix[:, :2]))


def test_a_mirrored_square_is_the_cut_of_its_matrix() -> None:
    image, matrix = photos.as_image(one_person()), squares.jittered(squares.around_points(faces().points[0]), 1)
    square, mirrored_matrix = squares.mirrored(squares.face(image, matrix), matrix)
    assert np.linalg.det(mirrored_matrix[:, :2]) < 0
    difference = square.astype(int) - squares.face(image, mirrored_matrix)
    assert np.abs(difference).max() <= 1  # rounding


def test_a_half_with_its_mirror_image_is_a_symmetric_face() -> None:
    square = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    right, left = squares.chimeras(square)
    for face in (right, left):
        np.testing.assert_array_equal(face, face[:, ::-1])
    np.testing.assert_array_equal(right[:, :3], square[:, :3])  # the person's right is on the left
    np.testing.assert_array_equal(left[:, 3:], square[:, 3:])


def test_a_crooked_mouth_is_measured_in_faces_of_one_half_each() -> None:
    """The left corner of a painted mouth is higher: the whole face hides that from the net."""
    straight = one_person().copy()
    crooked = straight.copy()
    face = photos.detect(straight, ALL, nets()).choose("largest")
    x, y = (round(each) for each in face.points[0, 57])
    # the person's left half of the mouth's region moves up
    width, height, lift = round(0.6 * interocular(face)), round(0.3 * interocular(face)), 6
    top = y - 2 * height
    crooked[top - lift : y + height - lift, x : x + width] = straight[top : y + height, x : x + width]
    angles = {}
    for halves in (False, True):
        config = photos.DetectConfig(which="all", copies=2, sizes=(224,), halves=halves)
        before, after = (
            asymmetry.balance(photos.detect(image, config, nets()).choose("largest").points)["corner-angle"][0]
            for image in (straight, crooked)
        )
        angles[halves] = after - before
    assert angles[True] > 4.0 and angles[True] > 1.3 * angles[False]


def test_mouths_of_halves_are_put_on_their_own_sides() -> None:
    copies, halves = np.zeros((1, 2, 68, 2)), np.ones((1, 2, 2, 68, 2))
    halves[:, :, 1] = 3.0
    points = squares.with_mouths(copies, halves)[0]
    assert (points[:, :48] == 0).all()
    for side, number in ((mirror_order()[54], 1.0), (54, 3.0), (57, 2.0), (66, 2.0), (60, 1.0), (64, 3.0)):
        assert (points[:, side] == number).all()


def test_the_midline_of_a_face_is_the_middle_of_its_square() -> None:
    points = faces().points[0]
    matrix = squares.about_midline(squares.around_points(points), points)
    inside = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    eyes = np.mean([inside[36:42, 0].mean(), inside[42:48, 0].mean()])
    assert 0.5 * (inside[27:31, 0].mean() + eyes) == pytest.approx(56.0)
