"""A folder belongs to one run: its settings are compared key by key, its environment is recorded."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jaxface.core import io, run_folder, runtime
from jaxface.core.errors import StoreError

SETTINGS = {"seed": 1, "labels": ("happy", "sad"), "crop": {"size": 8, "margin": None}}


def test_the_same_settings_claim_a_folder_twice_and_others_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_folder.claim(folder, SETTINGS, "audit")
    run_folder.claim(folder, SETTINGS, "audit")
    assert run_folder.read_settings(folder, "audit") == {
        "seed": 1,
        "labels": ["happy", "sad"],
        "crop": {"size": 8},
    }
    settings = {**SETTINGS, "seed": 2, "crop": {"size": 8, "margin": 0.5}}
    text = r"another audit \(crop.margin was None, is now 0.5; seed was 1, is now 2\); name another folder"
    with pytest.raises(StoreError, match=text):
        run_folder.claim(folder, settings, "audit")
    with pytest.raises(StoreError, match=text):
        run_folder.check(folder, settings, "audit")
    assert run_folder.read_settings(folder, "audit")["seed"] == 1


def test_a_check_writes_nothing_and_a_file_is_no_folder(tmp_path: Path) -> None:
    run_folder.check(tmp_path / "none", SETTINGS, "audit")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file; name a folder for the training"):
        run_folder.claim(tmp_path / "file", SETTINGS, "training")


def test_settings_that_are_absent_or_damaged_are_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no run\.toml; name the folder of a training"):
        run_folder.read_settings(tmp_path, "training")
    (tmp_path / "run.toml").write_text("seed = ")
    with pytest.raises(StoreError, match=r"run\.toml is not valid TOML"):
        run_folder.claim(tmp_path, SETTINGS, "training")


def test_the_environment_is_recorded_and_so_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "environment.json"
    run_folder.note_environment(tmp_path)
    first = path.read_text()
    run_folder.note_environment(tmp_path)
    assert path.read_text() == first and "resumed" not in json.loads(first)
    monkeypatch.setattr(runtime, "versions", lambda: {"jax": "another"})
    for _ in range(2):
        run_folder.note_environment(tmp_path)
    (later,) = json.loads(path.read_text())["resumed"]
    assert later["versions"] == {"jax": "another"}


RECORDS = ("{", "", "[]", '{"versions": []}', '{"command": 3}', '{"devices": [1]}')
RESUMED = ('{"resumed": 3}', '{"resumed": [3]}', "[" * 100_000, "\xe9")


@pytest.mark.parametrize("content", [*RECORDS, *RESUMED])
def test_a_damaged_environment_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "environment.json").write_text(content, encoding="latin-1")
    with pytest.raises(StoreError, match=r"environment\.json (is|cannot)"):
        run_folder.note_environment(tmp_path)


HOLD = """
import sys, pathlib
from jaxface.core import io, run_folder
folder = pathlib.Path(sys.argv[1])
with run_folder.hold(folder, "training"), io.atomic_path(folder / "a.csv") as temporary:
    temporary.write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_start_is_told_who_works_in_a_folder_and_a_kill_blocks_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        line = rf"run is in use: process {process.pid} on .+, since 20..-.+, works on this training; wait"
        with pytest.raises(StoreError, match=line), run_folder.hold(folder, "training"):
            pass
        assert (folder / run_folder.OWNER).is_file() and len(list(folder.glob("*.csv"))) == 1
        process.send_signal(signal.SIGKILL)
    with run_folder.hold(folder, "training"), run_folder.hold(folder, "training"):
        assert json.loads((folder / run_folder.OWNER).read_text())["process"] == os.getpid()
        assert not list(folder.glob("*.csv"))
    assert [path.name for path in folder.iterdir()] == [run_folder.LOCK]


def test_a_folder_that_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with run_folder.hold(tmp_path / "file" / "run", "audit"):
        pass


def test_temporary_files_in_use_stay(tmp_path: Path) -> None:
    name = f".a.csv.{io._host()}-{os.getppid()}.x.tmp.csv"
    elsewhere = f".a.csv.{'0' * 8}-1.x.tmp.csv"
    for each in (name, elsewhere, ".mine.tmp.csv", "a.csv"):
        (tmp_path / each).write_text("")
    io.remove_orphans(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    os.utime(tmp_path / elsewhere, (0, 0))
    io.remove_orphans(tmp_path)
    assert not (tmp_path / elsewhere).exists() and len(list(tmp_path.iterdir())) == 3
