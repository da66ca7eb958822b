"""Time of the report's occlusion maps for many classifiers, on a finished run's faces.

    python -m benchmarks.occlusion RUN --out benchmarks/results

The run's classifiers are repeated, under new names, until they are COUNT. Every expression is
explained at s = 1 and s = 0, for its target and for the top class. Compiling counts.
"""

import argparse
import dataclasses
import time
from pathlib import Path

from benchmarks.rows import write_rows
from jaxface import audit, classify, face, interventions
from jaxface.bench import harness
from jaxface.core.progress import NullProgress
from jaxface.report import saliency_maps
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.loading import FaceInputs, load_classifiers


def repeat_classifiers(result: audit.AuditResult, count: int) -> audit.AuditResult:
    """Return the run as if it had `count` classifiers: its own, repeated."""
    own = [str(name) for name in result.data.classifier.values]
    which = [index % len(own) for index in range(count)]
    names = [f"{own[index]} {number}" for number, index in enumerate(which)]
    own_classifiers = [classify.load(name) for name in own]
    classifiers = tuple(
        dataclasses.replace(
            own_classifiers[index], card=dataclasses.replace(own_classifiers[index].card, name=name)
        )
        for index, name in zip(which, names, strict=True)
    )
    data = result.data.load().isel(classifier=which, evaluator=which)
    data = data.assign_coords(classifier=names, evaluator=names)
    return dataclasses.replace(
        result, config=dataclasses.replace(result.config, classifiers=classifiers), data=data
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished audit of bundled classifiers")
    parser.add_argument("--count", type=int, default=17, help="classifiers")
    parser.add_argument("--out", type=Path, help="a folder for the dated file of lines")
    options = parser.parse_args()
    result = repeat_classifiers(audit.load(options.run), options.count)
    classifiers, _ = load_classifiers(result)
    renderer = FaceRenderer(result, FaceInputs(face.load("bundled"), interventions.Symmetry()))
    start, cpu = time.perf_counter(), time.process_time()
    saliency_maps.explain(result, renderer, classifiers, "occlusion", NullProgress())
    row = {
        "name": "occlusion maps",
        "classifiers": options.count,
        "expressions": result.data.sizes["expression"],
        "run_s": time.perf_counter() - start,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": harness.peak_memory(),
    }
    write_rows([row], "occlusion", options.out)


if __name__ == "__main__":
    main()
