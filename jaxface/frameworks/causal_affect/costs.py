"""What the graphs cost next to the backbone alone, and HSIC of all pairs at once next to a loop over them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array
from jaxface.data import Dataset
from jaxface.frameworks.causal_affect import dependence as hsic
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.studies import mixture, task_of_halves
from jaxface.frameworks.causal_affect.train import FRAMEWORK
from jaxface.frameworks.causal_affect.variants import row, variant
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import programs

SIZES = ((8, 32), (12, 64), (20, 64))
"""Units and examples of a batch for which HSIC is measured."""


def steps(
    base: CausalAffectConfig,
    train: TrainConfig,
    halves: tuple[Dataset, Dataset],
    rows: Sequence[int],
    repeats: int,
) -> list[dict[str, Any]]:
    """CPU seconds of a training step of each row, and its ratio to row 1's, the rows taking turns.

    Args:
        rows: numbers in Table 3; row 1 is added where it is missing.
        repeats: steps of each row; the median counts.
    """
    task = task_of_halves(*halves)
    batch = {name: jnp.asarray(each) for name, each in next(mixture(*halves, task, train.batch, 0)).items()}
    numbers = tuple(dict.fromkeys((1, *rows)))
    made = [programs(FRAMEWORK, variant(base, number), task, train) for number in numbers]
    states = [each.first(0) for each in made]
    root = jax.random.key(0)

    def step(place: int) -> None:
        states[place], info = made[place].update(states[place], batch, root)
        jax.block_until_ready((states[place], info))

    seconds = in_turn([functools.partial(step, place) for place in range(len(numbers))], repeats)
    about = {"encoder": base.encoder, "size": task.size, "batch": train.batch, "units": len(task.units)}
    return [
        {**about, "row": number, "name": row(number).name, "cpu_s": cpu, "ratio": cpu / seconds[0]}
        for number, cpu in zip(numbers, seconds, strict=True)
    ]


def dependence(repeats: int, width: int = 64) -> Iterator[dict[str, Any]]:
    """CPU seconds of Eq. 1 and its gradient by the stacked product and by a loop over pairs."""
    for units, batch in SIZES:
        keys = jax.random.split(jax.random.key(0), 3)
        given = (
            jax.random.normal(keys[0], (units, batch, width)),
            jax.random.normal(keys[1], (batch, 2 * width)),
            jax.random.bernoulli(keys[2], 0.3, (units, batch)).astype(jnp.float32),
        )
        ways = {"stacked": hsic.dependences, "loop": by_pairs}
        compiled = [_slope(way).lower(*given).compile() for way in ways.values()]
        first, second = (each(*given) for each in compiled)
        runs = [functools.partial(_whole, run, *given) for run in compiled]
        stacked, loop = in_turn(runs, repeats)
        difference = max(float(jnp.abs(a - b).max()) for a, b in zip(first[1], second[1], strict=True))
        yield {
            "hsic_units": units,
            "batch": batch,
            "width": width,
            "stacked_cpu_s": stacked,
            "loop_cpu_s": loop,
            "ratio": loop / stacked,
            "largest_difference": difference,
        }


def by_pairs(features: Array, embedding: Array, labels: Array, normalised: bool) -> hsic.Dependences:
    """`dependence.dependences` one pair of kernels after another, each of which is centred for itself."""
    units = len(features)
    kernels, whole = [hsic.gaussian_kernel(each) for each in features], hsic.gaussian_kernel(embedding)

    def pair(one: Array, other: Array) -> Array:
        return hsic.dependence_matrix(jnp.stack([one, other]), normalised)[0, 1]

    aligned = [pair(each, hsic.label_kernel(label)) for each, label in zip(kernels, labels, strict=True)]
    apart = [2.0 * pair(kernels[i], kernels[j]) for i in range(units) for j in range(i)]
    zero = jnp.zeros(())
    return hsic.Dependences(
        sum((pair(each, whole) for each in kernels), zero) / units,
        -sum(aligned, zero) / units,
        sum(apart, zero) / units**2,
    )


def in_turn(runs: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Median CPU seconds of calls that take turns, after a first call of each that is not counted."""
    for run in runs:
        run()
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for place, run in enumerate(runs):
            begun = time.process_time()
            run()
            seconds[place].append(time.process_time() - begun)
    return [float(np.median(each)) for each in seconds]


def _whole(run: Callable[..., Any], *given: Array) -> None:
    jax.block_until_ready(run(*given))


def _slope(way: Callable[..., hsic.Dependences]) -> Any:
    """value and gradient of the sum of the terms, normalised."""

    def total(features: Array, embedding: Array, labels: Array) -> Array:
        return sum(way(features, embedding, labels, True), jnp.zeros(()))

    return jax.jit(jax.value_and_grad(total, (0, 1)))
