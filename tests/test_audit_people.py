"""People as input: what is read of files, who fits which head, and audits of them."""

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pandas
import pytest

from jaxface import audit, face
from jaxface.audit import AuditConfig, plan
from jaxface.audit.people import load_people
from jaxface.audit.people_files import read_people
from jaxface.cli import audit as cli_audit
from jaxface.core.errors import ConfigError, StoreError
from jaxface.face import FaceModel, FaceParams, load
from tests import fake_audit
from tests.flame_files import flame_arrays, write_bfm_texture, write_flame_npz, write_flame_texture
from tests.heads import toy_head

NAMES = ("anna", "ben", "cleo")
RANDOM = np.random.default_rng(11)
SHAPE = RANDOM.normal(size=(3, 100)).astype(np.float32)
TEX = RANDOM.normal(size=(3, 50)).astype(np.float32)


def as_npz(folder: Path) -> Path:
    poses = np.zeros((3, 6))
    np.savez(folder / "people.npz", shapecode=SHAPE, texcode=TEX, posecode=poses, names=np.array(NAMES))
    return folder / "people.npz"


def as_greek_npz(folder: Path) -> Path:
    objects = np.array([{"a": 1}], object)
    np.savez(folder / "people.npz", Betas=SHAPE[:, None], ALPHA=TEX, id=np.array(NAMES), meta=objects)
    return folder / "people.npz"


def as_csv(folder: Path) -> Path:
    path = folder / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        shape = [f"shape_{number}" for number in range(100)]
        writer.writerow(["id", *(f"tex[{number}]" for number in range(1, 51)), *reversed(shape), "age", "sex"])
        for name, codes, tex in zip(NAMES, SHAPE, TEX, strict=True):
            writer.writerow([name, *tex, *reversed(codes), 40, "male" if name == "ben" else "female"])
    return path


def as_json_of_people(folder: Path) -> Path:
    people = {
        name: {"shape": codes.tolist(), "tex": tex.tolist()}
        for name, codes, tex in zip(NAMES, SHAPE, TEX, strict=True)
    }
    (folder / "people.json").write_text(json.dumps(people))
    return folder / "people.json"


def as_json_of_lists(folder: Path) -> Path:
    people = [
        {"identity": codes.tolist(), "albedo": tex.tolist(), "name": name}
        for name, codes, tex in zip(NAMES, SHAPE, TEX, strict=True)
    ]
    (folder / "people.json").write_text(json.dumps(people))
    return folder / "people.json"


def as_folder(folder: Path) -> Path:
    """As DECA saves a person: codes with a leading axis of one."""
    (folder / "people").mkdir()
    for name, codes, tex in zip(NAMES, SHAPE, TEX, strict=True):
        np.savez(folder / "people" / f"{name}.npz", shape=codes[None], tex=tex[None], cam=np.zeros((1, 3)))
    return folder / "people"


FORMATS = [as_npz, as_greek_npz, as_csv, as_json_of_people, as_json_of_lists, as_folder]


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_people(write: Callable[[Path], Path], tmp_path: Path) -> None:
    table = read_people(write(tmp_path))
    np.testing.assert_allclose(table.identity, SHAPE, rtol=1e-6)
    np.testing.assert_allclose(table.albedo, TEX, rtol=1e-6)
    assert table.names == NAMES and len(table) == 3
    assert "identity from" in table.note and "albedo from" in table.note


def test_the_note_says_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    note = "people.npz: 3 people, identity from 'shapecode' (3, 100); albedo from 'texcode' (3, 50); "
    assert read_people(as_npz(tmp_path)).note == f"{note}names from 'names'; not read: posecode"
    assert read_people(as_greek_npz(tmp_path)).note.endswith("not read: meta")
    table = read_people(as_csv(tmp_path))
    assert table.groups == ("female", "male", "female")
    assert table.note.endswith("names from 'id'; groups from 'sex'; not read: age")


def flame(folder: Path, texture: str = "bfm") -> FaceModel:
    path = write_flame_npz(folder / "flame.npz", flame_arrays())
    write_flame_texture(folder / "FLAME_texture.npz")
    files = {"bfm": lambda: write_bfm_texture(folder / "FLAME_albedo_from_BFM.npz"), "none": lambda: None}
    return load(path, texture=files[texture]())


def test_the_papers_people_fit_flame_with_its_texture(tmp_path: Path) -> None:
    config = AuditConfig(people=str(as_csv(tmp_path)), people_rows=(2, 0))
    people = load_people(config, flame(tmp_path))
    assert people is not None
    np.testing.assert_allclose(people.identity, SHAPE[[2, 0]], rtol=1e-6)
    np.testing.assert_allclose(people.albedo, TEX[[2, 0]], rtol=1e-6)
    assert people.names == ("cleo", "anna") and people.groups == ("female",)
    assert people.note.endswith("2 of them audited")
    person, group = people.person(flame(tmp_path), 1)
    assert person.pose.shape == (5, 3) and person.expression.shape == (50,) and group == 0


def test_a_table_without_names_is_identity_then_albedo(tmp_path: Path) -> None:
    np.save(tmp_path / "people.npy", np.concatenate([SHAPE, TEX], axis=1))
    config = AuditConfig(people=str(tmp_path / "people.npy"), identities=2)
    people = load_people(config, flame(tmp_path))
    assert people is not None and people.names is None
    np.testing.assert_array_equal(people.identity, SHAPE[:2])
    np.testing.assert_array_equal(people.albedo, TEX[:2])
    with pytest.raises(ConfigError, match=r"'codes' \(3, 150\); head 'flame' takes 100 identity coefficients"):
        load_people(config, flame(tmp_path, "none"))


def test_people_without_albedo_have_the_mean_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "people.npz", beta=SHAPE)
    people = load_people(AuditConfig(people=str(tmp_path / "people.npz")), flame(tmp_path))
    assert people is not None and "no albedo: the mean" in people.note
    np.testing.assert_array_equal(people.albedo, np.zeros((3, 50)))


@pytest.mark.parametrize("head", ["bundled", "flame", "flame without texture"])
def test_people_of_another_head_are_refused(head: str, tmp_path: Path) -> None:
    codes = np.zeros((3, 300)) if head == "flame" else SHAPE
    np.savez(tmp_path / "people.npz", shape=codes, tex=TEX)
    model = load("bundled") if head == "bundled" else flame(tmp_path, "bfm" if head == "flame" else "none")
    says = {
        "bundled": r"head 'bundled' takes \d+ identity coefficients, not 100: set identity_components = 100 if",
        "flame": "head 'flame' takes 100 identity coefficients, not 300: set identity_components = 300 if",
        "flame without texture": "takes 0 albedo coefficients, not 50: name the head's texture, or leave",
    }
    with pytest.raises(ConfigError, match=says[head]):
        load_people(AuditConfig(people=str(tmp_path / "people.npz")), model)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("people.pkl", b"\x80\x04N.", r"is none of .npz, .npy, .json, .csv; save the codes as arrays 'shape'"),
        ("people.npz", b"PK\x03\x04", "cannot be read"),
        ("people.json", b"[1, 2", "cannot be read"),
        (
            "people.json",
            b'{"exp": [[1.0]], "pose": [[2.0]]}',
            "has no shape codes: none of exp, pose is called",
        ),
        ("people.json", b'{"shape": [[1.0]], "beta": [[2.0]]}', "has both 'shape' and 'beta'"),
        ("people.json", b'{"shape": [[1.0]], "tex": [[2.0], [3.0]]}', "different numbers of people"),
        ("people.json", b'{"shape": [[NaN]]}', "not finite"),
        ("people.csv", b"id,shape_0,shape_2\na,1,2\n", "not numbered from 0 or 1 without a gap"),
        ("people.csv", b"id,shape_0\na,1,2\n", "line 2: 3 cells, the first line has 2"),
        ("people.csv", b"id,shape_0\na,x\n", "cannot be read: could not convert"),
        ("people.csv", b"id,age\na,1\n", "has no shape codes: none of id, age is called"),
        ("missing.npz", None, "no file at"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    name: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        read_people(tmp_path / name)
    assert str(caught.value).startswith("people: ") and "\n" not in str(caught.value)


CONFIG = fake_audit.CONFIG


def run(config: AuditConfig, folder: Path) -> audit.AuditResult:
    return audit.run(config, folder, searcher_factory=fake_audit.build)


def sample_people(count: int, seed: int = 0) -> FaceParams:
    return face.sample_population(plan.population_root(seed), toy_head(), count)


def test_the_sampled_people_given_by_hand_have_the_same_surfaces(tmp_path: Path) -> None:
    result = run(CONFIG, tmp_path / "sampled")
    by_hand = run(dataclasses.replace(CONFIG, people=sample_people(5)), tmp_path / "given")
    for name in ("probability", "score", "identity_parameters", "albedo_parameters", "p_value"):
        np.testing.assert_array_equal(by_hand.data[name], result.data[name], err_msg=name)
    assert by_hand.data.attrs["people"]["note"].startswith("FaceParams: 5 people")
    assert by_hand.data.attrs["people"]["note"].endswith("2 of them audited")
    with pytest.raises(ConfigError, match=r"the people .* was an object of a Python program"):
        run(dataclasses.replace(CONFIG, people=audit.load(by_hand.folder).config.people), tmp_path / "again")
    # Other people are another run, although the config looks alike.
    with pytest.raises(StoreError, match="people was"):
        run(dataclasses.replace(CONFIG, people=sample_people(5, seed=1)), by_hand.folder)


def test_a_file_of_people_is_audited_with_their_names(tmp_path: Path) -> None:
    people = sample_people(3)
    path = tmp_path / "people.npz"

    def write(identity: np.ndarray) -> None:
        np.savez(path, identity=identity, albedo=people.albedo, name=np.array(NAMES))

    write(np.asarray(people.identity))
    config = dataclasses.replace(CONFIG, people=str(path), identities=200, people_rows=(2, 1))
    result = run(config, tmp_path / "run")
    assert result.data.sizes["identity"] == 2 and result.config.identities == 2
    np.testing.assert_array_equal(result.data["identity_parameters"], people.identity[np.array([2, 1])])
    scores = pandas.read_csv(tmp_path / "run" / "scores.csv")
    assert scores["person"].tolist() == ["cleo", "ben"] * 2 and set(scores["population"]) == {"given"}
    # The same command goes on; the same file with other numbers is refused.
    again = run(config, tmp_path / "run")
    np.testing.assert_array_equal(again.data["score"], result.data["score"])
    write(np.asarray(people.identity) + 0.1)
    with pytest.raises(StoreError, match=r"another people: people.sha256 was"):
        run(config, tmp_path / "run")
    with pytest.raises(ConfigError, match="people_rows holds 3: there are 3 people, counted from 0"):
        run(dataclasses.replace(config, people_rows=(3,)), tmp_path / "none")


def test_objects_that_are_no_people_are_refused() -> None:
    base = sample_people(3)
    head = toy_head()
    other_pose = dataclasses.replace(base, pose=base.pose + 0.1)
    with pytest.raises(ConfigError, match="an audit shows the neutral pose"):
        load_people(dataclasses.replace(CONFIG, people=other_pose), head)
    one = jax.tree.map(lambda leaf: leaf[0], base)
    with pytest.raises(ConfigError, match="must have a leading axis of people"):
        load_people(dataclasses.replace(CONFIG, people=one), head)
    broken = dataclasses.replace(base, identity=base.identity.at[0, 0].set(np.nan))
    with pytest.raises(ConfigError, match="not finite"):
        load_people(dataclasses.replace(CONFIG, people=broken), head)


def test_the_command_line_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = as_npz(tmp_path)
    arguments = ["--people", str(path), "--classifiers", "face-api", "--expressions", "happy", "--dry-run"]
    assert cli_audit.main(arguments) == 0
    assert capsys.readouterr().out.startswith("cells     3 (")
    assert cli_audit.main([*arguments, "--people-rows", "1"]) == 0
    assert capsys.readouterr().out.startswith("cells     1 (")
