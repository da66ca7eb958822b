"""A run that is killed, at a moment nobody chose, and called again ends with the same numbers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray

from jaxface import audit

REPOSITORY = Path(__file__).parent.parent
IDENTITIES = 12
RUN = f"""
import dataclasses, sys
from jaxface.audit import runner
from tests import planted
runner.build = planted.build
config = dataclasses.replace(planted.CONFIG, identities={IDENTITIES})
runner.run(config, sys.argv[1])
"""


def start(folder: Path, cache: Path) -> subprocess.Popen:
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE
    )


def groups_done(folder: Path) -> int:
    return len(list((folder / "surfaces.zarr" / "done" / "c").rglob("[0-9]*/*/[0-9]*")))


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()


@pytest.mark.slow
def test_killed_at_random_and_resumed_is_bit_identical(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    finish(start(tmp_path / "whole", cache))
    killed = 0
    for _ in range(3):
        process = start(tmp_path / "killed", cache)
        before = groups_done(tmp_path / "killed")
        while groups_done(tmp_path / "killed") <= before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 1
    finish(start(tmp_path / "killed", cache))
    whole, resumed = audit.load(tmp_path / "whole"), audit.load(tmp_path / "killed")
    assert bool(whole.data["done"].all())
    xarray.testing.assert_identical(
        whole.data.drop_vars("search_cpu_seconds").load(), resumed.data.drop_vars("search_cpu_seconds").load()
    )
    for table in ("scores", "significance", "accuracy", "activation", "transfer"):
        assert (whole.folder / f"{table}.csv").read_bytes() == (resumed.folder / f"{table}.csv").read_bytes()
