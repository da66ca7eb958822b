"""The table of photographs: what is read, and what is refused with its line."""

from pathlib import Path

import numpy as np
import pytest

from jaxface.audit.observe import landmarks, sampling
from jaxface.audit.observe.config import ObserveConfig
from jaxface.audit.observe.measurements import Measurements
from jaxface.audit.observe.table import Photographs, read_table
from jaxface.core.errors import ConfigError, LabelError


def table(folder: Path, text: str, labels: tuple[str, ...] = ()) -> Photographs:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, labels)


def test_columns_find_their_places(tmp_path: Path) -> None:
    result = table(
        tmp_path,
        "path,label,group,person,box_left,box_top,box_right,box_bottom,left_eye_x,left_eye_y,grade,camera\n"
        'a.png,happy,patient,p1,1,2,3,4,50,40,4,one\n"b, c.png",Surprised,proband,p2,,,,,,,,two\n',
    )
    assert result.path == ("a.png", "b, c.png") and result.folder == tmp_path
    assert result.label == ("happiness", "surprise")
    assert result.group == ("patient", "proband") and result.person == ("p1", "p2")
    np.testing.assert_array_equal(result.boxes, [[1, 2, 3, 4], [np.nan] * 4])
    np.testing.assert_array_equal(result.landmarks["left_eye"], [[50, 40], [np.nan, np.nan]])
    np.testing.assert_array_equal(result.columns["grade"], [4, np.nan])
    assert list(result.columns) == ["grade"] and result.ignored == ("camera",)
    assert result.eyes(0) is None  # one eye is none


def test_house_brackmann_grades_are_numbers(tmp_path: Path) -> None:
    cells = ["I", "ii", "HB III", "House-Brackmann IV", "grade V", "HB grade VI/VI", "3/6", "2", ""]
    rows = "".join(f"{number}.png,happy,{cell}\n" for number, cell in enumerate(cells))
    result = table(tmp_path, f"path,label,hb\n{rows}")
    np.testing.assert_array_equal(result.columns["hb"], [1, 2, 3, 4, 5, 6, 3, 2, np.nan])
    # Letters that are no grades, and words, stay what they are; pixels are never Roman.
    for cell in ("VII", "IIII", "X", "HB", "mild"):
        assert table(tmp_path, f"path,label,hb\na,happy,I\nb,happy,{cell}\n").ignored == ("hb",)
    with pytest.raises(ConfigError, match="'left_eye_y' must hold pixels"):
        table(tmp_path, "path,label,left_eye_x,left_eye_y\na,happy,1,II\n")


def test_group_and_person_may_be_missing_and_labels_choose_rows(tmp_path: Path) -> None:
    result = table(tmp_path, "\ufeffpath, label\na, sad\nb, fear\nc, sadness\n", ("sadness",))
    assert result.path == ("a", "c") and result.group == ("all", "all") and result.person is None
    assert np.isnan(result.boxes).all() and not result.landmarks and not result.columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\na,happy\nb,hapy\n",
            r"t\.csv, line 3: unknown expression label 'hapy', did you mean 'happy'",
        ),
        ("path,group\na,b\n", r"t\.csv has no column 'label'; it has: path, group"),
        ("path,label\n", "has no rows"),
        ("", "has no column 'path'; it has: none"),
        ("path,label\na\n", r"line 2: wanted 2 cells"),
        ("path,label\na,happy,x\n", r"line 2: wanted 2 cells"),
        ("path,label\n,happy\n", r"line 2: the path is empty"),
        ("path,label,x,x\na,happy,1,2\n", "two columns 'x'"),
        ("path,label,left_eye_x\na,happy,1\n", "'left_eye' has one of its columns"),
        ("path,label,left_eye_x,left_eye_y\na,happy,1,u\n", "'left_eye_y' must hold pixels"),
        (
            "path,label,box_left,box_top,box_right,box_bottom\na,happy,1,2,3,u\n",
            "'box_bottom' must hold pixels",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((ConfigError, LabelError), match=message):
        table(tmp_path, text)


def test_no_table_and_no_photograph_of_a_label_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table of photographs at"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(ConfigError, match="no photograph of fear; it has happiness"):
        table(tmp_path, "path,label\na,happy\n", ("fear",))


def test_numbered_points_are_named_by_the_persons_own_sides(tmp_path: Path) -> None:
    names = landmarks.numbered_columns()
    values = [*range(68), *range(100, 168)]
    result = table(tmp_path, f"path,label,{','.join(names)}\na,happy,{','.join(map(str, values))}\n")
    points = result.landmarks
    assert len(points) == 2 * 29 + 10 + 2
    np.testing.assert_array_equal(points["right_eye"], [[38.5, 138.5]])
    np.testing.assert_array_equal(points["left_eye"], [[44.5, 144.5]])
    np.testing.assert_array_equal(points["right_48"], [[48, 148]])
    np.testing.assert_array_equal(points["left_48"], [[54, 154]])
    indices = np.concatenate([row[:, 0] for name, row in points.items() if not name.endswith("eye")])
    assert sorted(indices) == list(range(68)) and not result.columns
    landmarks.mirror_order(list(points))


NAMES = ["left_a", "right_a", "left_b", "right_b", "middle_c"]
FACE = np.array([[[3.0, 0.0], [-3.0, 0.0], [2.0, 4.0], [-2.0, 4.0], [0.0, 7.0]]])


def test_a_symmetric_face_has_no_asymmetry_wherever_it_is() -> None:
    order = landmarks.mirror_order(NAMES)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    face = 9 * FACE @ turn.T + np.array([50.0, -20.0])
    np.testing.assert_allclose(landmarks.asymmetry(np.concatenate([FACE, face]), order), 0.0, atol=1e-7)


def test_asymmetry_is_the_same_on_both_sides_and_grows() -> None:
    order = landmarks.mirror_order(NAMES)
    left, right, more = FACE.copy(), FACE.copy(), FACE.copy()
    left[0, 2] += [0.5, -1.0]
    right[0, 3] += [-0.5, -1.0]
    more[0, 2] += [1.0, -2.0]
    values = landmarks.asymmetry(np.concatenate([left, right, more]), order)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-9)
    assert 0.05 < values[0] < values[2]
    # the best turn, found by trying
    face = left[0] - left[0].mean(0)
    mirror = face[order] * [-1, 1]
    angles = np.linspace(-np.pi, np.pi, 20001)
    turns = [mirror @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in angles]
    best = min(np.linalg.norm(face - one) for one in turns)
    np.testing.assert_allclose(values[0], best / np.linalg.norm(face), rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["left_a", "right_a"], "two pairs or more, got 1"),
        (["left_a", "left_b", "right_a"], "'left_b' has no 'right_b'"),
    ],
)
def test_points_that_cannot_tell_asymmetry_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        landmarks.mirror_order(names)


MISSING = ["", "NA", "#N/A", "-nan(ind)", "n/a", "None", "null", "NaN"]


@pytest.mark.parametrize("cell", MISSING)
def test_a_missing_cell_costs_one_value_not_the_column(tmp_path: Path, cell: str) -> None:
    result = table(
        tmp_path,
        "path,label,grade,left_eye_x,left_eye_y,right_eye_x,right_eye_y,box_left,box_top,box_right,box_bottom\n"
        f"a,happy,1,60,40,20,40,1,2,3,4\nb,happy,{cell},{cell},40,20,40,{cell},2,3,4\nc,happy,III,60,40,20,40,0,0,0,0\n",
    )
    np.testing.assert_array_equal(result.columns["grade"], [1, np.nan, 3])
    np.testing.assert_array_equal(result.landmarks["left_eye"], [[60, 40], [np.nan] * 2, [60, 40]])
    assert np.isnan(result.boxes).any(1).tolist() == [False, True, True]
    assert result.notes == ("1 photographs have no eyes in the table",)


@pytest.mark.parametrize("cell", MISSING)
def test_unknown_people_are_nobody_else_and_unknown_groups_are_none(tmp_path: Path, cell: str) -> None:
    rows = [f"{i}.png,happy,{cell if i % 2 else 'p1'},{'patient' if i < 5 else cell}\n" for i in range(8)]
    result = table(tmp_path, "path,label,person,group\n" + "".join(rows))
    assert sampling.groups(result) == ("patient",)
    values = np.arange(8.0)
    data = sampling.samples(result, Measurements(("",) * 8, {}, {}), values, values, "person")
    assert sorted(data.logit) == [1, 3, 3, 5, 7]  # p1 is the mean of 0, 2, 4, 6; four are alone
    assert sorted(data.group) == ["", "", "patient", "patient", "patient"]
    assert (
        "3 photographs have no group" in result.notes[0] and "4 photographs have no person" in result.notes[1]
    )


def test_who_has_no_group_enters_no_test_of_groups(tmp_path: Path) -> None:
    result = table(tmp_path, "path,label,group\na,happy,patient\nb,happy,\nc,happy,proband\nd,happy,NA\n")
    np.testing.assert_array_equal(sampling.table_features(result)["group"], [0, np.nan, 1, np.nan])
    data = sampling.samples(
        result,
        Measurements(("",) * 4, {}, {}),
        np.arange(4.0),
        sampling.table_features(result)["group"],
        "photograph",
    )
    assert data.logit.tolist() == [0, 2] and data.group.tolist() == ["patient", "proband"]
    alone = table(tmp_path, "path,label,group,person\na,happy,,\nb,happy,NA,\n")
    assert alone.group == ("all", "all") and alone.person is None and not alone.notes


def test_photographs_without_a_label_are_left_out_and_told(tmp_path: Path) -> None:
    result = table(tmp_path, "path,label\na,happy\nb,NA\nc,\n")
    assert result.path == ("a",) and result.notes == ("2 photographs have no label and are left out",)
    with pytest.raises(ConfigError, match="has no row with a label; it has none"):
        table(tmp_path, "path,label\na,\n")


@pytest.mark.parametrize(
    "header", [",path,label,g", "Unnamed: 0,Path,Label,g", "path,label,g,", ",path,label,g,"]
)
def test_columns_without_a_name_are_not_read(tmp_path: Path, header: str) -> None:
    cells = {"path": "a.png", "label": "happy", "g": "2"}
    row = ",".join(cells.get(name.lower(), "0") for name in header.split(","))
    result = table(tmp_path, f"{header}\n{row}\n")
    assert list(result.columns) == ["g"] and not result.ignored and result.path == ("a.png",)


@pytest.mark.parametrize("name", ["index", "X", "row.names", "rownames", "level_0", "Unnamed: 0.1", "id"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_rows_is_no_feature(tmp_path: Path, name: str, first: int) -> None:
    rows = "".join(f"{row + first},{row}.png,happy,{7 - row}\n" for row in range(3))
    assert list(table(tmp_path, f"{name},path,label,grade\n{rows}").columns) == ["grade"]
    if not name.startswith("Unnamed"):  # it says something
        columns = table(tmp_path, f"{name},path,label,grade\n{rows}9,9.png,happy,1\n").columns
        assert list(columns) == [name, "grade"]


def test_lost_points_at_zero_are_missing(tmp_path: Path) -> None:
    names = landmarks.numbered_columns()
    rows = [["a", "happy", *map(str, range(1, 137))], ["b", "happy", *["0"] * 136]]
    result = table(tmp_path, "\n".join(",".join(row) for row in [["path", "label", *names], *rows]))
    for points in result.landmarks.values():
        assert np.isfinite(points[0]).all() and np.isnan(points[1]).all()


def test_spreadsheets_of_europe_and_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    (tmp_path / "größe").mkdir()
    text = "sep=;\r\nPath;Label;Group;grade\r\ngröße\\a.png;'happy';Patient;2,5\r\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes(text.encode(encoding))
        result = read_table(path)
        assert result.path == ("größe/a.png",) and result.label == ("happiness",)
        assert result.group == ("Patient",) and result.columns["grade"].tolist() == [2.5]


def test_a_column_that_holds_words_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    result = table(tmp_path, "path,label,grade,empty\na,happy,1,\nb,happy,mild,\n")
    for name, message in (
        ("grade", "holds no numbers, but 'mild'"),
        ("empty", "is empty"),
        ("grad", "no column of"),
    ):
        with pytest.raises(ConfigError, match=message):
            sampling.feature_names(ObserveConfig(features=(f"column:{name}",)), result)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,label\n\0\0\0\n", "is no text"),
        (b"path,label" + b",y" * 1_500_000 + b"\n" + b"a" + b"," * 1_500_001, "1,500,002 columns"),
        (b"path,label,x\na,happy," + b"9" * 200_000 + b"\n", "no row of a table"),
        (b"path,label\na,happy\n\x81\x8d", "no text in UTF-8"),
        (b"path,label" + b"," * 5_000_000, "letters"),
    ],
)
def test_hostile_tables_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_table(path)


def test_a_table_has_at_most_so_many_rows_and_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_MOST_ROWS", "_MOST_CELLS"):
        with monkeypatch.context() as context:
            context.setattr(f"jaxface.audit.observe.table.{limit}", 3)
            table(tmp_path, "path,label\na,happy\n")
            with pytest.raises(ConfigError, match="split it"):
                table(tmp_path, "path,label\n" + "a,happy\n" * 4)


def test_names_and_numbers_of_no_use_do_no_harm(tmp_path: Path) -> None:
    result = table(tmp_path, f"path,label,x\n{'n' * 500},happy,{'9' * 30}\n../../../etc,happy,inf\n")
    assert result.ignored == ("x",) and result.words["x"] == "inf"
