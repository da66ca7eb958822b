"""`jaxface bench`: rows, their stamp, and the file they are added to."""

import dataclasses
import json
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import rows, torch_reference
from jaxface import bench, classify
from jaxface.bench import audit, harness
from jaxface.bench.settings import AuditSettings
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.cli import main
from jaxface.core.errors import ConfigError
from tests import fake_audit


@pytest.mark.parametrize("name", bench.SUITES)
def test_every_suite_has_settings_with_defaults(name: str) -> None:
    suite = bench.load(name)
    assert dataclasses.is_dataclass(suite.settings) and suite.settings() == suite.settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(suite.settings(), dataclasses.fields(suite.settings)[0].name, None)


def test_rows_go_to_stdout_and_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--permutations", "20", "--surfaces", "2", "--loop", "5", "--repeats", "1")
    assert main.run(["bench", "permutation", *flags, "--out", str(tmp_path)]) == 0
    assert main.run(["bench", "permutation", *flags, "--out", str(tmp_path), "--quiet"]) == 0
    output = capsys.readouterr()
    rows_printed = [json.loads(line) for line in output.out.splitlines()]
    (file,) = tmp_path.glob("permutation-*.jsonl")
    assert [json.loads(line) for line in file.read_text().splitlines()] == rows_printed
    assert len(rows_printed) == 2
    assert output.err.splitlines() == [
        "bench permutation: permutation-test",
        f"bench permutation: appended to {file}",
    ]
    row = rows_printed[0]
    assert row["permutations"] == 20 and row["run_s"] > 0 and row["device"].startswith("cpu:")
    assert row["times_faster"] == pytest.approx(row["numpy_loop_s"] / row["run_s"], rel=1e-2, abs=1e-3)
    assert {"date", "git", "jax", "machine", "devices", "cores"} <= row.keys()


def test_bad_suites_and_flags_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["bench", "permutatoin"]) == 2
    assert "no benchmark 'permutatoin', did you mean 'permutation'?" in capsys.readouterr().err
    assert main.run(["bench", "permutation", "--loops", "3"]) == 2
    assert "did you mean --loop?" in capsys.readouterr().err
    assert main.run(["bench"]) == 2
    assert "usage: jaxface bench SUITE" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are forgotten on Linux alone")
def test_compile_time_is_told_apart_and_memory_is_the_peak() -> None:
    """A first call that sleeps 50 ms more, and 200 MB that are held for a moment."""
    calls = []

    def function() -> jnp.ndarray:
        calls.append(np.ones(25_000_000))
        time.sleep(0.06 if len(calls) == 1 else 0.01)
        calls[-1] = None
        return jnp.zeros(())

    harness.forget_peak()
    before = harness.peak_memory()
    times = harness.measure(function, repeats=2)
    assert len(calls) == 3
    assert times["compile_s"] > 0.03 and 0.01 <= times["run_s"] < times["compile_s"] + 0.01
    assert before + 150 < times["peak_mb"] < before + 400


def test_classifiers_are_timed_by_default_if_they_bring_their_weights() -> None:
    suite = bench.load("classify")
    assert suite.settings().names == ("face-api", "fer-mini-xception")


def test_networks_are_compared_with_pytorchs_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a net of one number in the place of DAN."""
    small = classify.Classifier({}, fake_audit.CLASSIFIER.network, fake_audit.CLASSIFIER.card)
    monkeypatch.setattr(torch_reference, "random_classifier", lambda card: small)
    settings = torch_reference.Settings(architectures=("dan",), repeats=6, seconds=0.0)
    first, second = torch_reference.rows(settings)
    assert (first["batch"], first["calls"], second["batch"], second["calls"]) == (1, 5, 32, 1)
    assert first["torch_images_per_s"] == 29.33 and second["torch_images_per_s_median"] == 29.07
    assert second["ratio"] == pytest.approx(32 / second["run_s"] / 31.56) and first["size"] == 224
    with pytest.raises(ConfigError, match=r"torch\.toml has no network 'dann', did you mean 'dan'"):
        next(torch_reference.rows(torch_reference.Settings(architectures=("dann",))))


def test_rows_of_comparisons_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows.write_rows([{"name": "one", "run_s": 0.5}, {"name": "two", "run_s": 0.25}], "render", tmp_path)
    printed_rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (file,) = tmp_path.glob("render-*.jsonl")
    assert [json.loads(line) for line in file.read_text().splitlines()] == printed_rows
    assert [row["name"] for row in printed_rows] == ["one", "two"] and "git" in printed_rows[0]


def test_pytorchs_figures_are_of_nets_that_are_there() -> None:
    table = torch_reference.torch_table()
    assert len(table) == 11 and set(table) <= set(ARCHITECTURES)
    for row in table.values():
        assert all(row[batch]["best"] >= row[batch]["median"] for batch in ("batch_1", "batch_32"))


def test_the_line_through_two_audits_leads_to_the_paper() -> None:
    settings = AuditSettings(classifiers=("one",), identities=(10, 20), time_steps=15, goal=100)
    least = {"cells": 20, "identities": 10, "run_s": 25.0, "render_s": 4.0, "classify_s": 6.0, "search_s": 10.0}
    more = {"cells": 40, "identities": 20, "run_s": 45.0, "render_s": 8.0, "classify_s": 12.0, "search_s": 20.0}
    row = audit.extrapolate(settings, least | {"peak_mb": 500.0}, more | {"peak_mb": 510.0})
    assert row["seconds_per_cell"] == pytest.approx(1.0) and row["fixed_s"] == pytest.approx(5.0)
    assert row["mb_per_1000_people"] == pytest.approx(1000.0)
    # half a second a cell for pictures and answers, six times as many of them; half a second for the search
    assert row["paper_cells"] == 600 and row["paper_hours"] == pytest.approx(600 * 3.5 / 3600)
