"""The contract of all readers, on small trees in the real layouts; and what each does beyond it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface import data
from jaxface.core.errors import DataError, LabelError
from jaxface.core.types import EXPRESSIONS
from jaxface.data import registry
from jaxface.data.readers.subjects import fold_subjects
from tests import data_trees
from tests.data_trees import TREES, Tree

_GENERATED = {"rendered"}  # written by the library itself: tests/test_data_rendered.py


def opened(name: str, tree: Tree, root: Path) -> data.Dataset:
    tree.build(root)
    return data.open(name, root, **tree.options)


@pytest.mark.parametrize("case", sorted(TREES))
def test_it_reads_maps_labels_and_names_what_is_damaged(case: str, tmp_path: Path) -> None:
    name, tree = TREES[case]
    dataset = opened(name, tree, tmp_path)
    if tree.labels:
        assert tuple(dataset.labels[label] for label in dataset.columns["label"]) == tree.labels
        assert set(dataset.labels) <= {*EXPRESSIONS, "other"}
    if tree.units:
        expected = [[np.nan if value is None else value for value in row] for row in tree.units]
        units = np.where(dataset.columns["units_known"], dataset.columns["units"], np.nan)
        np.testing.assert_array_equal(units, expected)
    images = [dataset[i]["image"] for i in range(len(dataset))]
    assert all(image.dtype == np.uint8 and image.ndim == 3 for image in images)
    assert dataset.report.read == len(dataset)
    assert any(tree.damaged in each for left in dataset.report.left_out for each in left.names), dataset.report


@pytest.mark.parametrize("case", sorted(TREES))
def test_what_is_missing_is_told_in_one_line(case: str, tmp_path: Path) -> None:
    name, tree = TREES[case]
    with pytest.raises(DataError) as absent:
        data.open(name, tmp_path / "nowhere", **tree.options)
    tree.build(tmp_path)
    lost = tmp_path / tree.lost
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    if name == "folder":  # it has no part that must be there
        shutil.rmtree(tmp_path / "happy")
    with pytest.raises(DataError) as partial:
        data.open(name, tmp_path, **tree.options)
    for error in (absent, partial):
        assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_every_reader_of_a_folder_is_in_the_contract() -> None:
    readers = {name for name in data.names() if ".readers." in registry.READERS[name].__module__}
    assert readers == {name for name, _ in TREES.values()}


@pytest.mark.parametrize(
    ("case", "path", "line", "kind", "message"),
    [
        (
            "rafdb",
            "EmoLabel/list_patition_label.txt",
            "train_00001.jpg 8",
            LabelError,
            "line 1: label '8', not 1 to 7",
        ),
        (
            "rafdb",
            "EmoLabel/list_patition_label.txt",
            "train_00001.jpg",
            DataError,
            "line 1: 1 fields, not 2",
        ),
        ("expw", "label/label.lst", "a.jpg 0 1 2 9 x 50 4", DataError, "'x' is no number"),
        ("expw", "label/label.lst", "a.jpg 0 1 2 9 8 50 7", LabelError, "not 0 to 6"),
        (
            "affwild2",
            "annotations/EXPR_Classification_Challenge/Train_Set/v1.txt",
            "Neutral,Bored",
            LabelError,
            "'Bored'",
        ),
        ("bp4d", "AUCoding/F001_T1.csv", "0,1,2", DataError, "no column of action unit 12"),
        ("fer2013, table", "fer2013.csv", "emotion,pixel,Usage", DataError, "'pixels', did you mean 'pixel'"),
    ],
)
def test_damaged_labels_are_told_with_their_line(
    case: str, path: str, line: str, kind: type[Exception], message: str, tmp_path: Path
) -> None:
    name, tree = TREES[case]
    tree.build(tmp_path)
    file = tmp_path / path
    file.write_text("\n".join([line, *file.read_text().splitlines()[1:]]))
    with pytest.raises(kind, match=message):
        data.open(name, tmp_path, **tree.options)


def test_unknown_class_folders_are_refused_unless_asked_for(tmp_path: Path) -> None:
    data_trees.folder(tmp_path)
    data_trees.picture(tmp_path / "bored" / "a.png")
    with pytest.raises(LabelError, match="'bored'"):
        data.open("folder", tmp_path)
    assert data.open("folder", tmp_path, classes="folders").labels == ("Angry", "bored", "happy")


def test_a_full_check_decodes_and_none_leaves_it_to_the_reading(tmp_path: Path) -> None:
    data_trees.folder(tmp_path)
    (tmp_path / "happy" / "c.jpg").unlink()
    bad = tmp_path / "happy" / "c.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(bad)
    content = bytearray(bad.read_bytes())
    content[len(content) // 2] ^= 255
    bad.write_bytes(content)
    assert data.open("folder", tmp_path, check="full").report.missing == 1
    for check in ("quick", "none"):
        dataset = data.open("folder", tmp_path, check=check)
        assert len(dataset) == 3
    with pytest.raises(DataError, match=r"c\.png is no readable image.*check='full'"):
        dataset.rows([0, 2], size=4)


def test_boxes_cut_out_the_square_around_a_face(tmp_path: Path) -> None:
    data_trees.expw(tmp_path)
    dataset = data.open("expw", tmp_path)
    assert [dataset[i]["image"].shape for i in range(2)] == [(7, 7, 3), (5, 5, 3)]
    assert len(data.open("expw", tmp_path, confidence=55.0)) == 1


def test_disfa_keeps_intensities_and_bp4d_knows_sex_and_folds(tmp_path: Path) -> None:
    data_trees.disfa(tmp_path / "disfa")
    dataset = data.open("disfa", tmp_path / "disfa", units=(1, 12))
    np.testing.assert_allclose(dataset.columns["intensity"], [[0.0, 0.4], [0.6, 0.2]])
    data_trees.bp4d(tmp_path / "bp4d")
    everyone = data.open("bp4d", tmp_path / "bp4d", units=(1,))
    assert everyone.columns["sex"].tolist() == [0, 0, 0, 0, 1]
    test = data.open("bp4d", tmp_path / "bp4d", units=(1,), split="test", fold=1)
    assert len(test) == 2 and "F007" in str(test.report)
    with pytest.raises(DataError, match="fold = 4"):
        data.open("bp4d", tmp_path / "bp4d", fold=4)


@pytest.mark.parametrize(("name", "subjects"), [("disfa", ["SN002"]), ("gft", ["001A", "002B"])])
def test_sexes_come_from_a_table_of_the_users(name: str, subjects: list[str], tmp_path: Path) -> None:
    getattr(data_trees, name)(tmp_path)
    options = {"units": (1,)}
    assert set(data.open(name, tmp_path, **options).columns["sex"]) == {-1}
    table = tmp_path / "sex.csv"
    table.write_text(
        "subject,sex\n" + "".join(f"{one},{sex}\n" for one, sex in zip(subjects, "Mf", strict=False))
    )
    columns = data.open(name, tmp_path, **options).columns
    sexes = [int(columns["sex"][columns["identity"] == i][0]) for i in range(len(subjects))]
    assert sexes == [1, 0][: len(subjects)]
    table.write_text("subject,sex\nSN002,x\n001A,x\n")
    with pytest.raises(DataError, match="line 2: sex 'x', not female or male"):
        data.open(name, tmp_path, **options)
    table.write_text("subject,sex\nSN999,male\n")
    with pytest.raises(DataError, match=f"has no row for subject {subjects[0]}"):
        data.open(name, tmp_path, **options)


def test_gft_has_its_publishers_partition_and_disfa_counts_from_two(tmp_path: Path) -> None:
    data_trees.gft(tmp_path / "gft")
    data_trees.text(tmp_path / "gft" / "train.txt", "001A")
    parts = {
        split: data.open("gft", tmp_path / "gft", units=(1,), split=split) for split in ("train", "test", "all")
    }
    assert [len(part) for part in parts.values()] == [2, 2, 4]
    assert "001A" in str(parts["train"].report) and "002B" in str(parts["test"].report)
    with pytest.raises(DataError, match="the subjects of GFT's val part"):
        data.open("gft", tmp_path / "gft", units=(1,), split="val")
    root = tmp_path / "disfa"
    for frame in range(6):
        data_trees.picture(root / "Images" / "SN001" / f"{frame}.png")
    rows = [f"{frame},{frame}" for frame in range(6)]
    data_trees.text(root / "ActionUnit_Labels" / "SN001" / "SN001_au12.txt", *rows)
    dataset = data.open("disfa", root, units=(12,))
    np.testing.assert_array_equal(dataset.columns["units"][:, 0], [0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize(("name", "people"), [("bp4d", 41), ("disfa", 27)])
def test_folds_part_the_subjects(name: str, people: int) -> None:
    folds = [fold_subjects(name, "test", fold) for fold in (1, 2, 3)]
    assert sum(map(len, folds)) == len(set().union(*folds)) == people
    for fold, subjects in enumerate(folds, 1):
        assert fold_subjects(name, "train", fold) == set().union(*folds) - subjects
    assert fold_subjects(name, "all", 1) == set().union(*folds)


def test_names_and_options_are_suggested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'rafdb'"):
        data.open("raf-db", tmp_path)
    with pytest.raises(DataError, match="did you mean 'aligned'"):
        data.open("rafdb", tmp_path, align=True)
    with pytest.raises(DataError, match="needs the path of a folder"):
        data.open("rafdb")
