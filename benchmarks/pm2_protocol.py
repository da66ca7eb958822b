"""PM2's Tables 3 to 6 on rendered faces: every method in both directions between two domains.

    python -m benchmarks.pm2_protocol --out benchmarks/results

The source has four women for each man, and action units that one sex seldom shows; the target is balanced. A
network is trained on the source alone, and each method goes on from it for the same number of steps, as in the
paper. Rates and steps were chosen with direct transfer on held-out people of the source (seed 100). A JSON line
for each method, direction and seed, and one with means and sample deviations over seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxface.frameworks.pm2.protocol import Faces, Ground, Learned, Variant

from jaxface.bench.harness import append, results_file, stamp
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.pm2 import protocol
from jaxface.frameworks.pm2.config import AdaptationConfig, Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS

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
    asked = arguments()
    file = results_file(asked.out, "pm2")
    about = {name: getattr(asked, name) for name in (*NUMBERS, *RATES)}
    about |= {"reduction": asked.reduction, "selection": SELECTION, "command": command()}
    base = dataclasses.replace(BASE, reduction=asked.reduction)
    faces = Faces(source=asked.source, target=asked.target, test=asked.test)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}  # by direction and name, a row a seed
    tables = {}
    for source, target in (DOMAINS, DOMAINS[::-1]):
        direction = f"{source} -> {target}"
        for seed in asked.seeds:
            ground = protocol.drawn(source, target, faces, ENCODERS[BASE.encoder].size, seed)
            floor = protocol.truth_parity(ground)
            for variant, network, seconds in networks(asked, base, ground, seed):
                measures = protocol.measured(network, ground)
                tables[variant.name] = variant.table
                found.setdefault(direction, {}).setdefault(variant.name, []).append(measures)
                row = {"name": variant.name, "table": variant.table, "direction": direction, "seed": seed}
                row |= {**measures, "truth_parity": floor, "last": network.info, "train_cpu_s": seconds}
                append(file, known({**row, **about}))
                print(line(f"{direction} {seed} {variant.name}", measures), file=sys.stderr, flush=True)
        for name, rows in found[direction].items():
            means = protocol.over_seeds(rows)
            append(file, known({"name": name, "table": tables[name], "direction": direction, **means, **about}))
    for name, table in tables.items():
        by_seed = zip(*(rows[name] for rows in found.values()), strict=True)
        means = protocol.over_seeds([protocol.over_directions(rows) for rows in by_seed])
        append(file, known({"name": name, "table": table, "direction": "both", **means, **about}))
        print(line(name, means), flush=True)


def networks(
    asked: argparse.Namespace, base: Pm2Config, ground: Ground, seed: int
) -> Iterator[tuple[Variant, Learned, float]]:
    """(variant, network, CPU seconds) of one direction and seed, the source's own first."""
    direct = dataclasses.replace(base, method="direct")
    first, further = (
        TrainConfig(
            steps=steps, batch=32, optimizer=OptimizerConfig("adamw", rate, warmup=min(WARMUP, steps // 2))
        )
        for steps, rate in ((asked.source_steps, asked.source_rate), (asked.steps, asked.rate))
    )
    begun = time.process_time()
    source = protocol.learned(direct, first, ground, seed)
    yield Variant("methods", "source", direct), source, time.process_time() - begun
    for variant in protocol.variants(base):
        if asked.rows and variant.name not in asked.rows:
            continue
        begun = time.process_time()
        network: Learned = protocol.learned(variant.config, further, ground, seed, source.state)
        yield variant, network, time.process_time() - begun


def known(row: dict[str, Any]) -> dict[str, Any]:
    """The row, stamped, with nothing in the place of what has no value: JSON knows no NaN."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return {name: told(value) for name, value in stamp(row).items()}


def line(name: str, measures: dict[str, Any]) -> str:
    """F1, equal opportunity and parity difference in per cent."""
    shown = ("f1", "equal_opportunity", "parity_difference", "source_f1")
    return f"{name:28}" + " ".join(f"{100 * measures[each]:6.2f}" for each in shown)


def command() -> str:
    """As it was given, without the place of its results."""
    given = sys.argv[1:]
    place = given.index("--out") if "--out" in given else len(given)
    return " ".join(["python -m benchmarks.pm2_protocol", *given[:place], *given[place + 2 :]])


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
