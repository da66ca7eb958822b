"""What the first audit on a machine costs in compiling: programs, and seconds, from empty caches.

    python -m benchmarks.first_minute [CHECKOUT ...] --out benchmarks/results

Runs `jaxface audit --config quick` in each checkout twice, with a cache of its own: the second run compiles
nothing, so the difference of their CPU seconds is what XLA's compiler costs. Both trace and lower their
programs, which takes `trace_and_lower_wall_s`. One JSON line a checkout, with the programs that took longest.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from jaxface.bench import harness

_CHILD = """
import json, sys, resource
import jax.monitoring
from jaxface.cli.main import main
programs, hits, python = [], [], []
def duration(event, seconds, **kwargs):
    if event.endswith(("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration")):
        python.append(seconds)
    if event.endswith("backend_compile_duration"):
        programs.append((round(seconds, 3), str(kwargs.get("fun_name", ""))))
jax.monitoring.register_event_duration_secs_listener(duration)
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))
try:
    code = main(json.loads(sys.argv[1]))
except SystemExit as error:
    code = error.code
usage = resource.getrusage(resource.RUSAGE_SELF)
cached = sum(event == "/jax/compilation_cache/cache_hits" for event in hits)
print("RESULT" + json.dumps({"cpu_s": usage.ru_utime + usage.ru_stime, "programs": programs,
                             "from_cache": cached, "python_s": sum(python), "code": code}))
"""


@dataclass(frozen=True)
class Settings:
    """Measure the first and the second audit."""

    checkouts: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("."),)
    """Folders of jaxface; several are compared."""

    config: str = "quick"
    """The audit."""

    identities: int | None = None
    """People; None = as the config says. Fewer take less time, and compile the same programs."""

    out: Path = Path("benchmarks/results")
    """A .jsonl file, or a folder for dated ones."""

    longest: int = 30
    """Programs that are listed."""


def audit(checkout: Path, options: list[str], cache: Path, out: Path) -> dict[str, Any]:
    """Run one audit in a process of its own; return its CPU and wall seconds and its programs."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve()), "XDG_CACHE_HOME": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    arguments = json.dumps(["audit", *options, "--out", str(out), "--quiet"])
    start = time.perf_counter()
    command = [sys.executable, "-c", _CHILD, arguments]
    process = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    lines = [line for line in process.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        raise SystemExit(process.stderr)
    return {**json.loads(lines[0].removeprefix("RESULT")), "wall_s": time.perf_counter() - start}


def main() -> None:
    """Run the command."""
    settings = tyro.cli(Settings, description=__doc__)
    file = harness.results_file(settings.out, "first-minute")
    options = ["--config", settings.config]
    if settings.identities is not None:
        options += ["--identities", str(settings.identities)]
    for checkout in settings.checkouts:
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder, "cache")
            first = audit(checkout, options, cache, Path(folder, "first"))
            second = audit(checkout, options, cache, Path(folder, "second"))
        longest = sorted(first["programs"], reverse=True)[: settings.longest]
        row = {
            "name": " ".join(["audit", *options]),
            "checkout": harness.git_commit(checkout.resolve()),
            "programs": len(first["programs"]) - first["from_cache"],
            "programs_second": len(second["programs"]) - second["from_cache"],
            "cpu_s": first["cpu_s"],
            "cpu_s_second": second["cpu_s"],
            "compile_cpu_s": first["cpu_s"] - second["cpu_s"],
            "wall_s": first["wall_s"],
            "wall_s_second": second["wall_s"],
            "trace_and_lower_wall_s": first["python_s"],
            "compile_wall_s": sum(seconds for seconds, _ in first["programs"]),
            "longest": longest,
        }
        record = harness.stamp(row)
        print(json.dumps(record), flush=True)
        harness.append(file, record)


if __name__ == "__main__":
    main()
