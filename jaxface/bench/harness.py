"""Timing: compile apart from run, CPU time of the whole process, peak memory; stamped rows in
results files."""

import datetime
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from jaxface.core.runtime import cores, git_commit

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure(function: Callable[..., Any], *arguments: Any, repeats: int = 5) -> dict[str, float]:
    """Time calls of a compiled function.

    Returns:
        `compile_s` (the first call less a later one), `run_s` and `cpu_s` (the minimum of
        `repeats`; `cpu_s` counts all threads of the process, and depends less on what else the
        machine does), `peak_mb` (`peak_memory` over all these calls).
    """
    forget_peak()
    first, _ = seconds(function, *arguments)
    runs = [seconds(function, *arguments) for _ in range(repeats)]
    run, cpu = min(wall for wall, _ in runs), min(cpu for _, cpu in runs)
    return {"compile_s": max(first - run, 0.0), "run_s": run, "cpu_s": cpu, "peak_mb": peak_memory()}


def per_image(count: int, timing: Mapping[str, float]) -> dict[str, float]:
    """Return the timing of a call that took `count` images, with its cost per image."""
    return {
        **timing,
        "images_per_s": count / timing["run_s"],
        "cpu_ms_per_image": 1e3 * timing["cpu_s"] / count,
    }


def peak_memory() -> float:
    """Return the most memory, MB, that this process held since `forget_peak`.

    Where the system cannot forget (it is not Linux): since the process began. Memory of
    accelerators is not counted.
    """
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource  # Windows has neither

        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Reset what `peak_memory` returns, where the system can."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return


def stamp(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with the machine, the date and the commit that it was measured on."""
    device = jax.local_devices()[0]
    return {
        **{name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()},
        "device": f"{device.platform}:{device.device_kind}",
        "devices": jax.local_device_count(),
        "cores": cores(),
        "machine": platform.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "git": commit(),
        "jax": jax.__version__,
    }


def commit() -> str:
    """Return the commit of the running code, with a trailing `+` when the tree differs."""
    return git_commit(Path(__file__).parent) or "unknown"


def results_file(out: Path, suite: str) -> Path:
    """Return `out` itself if it is called .jsonl or .json, else the path of a dated file in that
    folder."""
    if out.suffix in (".jsonl", ".json"):
        return out
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return out / f"{suite}-{today}-{commit().rstrip('+')}.jsonl"


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add one JSON line to a file; create the file if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def seconds(function: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Return the wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    jax.block_until_ready(function(*arguments))
    return time.perf_counter() - wall, time.process_time() - cpu
