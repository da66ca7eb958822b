"""`jaxface.stats.cmiknn` beside tigramite's CMIknn: the same data and settings, CPU seconds of one
process each.

taskset -c 0 python -m benchmarks.tigramite_peer PYTHON_WITH_TIGRAMITE --out benchmarks/results
"""

import json
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from benchmarks.rows import write_rows
from jaxface.bench.harness import measure
from jaxface.bench.independence import simulate
from jaxface.core.errors import ConfigError
from jaxface.stats import cmiknn

_PEER = """
import json, sys, time
import numpy as np, tigramite
from tigramite.independence_tests.cmiknn import CMIknn
data = json.loads(sys.stdin.read())
x, y, z = (np.array(data[name])[:, None] for name in "xyz")
settings = dict(knn=0.1, shuffle_neighbors=5, significance="shuffle_test", workers=1)
CMIknn(sig_samples=5, **settings).run_test_raw(x[:100], y[:100], z[:100])
wall, cpu = time.perf_counter(), time.process_time()
statistic, p_value = CMIknn(sig_samples=data["surrogates"], **settings).run_test_raw(x, y, z)
print(json.dumps({"run_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
                  "statistic": float(statistic), "p_value": float(p_value)}))
"""


@dataclass(frozen=True)
class Settings:
    """What is compared."""

    python: tyro.conf.Positional[str]
    """A Python executable that has tigramite."""

    size: int = 1000
    """Samples."""

    surrogates: int = 500
    """Shuffles."""

    effect: float = 0.5
    """Of the simulated data, as in `jaxface bench independence`."""

    repeats: int = 2
    """Timed calls; the fastest counts."""

    out: Path | None = None
    """Results file (.jsonl), or a folder for dated files."""


def row(settings: Settings) -> dict[str, Any]:
    """Run both tests on the same samples, and return the row.

    Raises:
        ConfigError: tigramite does not run.
    """
    x, y, z = simulate("continuous", False, settings.size, settings.effect, np.random.default_rng(0))
    data = {name: np.asarray(values).tolist() for name, values in zip("xyz", (x, y, z), strict=True)}
    test, key = partial(cmiknn, surrogates=settings.surrogates), jax.random.key(0)
    timing = measure(test, x, y, z, key, repeats=settings.repeats)
    process = subprocess.run(
        [settings.python, "-c", _PEER],
        input=json.dumps(data | {"surrogates": settings.surrogates}),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        last_line = process.stderr.strip().splitlines()[-1:]
        raise ConfigError(f"{settings.python} could not run tigramite: {last_line}")
    peer, result = json.loads(process.stdout.splitlines()[-1]), test(x, y, z, key)
    return {
        "name": "cmiknn against tigramite",
        "samples": settings.size,
        "surrogates": settings.surrogates,
        **timing,
        "statistic": result.statistic,
        "p_value": result.p_value,
        **{f"peer_{name}": value for name, value in peer.items()},
        "times_faster": peer["cpu_s"] / timing["cpu_s"],
    }


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    write_rows([row(settings)], "independence", settings.out)


if __name__ == "__main__":
    main()
