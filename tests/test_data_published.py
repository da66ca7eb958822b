"""Readers against the files as they are published and as people's systems change them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import DataError, LabelError
from tests import data_trees
from tests.data_trees import TREES, damaged, picture, text
from tests.shared import shared_file

APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(80)


def litter(root: Path) -> None:
    """What macOS, Windows and archives leave behind, beside every file and in every folder."""
    for path in list(root.rglob("*")):
        (path.parent / f"._{path.name}").write_bytes(APPLE_DOUBLE)
        (path.parent / "Thumbs.db").write_bytes(APPLE_DOUBLE)
        (path.parent / ".DS_Store").write_bytes(APPLE_DOUBLE)
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "._a.jpg").write_bytes(APPLE_DOUBLE)


@pytest.mark.parametrize("case", sorted(TREES))
def test_what_systems_leave_behind_is_never_data(case: str, tmp_path: Path) -> None:
    name, tree = TREES[case]
    tree.build(tmp_path)
    before = data.open(name, tmp_path, **tree.options)
    litter(tmp_path)
    after = data.open(name, tmp_path, **tree.options)
    assert str(after.report) == str(before.report)
    for key, column in before.columns.items():
        np.testing.assert_array_equal(after.columns[key], column)
    assert [after.source.name(i) for i in range(len(after))] == [
        before.source.name(i) for i in range(len(before))
    ]


@pytest.mark.parametrize("case", sorted(TREES))
@pytest.mark.parametrize("change", ["utf-16", "bom", "crlf"])
def test_texts_of_windows_are_read(case: str, change: str, tmp_path: Path) -> None:
    name, tree = TREES[case]
    tree.build(tmp_path)
    before = data.open(name, tmp_path, **tree.options)
    for path in [*tmp_path.rglob("*.csv"), *tmp_path.rglob("*.txt"), *tmp_path.rglob("*.lst")]:
        content = path.read_text()
        if change == "crlf":
            path.write_bytes(content.replace("\n", "\r\n").encode())
        else:
            path.write_text(content, encoding="utf-16" if change == "utf-16" else "utf-8-sig")
    after = data.open(name, tmp_path, **tree.options)
    assert str(after.report) == str(before.report)
    for key, column in before.columns.items():
        np.testing.assert_array_equal(after.columns[key], column)


@pytest.mark.parametrize("case", [case for case in sorted(TREES) if case not in ("affwild2", "affwild2-units")])
def test_semicolons_are_read(case: str, tmp_path: Path) -> None:
    name, tree = TREES[case]
    tree.build(tmp_path)
    before = data.open(name, tmp_path, **tree.options)
    for path in tmp_path.rglob("*.csv"):
        path.write_text("sep=;\n" + path.read_text().replace(";", " ").replace(",", ";"))
    assert str(data.open(name, tmp_path, **tree.options).report).replace("line ", "") == str(
        before.report
    ).replace("line 4", "5").replace("line ", "")


def test_emotionet_is_read_as_published(tmp_path: Path) -> None:
    root = shared_file("fixtures/faults/emotionet_published/set")
    dataset = data.open("emotionet", root)
    assert len(dataset) == 1 and dataset.columns["units"][0, 0] == 1
    assert dataset.columns["units_known"].sum() == 1
    header = ",".join(["URL", "URL orig", *(f"'AU {unit}'" for unit in range(1, 61))])
    names = [
        "'http://x.org/N_1/a.jpg'",
        "http://x.org/N_1/b.jpg?w=1#top",
        "'http://x.org/N_1/c%20d.jpg'",
        "'http://x.org/N_1/e.jpg",
    ]
    codes = [[999] * 60 for _ in names]
    for row, code in enumerate(codes):
        code[0], code[11] = row % 2, 1
    lines = [
        f"{name},'http://y.org/{row}.jpg',{','.join(map(str, code))}"
        for row, (name, code) in enumerate(zip(names, codes, strict=True))
    ]
    text(tmp_path / "EmotioNet_FACS_aws_2020_24600.csv", header, *lines)
    for name in ("a.jpg", "b.jpg", "c d.jpg", "N_1/e.jpg"):
        picture(tmp_path / "images" / name)
    dataset = data.open("emotionet", tmp_path, units=(1, 12))
    assert [dataset.source.name(i) for i in range(4)] == [
        "images/a.jpg",
        "images/b.jpg",
        "images/c d.jpg",
        "images/N_1/e.jpg",
    ]
    np.testing.assert_array_equal(dataset.columns["units"], [[0, 1], [1, 1], [0, 1], [1, 1]])


def test_older_deliveries_of_emotionet_have_tabs_and_no_header(tmp_path: Path) -> None:
    for number in (1, 2):
        codes = [str(int(unit == 4)) for unit in range(1, 61)]
        text(
            tmp_path / f"dataFile_{number:04d}.txt",
            "\t".join([f"http://x.org/{number}.jpg", "http://y.org/z.jpg", *codes]),
        )
        picture(tmp_path / "images" / f"{number}.jpg")
    text(tmp_path / "readme.txt", "The codes are 0, 1 and 999.")
    dataset = data.open("emotionet", tmp_path, units=(1, 4))
    np.testing.assert_array_equal(dataset.columns["units"], [[0, 1], [0, 1]])


def test_two_addresses_of_one_name_are_left_out(tmp_path: Path) -> None:
    text(tmp_path / "t.csv", "URL,AU 1", "http://x/1.jpg,1", "http://y/1.jpg,0", "http://x/2.jpg,1")
    picture(tmp_path / "images" / "1.jpg")
    picture(tmp_path / "images" / "2.jpg")
    dataset = data.open("emotionet", tmp_path, units=(1,))
    assert [dataset.source.name(i) for i in range(len(dataset))] == ["images/2.jpg"]
    assert "2 left out, two addresses end in this name: images/1.jpg" in str(dataset.report)


def test_two_files_of_one_frame_are_an_error_that_names_both(tmp_path: Path) -> None:
    data_trees.disfa(tmp_path)
    picture(tmp_path / "Images" / "SN002" / "mask_1.png")
    with pytest.raises(DataError, match=r"two files for frame 1: SN002_0001\.png and mask_1\.png"):
        data.open("disfa", tmp_path, units=(1, 12))


def test_disfas_frames_from_zero_are_matched_and_told(tmp_path: Path) -> None:
    text(
        tmp_path / "ActionUnit_Labels" / "SN001" / "SN001_au1.txt",
        *(f"{frame},{frame % 6}" for frame in range(1, 5)),
    )
    for frame in range(4):
        picture(tmp_path / "Images" / "SN001" / f"{frame}.png", level=10 * frame)
    dataset = data.open("disfa", tmp_path, units=(1,))
    assert [int(dataset[i]["image"][0, 0, 0]) for i in range(4)] == [0, 10, 20, 30]
    np.testing.assert_allclose(dataset.columns["intensity"][:, 0] * 5, [1, 2, 3, 4])
    assert "frames count from 0, the tables from 1: SN001" in str(dataset.report)
    picture(tmp_path / "Images" / "SN001" / "4.png")
    with pytest.raises(DataError, match=r"frames from 0 to 4, but .* counts from 1 to 4"):
        data.open("disfa", tmp_path, units=(1,))


@pytest.mark.parametrize("base", ["Sequences_2D+3D", "2D+3D"])
@pytest.mark.parametrize("header", ["0,1,2,12", "1,1,2,12"])
def test_bp4ds_other_folders_and_headers(base: str, header: str, tmp_path: Path) -> None:
    text(tmp_path / "AUCoding" / "AU_OCC" / "F001_T1.csv", header, "7,1,0,9", "8,0,1,")
    for frame in ("007", "008"):
        picture(tmp_path / base / "F001" / "T1" / f"{frame}.jpg")
    dataset = data.open("bp4d", tmp_path, units=(1, 2, 12))
    np.testing.assert_array_equal(dataset.columns["units"], [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(dataset.columns["units_known"], [[1, 1, 0], [1, 1, 0]])


def test_rafdbs_other_copies(tmp_path: Path) -> None:
    lines = ["train_00001_aligned.jpg 4 0.9", "Image\\aligned\\train_00002.jpg,7", "train_00003.jpg NA"]
    text(tmp_path / "a" / "EmoLabel" / "list_patition_label.txt", *lines)
    for number in (1, 2, 3):
        picture(tmp_path / "a" / "Image" / "aligned" / f"train_{number:05d}_aligned.jpg")
    dataset = data.open("rafdb", tmp_path / "a")
    assert [dataset.labels[label] for label in dataset.columns["label"]] == ["happiness", "neutral"]
    assert "1 left out, no label" in str(dataset.report)
    for code in "17":
        picture(tmp_path / "b" / "DATASET" / "train" / code / f"train_0000{code}_aligned.jpg")
    dataset = data.open("rafdb", tmp_path / "b")
    assert [dataset.labels[label] for label in dataset.columns["label"]] == ["surprise", "neutral"]
    with pytest.raises(LabelError, match="'rafdb' knows class folders 1 to 7"):
        data.open("folder", tmp_path / "b" / "DATASET" / "train")


@pytest.mark.parametrize(
    "name", ["fer2013", "fer2013/fer2013.csv", "icml_face_data.csv", "train.csv", "fer2013/train.csv"]
)
def test_fer2013_by_all_its_names(name: str, tmp_path: Path) -> None:
    pixels = " ".join(["9"] * 48 * 48)
    kaggle = name.endswith("train.csv")
    header, row = (
        ("emotion,pixels", f'3,"{pixels}"') if kaggle else ("emotion, Usage, pixels", f"3,Training,{pixels}")
    )
    text(tmp_path / name, header, row)
    dataset = data.open("fer2013", tmp_path)
    assert len(dataset) == 1 and dataset.labels[dataset.columns["label"][0]] == "happiness"
    if kaggle:
        with pytest.raises(DataError, match=r"train\.csv has the training part alone"):
            data.open("fer2013", tmp_path, split="test")


@pytest.mark.parametrize("code", ["3", 3, 3.0, b"3", "3.0", np.float32(3)])
def test_affectnets_codes_of_any_type(code: object, tmp_path: Path) -> None:
    picture(tmp_path / "train_set" / "images" / "0.jpg")
    (tmp_path / "train_set" / "annotations").mkdir()
    np.save(tmp_path / "train_set" / "annotations" / "0_exp.npy", np.array(code))
    dataset = data.open("affectnet7", tmp_path)
    assert dataset.labels[dataset.columns["label"][0]] == "surprise"


def test_affectnets_boxes_without_numbers_and_paths_of_windows(tmp_path: Path) -> None:
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,expression"
    rows = ["1\\a.jpg,0,0,6,6,3", "1/b.jpg,NULL,NULL,6,6,3", "1/c.jpg,0,0,-1,6,3", "1/d.jpg,0,0,6,6,"]
    text(tmp_path / "training.csv", header, *rows)
    for name in "abcd":
        picture(tmp_path / "Manually_Annotated_Images" / "1" / f"{name}.jpg")
    dataset = data.open("affectnet7", tmp_path)
    assert [dataset.source.name(i) for i in range(len(dataset))] == ["Manually_Annotated_Images/1/a.jpg"]
    assert "2 left out, no box of a face" in str(dataset.report) and "1 left out, no label" in str(
        dataset.report
    )


def _frame(cell: str) -> Callable[[Path], str]:
    def build(root: Path) -> str:
        text(root / "AUCoding" / "F001_T1.csv", "0,1", f"{cell},1")
        picture(root / "Sequences" / "F001" / "T1" / "1.jpg")
        return "bp4d"

    return build


def _annotation(content: bytes) -> Callable[[Path], str]:
    def build(root: Path) -> str:
        data_trees.affectnet_arrays(root)
        (root / "train_set" / "annotations" / "0_exp.npy").write_bytes(content)
        return "affectnet7"

    return build


@pytest.mark.parametrize(
    "build",
    [
        *(_frame(cell) for cell in ("nan", "inf", "9" * 30, "1e400", "1.5", "-1", "x", "")),
        *(
            _annotation(content)
            for content in (
                b"",
                b"junk",
                b"\x93NUMPY\x01\x00\x46\x00"
                b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }\n",
                b"\x93NUMPY\x01\x00\x10\x00(((((((((((((((\n",
            )
        ),
    ],
)
def test_hostile_cells_and_arrays_are_one_line(build: Callable[[Path], str], tmp_path: Path) -> None:
    name = build(tmp_path)
    with pytest.raises(DataError) as error:
        data.open(name, tmp_path, **({"units": (1,)} if name == "bp4d" else {}))
    assert "\n" not in str(error.value)


def test_damaged_pictures_are_still_named(tmp_path: Path) -> None:
    damaged(tmp_path / "happy" / "a.jpg")
    picture(tmp_path / "happy" / "b.jpg")
    assert "1 left out, truncated: happy/a.jpg" in str(data.open("folder", tmp_path).report)
