"""The same numbers on any number of devices and processes, and after a kill in another arrangement."""

import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray
from jax.experimental.compilation_cache import compilation_cache

from jaxface import audit
from jaxface.cli import main
from jaxface.search import SearchConfig
from tests import fake_audit
from tests.devices import xla_flags

REPOSITORY = Path(__file__).parent.parent
THRESHOLD = "jax_persistent_cache_min_compile_time_secs"
PEOPLE = 10
SEARCHED = dataclasses.replace(
    fake_audit.CONFIG, identities=5, search=SearchConfig(method="gradient", gradient_steps=3, starts=1)
)
"""With a search by gradient: on two devices one after another, on eight side by side."""

SURVEY = dataclasses.replace(
    fake_audit.CONFIG,
    identities=3,
    intervention=("grey", "null"),
    intervention_settings={"steps": 2},
    time_steps=2,
)

SEARCHES = """
import sys
from jaxface import audit
from jaxface.core.runtime import enable_compile_cache
from tests.test_audit_devices import SEARCHED
enable_compile_cache()
audit.run(SEARCHED, sys.argv[1])
"""

GUESSES = f"""
import dataclasses, sys
from jaxface import audit
from jaxface.core import processes
from jaxface.core.errors import StoreError
if len(sys.argv) > 2:
    process = int(sys.argv[3])
    processes.initialize_distributed(sys.argv[2], 2, process)
from tests import fake_audit
config = dataclasses.replace(fake_audit.CONFIG, identities={PEOPLE})
if len(sys.argv) > 2:
    other = dataclasses.replace(config, alpha=(0.05, 0.01)[process])
    try:
        audit.run(other, sys.argv[1] + "-refused", searcher_factory=fake_audit.build)
    except StoreError as error:
        print(error)
result = audit.run(config, sys.argv[1], searcher_factory=fake_audit.build)
assert result.data["done"].all()
if len(sys.argv) > 2:
    from tests.test_audit_devices import SURVEY
    audit.survey(SURVEY, sys.argv[1] + "-survey", searcher_factory=fake_audit.build)
"""
"""Without a search; as one of two processes, which differ at first and then run a survey."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One compile cache for this process and all that it starts."""
    folder = tmp_path_factory.mktemp("cache")
    before = {name: getattr(jax.config, name) for name in ("jax_compilation_cache_dir", THRESHOLD)}
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update(THRESHOLD, 0.0)
    compilation_cache.reset_cache()
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> audit.AuditResult:
    """The audit of `GUESSES`, uninterrupted, in this process."""
    config = dataclasses.replace(fake_audit.CONFIG, identities=PEOPLE)
    return audit.run(config, tmp_path_factory.mktemp("whole"), searcher_factory=fake_audit.build)


def start(script: str, devices: int, cache: Path, *arguments: object) -> subprocess.Popen:
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "XLA_FLAGS": xla_flags(devices),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen) -> str:
    """Return what it printed."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    return output.decode()


def session(path: Path) -> dict[str, float]:
    return json.loads(path.read_text())["sessions"][-1]


def same(one: audit.AuditResult, other: audit.AuditResult) -> None:
    xarray.testing.assert_identical(
        one.data.drop_vars("search_cpu_seconds").load(), other.data.drop_vars("search_cpu_seconds").load()
    )
    np.testing.assert_equal(one.summary.to_json(), other.summary.to_json())
    for table in ("scores", "significance", "accuracy", "activation", "transfer"):
        assert (one.folder / f"{table}.csv").read_bytes() == (other.folder / f"{table}.csv").read_bytes()


@pytest.mark.slow
def test_two_and_eight_devices_give_the_same_bits_and_nothing_is_compiled_twice(
    tmp_path: Path, cache: Path
) -> None:
    assert jax.local_device_count() == 2
    two = audit.run(SEARCHED, tmp_path / "two")
    assert (two.data["search_forward_calls"] > 0).all() and (two.data["search_gradient_calls"] > 0).any()
    finish(start(SEARCHES, 8, cache, tmp_path / "eight"))
    same(two, audit.load(tmp_path / "eight"))
    first = session(tmp_path / "eight" / "timing.json")
    assert first["devices"] == 8 and first["cells"] == 10 and first["compiled"] > 5
    finish(start(SEARCHES, 8, cache, tmp_path / "again"))
    second = session(tmp_path / "again" / "timing.json")
    assert second["programs"] == first["programs"] and second["compiled"] == 0
    assert second["compile"] < first["compile"]


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


@pytest.mark.slow
def test_two_processes_write_one_store_and_all_refuse_where_one_must(
    tmp_path: Path, cache: Path, whole: audit.AuditResult
) -> None:
    out, meet = tmp_path / "together", f"localhost:{free_port()}"
    both = [start(GUESSES, 2, cache, out, meet, number) for number in (0, 1)]
    outputs = [finish(process) for process in both]
    assert "process 1 could not join the run; see its own message" in outputs[0]
    assert "alpha was 0.05, is now 0.01" in outputs[1]
    same(whole, audit.load(out))
    cells = [session(out / name)["cells"] for name in ("timing.json", "timing-1.json")]
    assert cells == [PEOPLE, PEOPLE]  # half of the people each, two expressions
    alone = audit.survey(SURVEY, tmp_path / "alone", searcher_factory=fake_audit.build)
    shared = audit.load_survey(tmp_path / "together-survey")
    for name, result in alone.runs.items():
        same(result, shared.runs[name])
    assert (shared.folder / "interventions.csv").read_bytes() == (
        alone.folder / "interventions.csv"
    ).read_bytes()


def groups_done(folder: Path) -> int:
    return len(list((folder / "surfaces.zarr" / "done" / "c").rglob("[0-9]*/*/[0-9]*")))


@pytest.mark.slow
def test_killed_at_random_and_resumed_is_bit_identical(
    tmp_path: Path, cache: Path, whole: audit.AuditResult
) -> None:
    """At moments nobody chose: a kill that came too late is none."""
    out, success = tmp_path / "killed", False
    for _ in range(3):
        process, before = start(GUESSES, 2, cache, out), groups_done(out)
        while groups_done(out) <= before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        success = process.returncode == -signal.SIGKILL
        if success:
            break
    assert success
    finish(start(GUESSES, 2, cache, out))
    result = audit.load(out)
    assert bool(whole.data["done"].all())
    same(whole, result)


def test_processes_that_cannot_meet_end_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["audit", "--config", "smoke", "--coordinator", "localhost:1", "--process", "0"]) == 2
    assert "missing: processes" in capsys.readouterr().err
