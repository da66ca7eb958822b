"""The same numbers on any number of devices and processes, and after a kill in another arrangement."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import xarray

from jaxface import audit
from jaxface.cli import main
from jaxface.core.errors import StoreError
from tests import planted

REPOSITORY = Path(__file__).parent.parent
SEARCHED = """
import dataclasses, sys
from jaxface import audit
from jaxface.core.runtime import enable_compile_cache
from jaxface.search import SearchConfig
from tests import planted
search = SearchConfig(method="gradient", gradient_steps=3, starts=1)
enable_compile_cache()
config = dataclasses.replace(planted.CONFIG, identities=6, search=search)
audit.run(config, sys.argv[1])
"""
"""With a search by gradient: on one device in two blocks, on eight in one."""

JOINED = """
import dataclasses, sys
from jaxface.core import processes
processes.join(sys.argv[2], 2, int(sys.argv[3]))
from jaxface.audit import runner
from tests import planted
runner.build = planted.build
config = dataclasses.replace(planted.CONFIG, identities=5)
result = runner.run(dataclasses.replace(config, alpha=float(sys.argv[4])), sys.argv[1])
assert result.data["done"].all()
"""


def start(script: str, devices: int, cache: Path, *arguments: object) -> subprocess.Popen:
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> str:
    _, said = process.communicate(timeout=300)
    return "" if process.returncode == 0 else said.decode()


def session(path: Path) -> dict[str, float]:
    return json.loads(path.read_text())["sessions"][-1]


def same(one: audit.AuditResult, other: audit.AuditResult) -> None:
    xarray.testing.assert_identical(
        one.data.drop_vars("search_cpu_seconds").load(), other.data.drop_vars("search_cpu_seconds").load()
    )
    for table in ("scores", "significance", "accuracy", "activation", "transfer"):
        assert (one.folder / f"{table}.csv").read_bytes() == (other.folder / f"{table}.csv").read_bytes()


@pytest.mark.slow
def test_one_and_eight_devices_give_the_same_bits_and_nothing_is_compiled_twice(tmp_path: Path) -> None:
    started = [start(SEARCHED, devices, tmp_path, tmp_path / str(devices)) for devices in (1, 8)]
    assert [finish(process) for process in started] == ["", ""]
    one, eight = audit.load(tmp_path / "1"), audit.load(tmp_path / "8")
    assert (one.data["search_forward_calls"] > 0).all() and (one.data["search_gradient_calls"] > 0).any()
    same(one, eight)
    first = session(tmp_path / "8" / "timing.json")
    assert first["cells"] == 12 and first["compiled"] > 5
    assert finish(start(SEARCHED, 8, tmp_path, tmp_path / "again")) == ""
    second = session(tmp_path / "again" / "timing.json")
    assert second["programs"] == first["programs"] and second["compiled"] == 0
    assert second["compile"] < first["compile"]


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


@pytest.mark.slow
def test_two_processes_write_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxface.audit.runner.build", planted.build)
    whole = audit.run(dataclasses.replace(planted.CONFIG, identities=5), tmp_path / "alone")
    out, meet = tmp_path / "together", f"localhost:{free_port()}"
    both = [start(JOINED, 1, tmp_path, out, meet, number, whole.config.alpha) for number in (0, 1)]
    assert [finish(process) for process in both] == ["", ""]
    together = audit.load(out)
    same(whole, together)
    cells = [session(out / name)["cells"] for name in ("timing.json", "timing-1.json")]
    assert cells == [6, 4]  # three and two people of two expressions


@pytest.mark.slow
def test_processes_with_other_configs_are_refused_all(tmp_path: Path) -> None:
    meet = f"localhost:{free_port()}"
    both = [
        start(JOINED, 1, tmp_path, tmp_path / "out", meet, number, alpha)
        for number, alpha in ((0, 0.05), (1, 0.01))
    ]
    said = [finish(process) for process in both]
    assert all(StoreError.__name__ in text for text in said)
    assert "process 1 could not join the run; its own message says why" in said[0]
    assert "alpha was 0.05, is now 0.01" in said[1]


def test_processes_that_cannot_meet_end_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["audit", "--config", "smoke", "--coordinator", "localhost:1", "--process", "0"]) == 2
    assert "missing: processes" in capsys.readouterr().err
