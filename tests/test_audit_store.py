"""The store alone: what is written is read back, and nothing half-written counts."""

import dataclasses
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
import zarr

from jaxface.audit import AuditConfig, CellStatus, load, store
from jaxface.audit.inputs import build_intervention
from jaxface.audit.layout import CELLS, SCHEMA, SURFACES, GroupOutput, InterventionRecord, Layout
from jaxface.audit.plan import WorkItem
from jaxface.core import run_folder
from jaxface.core.errors import StoreError
from jaxface.core.types import EXPRESSIONS

CONFIG = AuditConfig(
    classifiers=("a", "b"),
    expressions=("happy", "sad", "fear"),
    identities=2,
    symmetry_steps=4,
    time_steps=5,
)
LAYOUT = Layout(
    classifiers=("a", "b"),
    expressions=CONFIG.expressions,
    answers=EXPRESSIONS,
    identities=2,
    intervention=InterventionRecord.of(build_intervention(CONFIG)),
    parameters=3,
    shapes=2,
    colours=0,
    attributes={"head": {"name": "toy", "sha256": "1"}, "populations": ["all"]},
)
ITEM = WorkItem("b", 0, ("happiness", "fear"))
PERSON = {"identity_parameters": np.array([1.0, 2.0]), "albedo_parameters": np.zeros(0), "population": 0}


def cells() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    variables = {**SURFACES, **CELLS}
    values = {
        name: rng.normal(size=(2, *LAYOUT.shape(variable)[3:])).astype(variable.dtype)
        for name, variable in variables.items()
        if name != "failure"
    }
    values["failure"] = np.array(["", "classifier 'b' raised ValueError: no face"], dtype=object)
    values["status"] = np.full(2, CellStatus.DONE, np.int8)
    return values


def test_an_item_is_read_back(tmp_path: Path) -> None:
    run = store.open_run(tmp_path, CONFIG, LAYOUT)
    other = ITEM._replace(identity=1)
    assert run.pending([ITEM, other]) == [ITEM, other]
    output = GroupOutput(ITEM, cells(), PERSON)
    run.write(output)
    assert run.pending([ITEM, other]) == [other]
    data = run.read()
    for name in (*SURFACES, *CELLS):
        np.testing.assert_array_equal(data[name][1, [0, 2], 0], output.cells[name], err_msg=name)
    assert data["status"][1, 1, 0] == CellStatus.SKIPPED and np.isnan(data["probability"][1, 1, 0]).all()
    assert data["status"][0, 0, 0] == CellStatus.PENDING
    assert list(data["expression"].values) == ["happiness", "sadness", "fear"]
    assert data["probability"].dims == ("classifier", "expression", "identity", "symmetry", "time")
    np.testing.assert_array_equal(data["identity_parameters"][0], [1.0, 2.0])
    np.testing.assert_array_equal(
        run.probabilities("b", "fear", slice(0, 1))[0], output.cells["probability"][1]
    )


def test_stopped_before_any_write_an_item_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tries as there are writes, each dying one write later; then the whole, bit for bit."""
    setitem = zarr.Array.__setitem__
    tries = 0
    while True:
        run = store.open_run(tmp_path, CONFIG, LAYOUT)
        assert not run.is_done(ITEM)
        left = tries

        def dying(array: zarr.Array, *arguments: object) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            setitem(array, *arguments)

        try:
            with monkeypatch.context() as patch:
                patch.setattr(zarr.Array, "__setitem__", dying)
                run.write(GroupOutput(ITEM, cells(), PERSON))
            break
        except KeyboardInterrupt:
            tries += 1
    assert tries == 2 * len(SURFACES) + len(CELLS) + 2 + 1  # two of each kind of surface; two of PEOPLE; done
    assert run.is_done(ITEM)
    for name, values in cells().items():
        np.testing.assert_array_equal(run.read()[name][1, [0, 2], 0], values, err_msg=name)


def test_a_store_that_was_not_finished_making_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "surfaces.zarr.partial").mkdir()
    (tmp_path / "surfaces.zarr.partial" / "zarr.json").write_text("{")
    store.open_run(tmp_path, CONFIG, LAYOUT)
    assert store.read(tmp_path)["done"].shape == (2, 3, 2)
    assert not (tmp_path / "surfaces.zarr.partial").exists()


def test_another_config_is_refused(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    other = dataclasses.replace(CONFIG, identities=3, seed=5)
    with pytest.raises(StoreError, match=r"identities was 2, is now 3; seed was 0, is now 5"):
        store.open_run(tmp_path, other, LAYOUT)


def test_another_head_is_refused(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    other = {**LAYOUT.attributes, "head": {"name": "toy", "sha256": "2"}}
    with pytest.raises(StoreError, match=r"another head: head\.sha256 was '1', is now '2'"):
        store.open_run(tmp_path, CONFIG, Layout(**{**vars(LAYOUT), "attributes": other}))


def test_another_intervention_is_refused(tmp_path: Path) -> None:
    """Also where the run's file only has its name: its settings are in the store."""
    store.open_run(tmp_path, CONFIG, LAYOUT)
    record = InterventionRecord.of(build_intervention(dataclasses.replace(CONFIG, side="right")))
    with pytest.raises(StoreError, match=r"intervention\.settings\.side was 'left', is now 'right'"):
        store.open_run(tmp_path, CONFIG, dataclasses.replace(LAYOUT, intervention=record))


def test_other_words_for_the_same_intervention_are_not_another_one(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    record = LAYOUT.intervention
    dose, time = (dataclasses.replace(axis, ends=("low", "high")) for axis in record.axes)
    wording = dataclasses.replace(record.wording, noun="evenness")
    record = dataclasses.replace(record, wording=wording, axes=(dose, time))
    store.open_run(tmp_path, CONFIG, dataclasses.replace(LAYOUT, intervention=record))


def test_a_store_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    """The first version wrote no number, and other settings."""
    run_folder.write_settings(tmp_path, {"per": "step"})
    zarr.create_group(str(tmp_path / "surfaces.zarr"), attributes={"populations": ["all"]})
    version = rf"another version of jaxface \(store schema 1, this version has {SCHEMA}\)"
    message = f"{version}; audit again in another folder"
    with pytest.raises(StoreError, match=message):
        store.open_run(tmp_path, CONFIG, LAYOUT)
    with pytest.raises(StoreError, match=message):
        load(tmp_path)


def test_the_environment_is_noted_and_so_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    store.open_run(tmp_path, CONFIG, LAYOUT)
    assert '"resumed"' not in (tmp_path / "environment.json").read_text()
    monkeypatch.setattr("jaxface.core.runtime.versions", lambda: {"jax": "0"})
    store.open_run(tmp_path, CONFIG, LAYOUT)
    assert '"resumed"' in (tmp_path / "environment.json").read_text()


def test_folders_that_are_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no run\.toml"):
        load(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        store.open_run(tmp_path / "file", CONFIG, LAYOUT)
    with pytest.raises(StoreError, match=r"file/below cannot be written: .+; name another folder"):
        store.open_run(tmp_path / "file" / "below", CONFIG, LAYOUT)
    (tmp_path / "stray" / "surfaces.zarr").mkdir(parents=True)
    with pytest.raises(StoreError, match="without its"):
        store.open_run(tmp_path / "stray", CONFIG, LAYOUT)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.toml").write_text("= 3")
    with pytest.raises(StoreError, match="is not valid TOML"):
        store.open_run(tmp_path / "broken", CONFIG, LAYOUT)


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    (tmp_path / "surfaces.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StoreError, match=r"zarr\.json is not valid JSON.*; audit again in another folder"):
        store.open_run(tmp_path, CONFIG, LAYOUT)


def test_an_unfinished_run_says_how_far_it_is(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT).write(GroupOutput(ITEM, cells(), PERSON))
    with pytest.raises(StoreError, match="not finished: 3 of 12 cells"):
        load(tmp_path)


def open_runs(folder: Path, barrier: Barrier, messages: "multiprocessing.Queue[str]") -> None:
    for number in range(6):
        barrier.wait()
        try:
            store.open_run(folder / str(number), CONFIG, LAYOUT)
            messages.put("")
        except BaseException as error:
            messages.put(repr(error))


def test_two_processes_may_begin_one_run_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, messages = spawn.Barrier(2), spawn.Queue()
    starts = [spawn.Process(target=open_runs, args=(tmp_path, barrier, messages)) for _ in range(2)]
    for process in starts:
        process.start()
    assert [messages.get(timeout=120) for _ in range(12)] == [""] * 12
    for process in starts:
        process.join()
    for number in range(6):
        assert store.open_run(tmp_path / str(number), CONFIG, LAYOUT).pending([ITEM]) == [ITEM]


def test_settings_that_an_earlier_version_did_not_have_are_its_defaults(tmp_path: Path) -> None:
    store.open_run(tmp_path, CONFIG, LAYOUT)
    path = tmp_path / "run.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("correction")))
    assert path.read_text() != "".join(lines)
    store.open_run(tmp_path, CONFIG, LAYOUT)
    with pytest.raises(StoreError, match="correction was 'holm', is now 'benjamini-hochberg'"):
        store.open_run(tmp_path, dataclasses.replace(CONFIG, correction="benjamini-hochberg"), LAYOUT)
