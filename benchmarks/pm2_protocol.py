"""PM2's Tables 3 to 6 on rendered faces: every method in both directions between two domains.

    python -m benchmarks.pm2_protocol --out benchmarks/results

The source has four women for each man, and action units that one sex seldom shows; the target is balanced. A
network is trained on the source alone, and each method goes on from it for the same number of steps, as in the
paper. Rates and steps were chosen with direct transfer on held-out people of the source (seed 100). A JSON line
for each method, direction and seed, and one with means and sample deviations over seeds.
"""

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxface.bench.harness import append, results_file, stamp
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.pm2.config import AdaptationConfig, Pm2Config
from jaxface.frameworks.pm2.networks import ENCODERS
from studies.pm2 import protocol
from studies.pm2.protocol import Faces, StudyData, TrainedNetwork, Variant

DOMAINS = ("lab", "wild")
BASE = Pm2Config(
    encoder="small",
    widths=(8, 16, 32, 64),
    features=64,
    hidden=(64,),
    adaptation=AdaptationConfig(discriminator=(64, 64)),
)
WARMUP = 20
NUMBERS = {"source": 3000, "target": 2000, "test": 3000, "source_steps": 1200, "steps": 200}
RATES = {"source_rate": 3e-3, "rate": 1e-3}
SELECTION = "last step; rates and steps by direct transfer, held-out people of the source, seed 100"


def main() -> None:
    options = arguments()
    file = results_file(options.out, "pm2")
    about = {name: getattr(options, name) for name in (*NUMBERS, *RATES)}
    about |= {"reduction": options.reduction, "selection": SELECTION, "command": command()}
    base = dataclasses.replace(BASE, reduction=options.reduction)
    faces = Faces(source=options.source, target=options.target, test=options.test)
    results: dict[str, dict[str, list[dict[str, float]]]] = {}  # by direction and name, a row a seed
    tables = {}
    for source, target in (DOMAINS, DOMAINS[::-1]):
        direction = f"{source} -> {target}"
        for seed in options.seeds:
            data = protocol.render_study_data(source, target, faces, ENCODERS[BASE.encoder].size, seed)
            floor = protocol.label_parity(data)
            for variant, network, seconds in networks(options, base, data, seed):
                metrics = protocol.metrics_row(network, data)
                tables[variant.name] = variant.table
                results.setdefault(direction, {}).setdefault(variant.name, []).append(metrics)
                row = {"name": variant.name, "table": variant.table, "direction": direction, "seed": seed}
                row |= {**metrics, "truth_parity": floor, "last": network.info, "train_cpu_s": seconds}
                append(file, stamp_row({**row, **about}))
                print(line(f"{direction} {seed} {variant.name}", metrics), file=sys.stderr, flush=True)
        for name, rows in results[direction].items():
            means = protocol.over_seeds(rows)
            append(
                file, stamp_row({"name": name, "table": tables[name], "direction": direction, **means, **about})
            )
    for name, table in tables.items():
        by_seed = zip(*(rows[name] for rows in results.values()), strict=True)
        means = protocol.over_seeds([protocol.over_directions(rows) for rows in by_seed])
        append(file, stamp_row({"name": name, "table": table, "direction": "both", **means, **about}))
        print(line(name, means), flush=True)


def networks(
    options: argparse.Namespace, base: Pm2Config, data: StudyData, seed: int
) -> Iterator[tuple[Variant, TrainedNetwork, float]]:
    """Yield (variant, network, CPU seconds) of one direction and seed, the source's own first."""
    direct = dataclasses.replace(base, method="direct")
    first, further = (
        TrainConfig(
            steps=steps, batch=32, optimizer=OptimizerConfig("adamw", rate, warmup=min(WARMUP, steps // 2))
        )
        for steps, rate in ((options.source_steps, options.source_rate), (options.steps, options.rate))
    )
    start = time.process_time()
    source = protocol.train_variant(direct, first, data, seed)
    yield Variant("methods", "source", direct), source, time.process_time() - start
    for variant in protocol.variants(base):
        if options.rows and variant.name not in options.rows:
            continue
        start = time.process_time()
        network = protocol.train_variant(variant.config, further, data, seed, source.state)
        yield variant, network, time.process_time() - start


def stamp_row(row: dict[str, Any]) -> dict[str, Any]:
    """Stamp a row, with None instead of NaN, which JSON does not have."""

    def to_json(value: Any) -> Any:
        if isinstance(value, list):
            return [to_json(item) for item in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return {name: to_json(value) for name, value in stamp(row).items()}


def line(name: str, metrics: dict[str, Any]) -> str:
    """Return F1, equal opportunity and parity difference in per cent."""
    names = ("f1", "equal_opportunity", "parity_difference", "source_f1")
    return f"{name:28}" + " ".join(f"{100 * metrics[key]:6.2f}" for key in names)


def command() -> str:
    """Return the command line without `--out`."""
    argv = sys.argv[1:]
    index = argv.index("--out") if "--out" in argv else len(argv)
    return " ".join(["python -m benchmarks.pm2_protocol", *argv[:index], *argv[index + 2 :]])


def arguments() -> argparse.Namespace:
    """Numbers of images, steps and rates; rows to leave it at; seeds."""
    names = [variant.name for variant in protocol.variants(BASE)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--reduction", choices=("sum", "mean"), default=BASE.reduction)
    parser.add_argument("--rows", nargs="+", choices=names, default=[])
    for name, value in NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, rate in RATES.items():
        parser.add_argument(f"--{name}", type=float, default=rate)
    return parser.parse_args()


if __name__ == "__main__":
    main()
