"""Damage to a finished run is named, and the same command computes it again, bit for bit."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr

from jaxface import audit
from jaxface.audit import load, repair, store
from jaxface.core import sums
from jaxface.core.errors import StoreError
from tests import fake_audit
from tests.fake_audit import CLASSIFIER, CONFIG

SEEDS = np.random.default_rng(0)


def run(folder: Path) -> audit.AuditResult:
    return audit.run(CONFIG, folder, searcher_factory=fake_audit.build)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that rests on the pictures: all but times."""
    names = [path for path in sorted(folder.rglob("*")) if path.is_file() and "cpu_seconds" not in str(path)]
    times = ("timing", "environment", "sums", ".lock")
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in names if not path.name.startswith(times)
    }


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[SEEDS.integers(len(content))] ^= 1 << SEEDS.integers(8)
    path.write_bytes(content)


def swap(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped": (flip, "has changed"),
    "lost": (Path.unlink, "is missing"),
    "empty": (lambda path: os.truncate(path, 0), "is empty"),
    "folder": (swap, "is no file"),
    "enormous": (lambda path: os.truncate(path, 2**40), "has changed"),
}


def test_one_flipped_bit_in_any_file_is_named(fake_folder: Path) -> None:
    files = [path for path in (fake_folder / "surfaces.zarr").rglob("*") if path.is_file()]
    assert len(files) > 200
    for path in [*SEEDS.permutation(files)[:60], fake_folder / "run.toml", fake_folder / "summary.json"]:
        content = path.read_bytes()
        flip(path)
        with pytest.raises(StoreError) as refusal:
            load(fake_folder)
        assert str(path) in str(refusal.value) or path.name == "zarr.json"
        path.write_bytes(content)
    load(fake_folder)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_with_what_to_do_about_it(fake_folder: Path, name: str) -> None:
    damage, reason = DAMAGES[name]
    damage(path := fake_folder / "surfaces.zarr/probability/c/0/0/2/0/0")
    with pytest.raises(StoreError, match=rf"{path} {reason}; `jaxface audit --config .* computes again"):
        load(fake_folder)


def test_a_chunk_that_was_not_there_is_named_and_hidden_files_are_not(fake_folder: Path) -> None:
    chunks = fake_folder / "surfaces.zarr/probability/c/0/0/2/0"
    (chunks / "._0").write_bytes(b"x")
    (chunks / "0.abc.partial").write_bytes(b"x")
    load(fake_folder)
    (chunks / "1").write_bytes(b"x")
    with pytest.raises(StoreError, match="0/1 was not there"):
        load(fake_folder)


@pytest.mark.parametrize("content", ["", "[]", '{"names": ["run.toml"]}', '{"names": 3, "sha256": {"a": 1}}'])
def test_damaged_sums_are_named(fake_folder: Path, content: str) -> None:
    (fake_folder / "sums.json").write_text(content)
    with pytest.raises(StoreError, match=r"sums\.json is"):
        load(fake_folder)


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("is_finished", [True, False])
def test_the_same_command_computes_damage_again(
    tmp_path: Path, whole: Path, name: str, is_finished: bool
) -> None:
    before = contents(whole)
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    if not is_finished:
        (folder / sums.SUMS).unlink()
    damage, _ = DAMAGES[name]
    arrays = folder / "surfaces.zarr"
    for file in ("probability/c/0/0/1/0/0", "status/c/0/0/0", "identity_parameters/c/1/0", "done/c/0/0/0"):
        damage(arrays / file)
    damage(arrays / "score/c/0/0/0")
    if is_finished:
        damage(arrays / "classifier/c/0")
        damage(arrays / "logit/zarr.json")
    run(folder)
    after = contents(folder)
    assert after == before
    assert not sums.damages(folder, StoreError, repair.AGAIN)


def test_only_what_is_damaged_is_computed_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    flip(folder / "surfaces.zarr/logit/c/0/1/1/0/0")
    items = []
    write = store.RunStore.write
    monkeypatch.setattr(
        store.RunStore,
        "write",
        lambda self, output: (items.append(output.item.identity), write(self, output))[1],
    )
    run(folder)
    assert items == [1]


def test_a_store_without_its_description_cannot_be_computed_again(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    flip(folder / "surfaces.zarr/zarr.json")
    with pytest.raises(StoreError, match="another folder"):
        run(folder)


def test_half_written_chunks_of_a_killed_run_are_removed(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "surfaces.zarr/probability/c/0/0/1/0/0.0123.partial").write_bytes(b"x")
    run(folder)
    assert contents(folder) == contents(whole)


def test_xarray_opens_a_finished_run_without_a_warning(whole: Path) -> None:
    program = "import sys, xarray; print(float(xarray.open_zarr(sys.argv[1])['probability'].max()))"
    path = str(whole / "surfaces.zarr")
    output = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, path], capture_output=True, text=True
    )
    assert output.stderr == "" and 0 < float(output.stdout) <= 1
    assert zarr.open_group(path, mode="r").metadata.consolidated_metadata
    assert CLASSIFIER.name in xarray.open_zarr(path)["classifier"].values
