"""A fixed sample of `benchmarks.fuzz`: no spoilt file is worse than refused in one line, or accepted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import fuzz

ROOT = Path(__file__).resolve().parent.parent
CASES = 200


def test_a_sample_of_spoilt_files_of_every_kind(tmp_path: Path) -> None:
    """In a process of its own, which forks before JAX starts."""
    out = tmp_path / "rows.jsonl"
    command = [
        sys.executable,
        "-m",
        "benchmarks.fuzz",
        "--cases",
        str(CASES),
        "--seed",
        "17",
        "--out",
        str(out),
    ]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(row["name"] == "group" for row in rows) and len(rows) > 20
    assert abs(sum(row["cases"] for row in rows) - CASES) < 30
    assert sum(row["refused"] for row in rows) > CASES / 2
    assert not any(row[fault] for row in rows for fault in fuzz.FAULTS)


@pytest.mark.filterwarnings("ignore:.*fork")
def test_the_harness_tells_each_fault(tmp_path: Path) -> None:
    """A reader that does what none may do is classed as such."""

    def read(folder: Path) -> str:
        text = (folder / "file").read_text()
        if text == "crash":
            os._exit(139)
        if text == "hang":
            while True:
                pass
        if text == "memory":
            return str(len(bytearray(200 * 2**20)))
        if text == "wrong class":
            raise ValueError(text)
        return text

    (tmp_path / "file").write_text("good")
    seed = fuzz.Seed("group", "name", lambda folder: None, read, is_run=True)
    worker = fuzz.Worker(seed, tmp_path, fuzz.Settings(cpu_seconds=0.5, memory_mb=100))
    assert worker.ask()[0] == "accepted"
    for fault in ("crash", "wrong class", "memory"):
        (tmp_path / "file").write_text(fault)
        assert worker.ask()[0] == fault
    (tmp_path / "file").write_text("good")
    assert worker.ask() == ("accepted", "", "good")
    (tmp_path / "file").write_text("hang")
    assert worker.ask()[0] == "hang"
    worker.close()
