"""A folder belongs to one run: its settings are compared key by key, its environment is recorded."""

import json
from pathlib import Path

import pytest

from jaxface.core import run_folder, runtime
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


@pytest.mark.parametrize(
    "content", ["{", "", "[]", '{"resumed": 3}', '{"resumed": [3]}', "[" * 100_000, "\xe9"]
)
def test_a_damaged_environment_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "environment.json").write_text(content, encoding="latin-1")
    with pytest.raises(StoreError, match=r"environment\.json (is|cannot)"):
        run_folder.note_environment(tmp_path)
