"""Peak memory of loading the largest published file: Segmentation-VGG19, 170 M numbers, 651 MB.

    JAXFACE_SHARED=../shared python -m benchmarks.checkpoint_memory --out benchmarks/results

The file is written like that of the authors' training script, with the fixture's arbitrary weights,
and loaded in a process of its own. `peak_mb` is the peak of this process, including the interpreter
and JAX (`before_mb`). The goal is less than twice the file.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

from benchmarks.rows import write_rows
from jaxface import classify
from jaxface.bench import harness
from tests import classifier_fixtures as fixtures
from tests.torch_files import save_zip

NAME = "segvgg19-fer2013"


def load(file: Path, out: Path | None) -> None:
    """Measure and print one line."""
    jax.block_until_ready(jax.numpy.zeros(1))
    harness.forget_peak()
    before, start, cpu = harness.peak_memory(), time.perf_counter(), time.process_time()
    classifier = classify.load(NAME, file)
    jax.block_until_ready(classifier.state)
    run_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    size, peak = file.stat().st_size / 2**20, harness.peak_memory()
    row = {"name": f"{NAME}/load-checkpoint", "parameters": classifier.card.parameters, "file_mb": size}
    row |= {"peak_mb": peak, "before_mb": before, "peak_to_file": peak / size, "run_s": run_s, "cpu_s": cpu_s}
    write_rows([row], "checkpoint", out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a folder for the dated file of lines")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file is not None:
        load(options.file, options.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        row = next(row for row in fixtures.ROWS if row.name == NAME)
        file = save_zip(Path(folder) / "segvgg19.pth", row.container(fixtures.load(row.file)[0]))
        out = [] if options.out is None else ["--out", str(options.out)]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.checkpoint_memory", "--file", str(file), *out], check=True
        )


if __name__ == "__main__":
    main()
