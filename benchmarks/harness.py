"""Timing: compile apart from run, CPU time of the whole process, one JSON line a case with date and commit."""

from __future__ import annotations

import datetime
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxface.core.runtime import git_commit

RESULTS = Path(__file__).resolve().parent / "results"


def measure(function: Callable[..., Any], *arguments: Any, repeats: int = 5) -> dict[str, float]:
    """Seconds: `compile_s` (the first call less a later one), `run_s` and `cpu_s` (the least of `repeats`).

    `cpu_s` counts all threads of the process; a busy machine inflates it less than `run_s`.
    """
    first, _ = _once(function, *arguments)
    runs = [_once(function, *arguments) for _ in range(repeats)]
    run, cpu = min(wall for wall, _ in runs), min(cpu for _, cpu in runs)
    return {"compile_s": max(first - run, 0.0), "run_s": run, "cpu_s": cpu}


def _once(function: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(function(*arguments))
    return time.perf_counter() - wall, time.process_time() - cpu


def report(suite: str, **figures: Any) -> dict[str, Any]:
    """Print one case as a JSON line, and append it to `results/<suite>-<date>-<commit>.jsonl`."""
    device = jax.local_devices()[0]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    commit = git_commit(RESULTS.parent) or "unknown"
    line = {
        **{name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()},
        "device": f"{device.platform}:{device.device_kind}",
        "machine": platform.machine(),
        "date": today,
        "git": commit,
        "jax": jax.__version__,
    }
    text = json.dumps(line)
    print(text, flush=True)
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{suite}-{today}-{commit.rstrip('+')}.jsonl").open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return line
