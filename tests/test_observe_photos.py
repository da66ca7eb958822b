"""An observation of a folder of raw photographs: faces found, corrected by hand, left out and named."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface.audit import observe
from jaxface.audit.observe import ObserveConfig, ObserveResult, faces, folders
from jaxface.core.errors import ConfigError, LabelError, StoreError
from jaxface.photos import DetectConfig, asymmetry
from jaxface.report import observation_faces, write_observation
from tests.photographs import CLASSIFIER

FAST = DetectConfig(sizes=(224,), passes=1, copies=2)
SETTINGS = ObserveConfig(
    classifiers=(CLASSIFIER,), tests=("kci",), features=("pixel", "corner-angle"), detect=FAST
)


def person(index: int) -> np.ndarray:
    """One of two rendered people, (190, 160, 3) uint8."""
    with np.load(Path(__file__).parent / "data/face_api.npz") as file:
        return file["picture"][:, :160] if index == 0 else file["picture"][:, 170:]


def write_folder(folder: Path) -> Path:
    """Write 22 photographs in class folders of two groups, and bad files among them."""
    random = np.random.default_rng(0)
    for group in ("patient", "proband"):
        for label in ("happiness", "sad"):
            place = folder / group / label
            place.mkdir(parents=True)
            for number in range(4):
                picture = person(number % 2) + random.normal(0.0, 5.0, (190, 160, 3))
                image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
                image.save(place / f"{number}.jpg", quality=92)
    happy = folder / "patient" / "happiness"
    (happy / "cut.jpg").write_bytes((happy / "0.jpg").read_bytes()[:900])
    (happy / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    Image.new("RGB", (1, 1)).save(happy / "dot.png")
    huge = Image.new("1", (30_000, 30_000))
    huge.save(happy / "huge.png")
    Image.new("RGB", (200, 200), "grey").save(happy / "wall.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ObserveResult:
    base = tmp_path_factory.mktemp("photos")
    write_folder(base / "in")
    return observe.run(dataclasses.replace(SETTINGS, photos=str(base / "in")), base / "out")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def edit(path: Path, **changes: dict[str, str]) -> None:
    """Change cells of `faces.csv`; a keyword is a part of a path."""
    rows = rows_of(path)
    for row in rows:
        for part, cells in changes.items():
            if part in row["path"]:
                row.update(cells)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_every_bad_file_gets_a_line_and_the_rest_goes_on(result: ObserveResult) -> None:
    reasons = {Path(path).name: reason for path, reason in result.left_out}
    assert set(reasons) == {"cut.jpg", "phone.heic", "dot.png", "huge.png", "wall.png"}
    assert all("\n" not in reason for reason in reasons.values())
    assert "truncated" in reasons["cut.jpg"] and "none of JPEG" in reasons["phone.heic"]
    assert "million pixels" in reasons["huge.png"]
    assert reasons["wall.png"] == reasons["dot.png"] == "no face was found"
    assert result.measurements.used.sum() == 16


def test_folders_tell_labels_and_groups(result: ObserveResult) -> None:
    table = result.photographs
    assert set(table.label) == {"happiness", "sadness"} and set(table.group) == {"patient", "proband"}
    row = table.path.index("proband/sad/2.jpg")
    assert (table.label[row], table.group[row]) == ("sadness", "proband")


def test_crops_are_framed_by_the_eyes_that_were_found(result: ObserveResult) -> None:
    eyes = np.stack([result.photographs.eyes(row) for row in np.flatnonzero(result.measurements.used)])
    assert (eyes[:, 0, 0] > eyes[:, 1, 0] + 30).all()  # the person's left is on the right
    assert ((eyes > 20) & (eyes < 160)).all()
    logits = result.measurements.logits["brightness"][result.measurements.used]
    assert np.isfinite(logits).all()
    assert result.photographs.unframed == 0


def test_faces_csv_tells_the_quality(result: ObserveResult) -> None:
    rows = {row["path"]: row for row in rows_of(result.folder / faces.TABLE)}
    assert len(rows) == 21
    row = rows["patient/happiness/1.jpg"]
    assert row["use"] == "yes" and row["faces"] == "1" and float(row["score"]) > 0.5
    assert 30 < float(row["interocular"]) < 70 and abs(float(row["yaw"])) < 20
    assert 0 < float(row["sharpness"]) < 1 and 0 < float(row["deviation corner-angle"]) < 20
    assert rows["patient/happiness/wall.png"]["use"] == "no"


def test_the_sides_are_written_down(result: ObserveResult) -> None:
    rows = [row for row in rows_of(result.folder / "asymmetry.csv") if row["measure"] == "eye-opening"]
    assert len(rows) == 16
    for row in rows:
        assert float(row["balance"]) == pytest.approx(
            np.log(float(row["left"]) / float(row["right"])), abs=1e-5
        )


def test_a_second_run_reads_what_a_person_corrected(result: ObserveResult, tmp_path: Path) -> None:
    config = dataclasses.replace(SETTINGS, photos=str(result.photographs.folder))
    before = {path: row for row, path in enumerate(result.photographs.path)}
    edit(
        result.folder / faces.TABLE,
        **{
            "proband/sad/1.jpg": {"left_eye_x": "120", "left_eye_y": "90"},
            "proband/sad/3.jpg": {"use": "no", "reason": ""},
            "wall.png": {
                "use": "yes",
                "reason": "",
                "left_eye_x": "120",
                "left_eye_y": "90",
                "right_eye_x": "80",
                "right_eye_y": "90",
            },
        },
    )
    again = observe.run(config, result.folder)
    assert again.photographs.eyes(before["proband/sad/1.jpg"])[0].tolist() == [120.0, 90.0]
    reasons = dict(again.left_out)
    assert reasons["proband/sad/3.jpg"] == "left out by hand in faces.csv"
    assert "patient/happiness/wall.png" not in reasons
    logits = "brightness"
    changed = ~np.isclose(
        again.measurements.logits[logits], result.measurements.logits[logits], equal_nan=True
    ).all(1)
    assert {again.photographs.path[row] for row in np.flatnonzero(changed)} == {
        "proband/sad/1.jpg",
        "proband/sad/3.jpg",
        "patient/happiness/wall.png",
    }


def test_a_table_of_labels_goes_with_one_folder_and_its_coordinates_win(tmp_path: Path) -> None:
    for number in range(4):
        Image.fromarray(person(number % 2)).save(tmp_path / f"{number}.png")
    table = tmp_path / "labels.csv"
    table.write_text(
        "path,label,left_eye_x,left_eye_y,right_eye_x,right_eye_y\n"
        "0.png,happy,,,,\n1.png,sad,99,77,55,78\n2.png,happy,NA,NA,NA,NA\n3.png,sad,,,,\n"
    )
    config = dataclasses.replace(SETTINGS, photos=str(tmp_path), labels=(str(table),))
    assert config.table == str(table) and config.labels == ()
    photographs = observe.run(config, tmp_path / "out").photographs
    assert photographs.eyes(1).tolist() == [[99.0, 77.0], [55.0, 78.0]]
    assert np.isnan(photographs.quality["score"]).tolist() == [False, True, False, False]
    assert len(rows_of(tmp_path / "out" / faces.TABLE)) == 3
    assert np.linalg.norm(photographs.eyes(0) - photographs.eyes(2)) < 1e-3


def test_folders_without_photographs_or_expressions_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of photographs"):
        folders.read_folder(tmp_path / "none")
    with pytest.raises(ConfigError, match="has no pictures"):
        folders.read_folder(tmp_path)
    (tmp_path / "a").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "1.png")
    with pytest.raises(LabelError, match="--labels TABLE"):
        folders.read_folder(tmp_path)
    (tmp_path / "smiling_happy").mkdir()
    (tmp_path / "happy").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "happy" / "1.png")
    photographs = folders.read_folder(tmp_path)
    assert photographs.path == ("happy/1.png",) and "1 pictures lie in no folder" in photographs.notes[0]
    with pytest.raises(ConfigError, match="it has happiness"):
        folders.read_folder(tmp_path, ("anger",))


def test_other_ways_to_find_faces_want_another_folder(result: ObserveResult) -> None:
    config = dataclasses.replace(
        SETTINGS, photos=str(result.photographs.folder), detect=dataclasses.replace(FAST, score=0.6)
    )
    with pytest.raises(StoreError, match=r"score"):
        observe.run(config, result.folder)


def test_a_spoilt_faces_csv_says_what_to_do(result: ObserveResult, tmp_path: Path) -> None:
    table = result.folder / faces.TABLE
    text = table.read_text()
    config = dataclasses.replace(SETTINGS, photos=str(result.photographs.folder))
    try:
        edit(table, **{"proband/sad/1.jpg": {"left_eye_x": "left"}})
        with pytest.raises(ConfigError, match="'left' in column 'left_eye_x'"):
            observe.run(config, result.folder)
        table.write_text("path,use\n")
        with pytest.raises(ConfigError, match="delete it"):
            observe.run(config, result.folder)
    finally:
        table.write_text(text)


def test_doubtful_faces_and_sides_are_told(result: ObserveResult) -> None:
    names = [row.measure for row in result.sides]
    assert names == list(asymmetry.MEASURES) and all(row.photographs == 16 for row in result.sides)
    assert all(row.within > 0 and row.between > 0 for row in result.sides)
    assert "corner-angle" in observation_faces.sides_text(result)
    assert observation_faces.doubts_text(result) == ""
    quality = {name: values.copy() for name, values in result.photographs.quality.items()}
    row = int(np.flatnonzero(result.measurements.used)[0])
    quality["yaw"][row], quality["interocular"][row] = -33.0, 12.0
    doubtful = dataclasses.replace(result, photographs=dataclasses.replace(result.photographs, quality=quality))
    text = observation_faces.doubts_text(doubtful)
    assert "turned by -33°, 12 pixels between the eyes" in text and result.photographs.path[row] in text


def test_the_page_shows_landmarks_only_if_asked(result: ObserveResult) -> None:
    page = write_observation(result).read_text()
    assert "Faces that were found" in page and "data:image/png" not in page
    with_pictures = dataclasses.replace(result, config=dataclasses.replace(result.config, pictures=True))
    crops = observation_faces.marked_crops(with_pictures)
    assert len(crops) == 16
    plain = [np.asarray(crop) for _, crop in crops]
    assert all((crop == [40, 220, 120]).all(-1).sum() > 68 for crop in plain)
