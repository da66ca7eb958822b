"""Cost of the graphs compared with the backbone alone, and of HSIC by one product compared with a loop."""

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
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, row, variant
from jaxface.frameworks.causal_affect.train import FRAMEWORK
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import programs
from studies.causal_affect.halves import mixture, task_of_halves

SIZES = ((8, 32), (12, 64), (20, 64))
"""Units and examples of a batch for which HSIC is timed."""


def time_steps(
    base: CausalAffectConfig,
    train: TrainConfig,
    halves: tuple[Dataset, Dataset],
    rows: Sequence[int],
    repeats: int,
) -> list[dict[str, Any]]:
    """Return CPU seconds of a training step of each row, and its ratio to row 1's; the rows take turns.

    Args:
        rows: numbers in Table 3; row 1 is added where it is missing.
        repeats: steps of each row; the median counts.
    """
    task = task_of_halves(*halves)
    batch = jax.device_put(next(mixture(*halves, task, train.batch, 0)))
    numbers = tuple(dict.fromkeys((1, *rows)))
    fns = [programs(FRAMEWORK, variant(base, number), task, train) for number in numbers]
    states = [each.init(0) for each in fns]
    root = jax.random.key(0)

    def step(index: int) -> None:
        states[index], info = fns[index].update(states[index], batch, root)
        jax.block_until_ready((states[index], info))

    seconds = time_in_turn([functools.partial(step, index) for index in range(len(numbers))], repeats)
    about = {"encoder": base.encoder, "size": task.size, "batch": train.batch, "units": len(task.units)}
    return [
        {**about, "row": number, "name": row(number).name, "cpu_s": cpu, "ratio": cpu / seconds[0]}
        for number, cpu in zip(numbers, seconds, strict=True)
    ]


def time_dependence(repeats: int, width: int = 64) -> Iterator[dict[str, Any]]:
    """Yield CPU seconds of Eq. 1 and its gradient by the stacked product and by a loop over pairs."""
    for units, batch in SIZES:
        keys = jax.random.split(jax.random.key(0), 3)
        inputs = (
            jax.random.normal(keys[0], (units, batch, width)),
            jax.random.normal(keys[1], (batch, 2 * width)),
            jax.random.bernoulli(keys[2], 0.3, (units, batch)).astype(jnp.float32),
        )
        fns = [_value_and_grad(fn).lower(*inputs).compile() for fn in (hsic.dependences, dependences_by_pairs)]
        first, second = (fn(*inputs) for fn in fns)
        product, loop = time_in_turn([functools.partial(_block, fn, *inputs) for fn in fns], repeats)
        difference = max(float(jnp.abs(a - b).max()) for a, b in zip(first[1], second[1], strict=True))
        yield {
            "hsic_units": units,
            "batch": batch,
            "width": width,
            "stacked_cpu_s": product,
            "loop_cpu_s": loop,
            "ratio": loop / product,
            "largest_difference": difference,
        }


def dependences_by_pairs(features: Array, embedding: Array, labels: Array, normalize: bool) -> hsic.Dependences:
    """`dependence.dependences` one pair of kernels after another, each centred separately."""
    units = len(features)
    kernels = [hsic.gaussian_kernel(unit) for unit in features]
    embedding_kernel = hsic.gaussian_kernel(embedding)

    def pair(one: Array, other: Array) -> Array:
        return hsic.dependence_matrix(jnp.stack([one, other]), normalize)[0, 1]

    with_label = [pair(kernel, hsic.label_kernel(label)) for kernel, label in zip(kernels, labels, strict=True)]
    between_units = [2.0 * pair(kernels[i], kernels[j]) for i in range(units) for j in range(i)]
    zero = jnp.zeros(())
    return hsic.Dependences(
        sum((pair(kernel, embedding_kernel) for kernel in kernels), zero) / units,
        -sum(with_label, zero) / units,
        sum(between_units, zero) / units**2,
    )


def time_in_turn(runs: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Return median CPU seconds of calls that take turns, after a first call of each that is not counted."""
    for run in runs:
        run()
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for index, run in enumerate(runs):
            start_time = time.process_time()
            run()
            seconds[index].append(time.process_time() - start_time)
    return [float(np.median(times)) for times in seconds]


def _block(fn: Callable[..., Any], *inputs: Array) -> None:
    jax.block_until_ready(fn(*inputs))


def _value_and_grad(fn: Callable[..., hsic.Dependences]) -> Any:
    """Return value and gradient of the sum of the normalized terms."""

    def total(features: Array, embedding: Array, labels: Array) -> Array:
        return sum(fn(features, embedding, labels, True), jnp.zeros(()))

    return jax.jit(jax.value_and_grad(total, (0, 1)))
