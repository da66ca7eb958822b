"""Training of a study's networks: a number of steps, without validation or checkpoints."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from jaxface.frameworks.common.framework import Info, Programs, TrainState
from jaxface.frameworks.common.loop import iterate_steps, to_scalars


def train_steps(
    fns: Programs,
    stream: Iterator[Mapping[str, Any]],
    steps: int,
    seed: int,
    state: TrainState | None = None,
) -> tuple[TrainState, dict[str, float], float]:
    """Train for a number of steps on the default device.

    Args:
        stream: of batches; at least `steps` of them.
        seed: of the first parameters and of every step.
        state: to begin with; None = drawn by the seed.

    Returns:
        The state, the scalars of the last step, and the CPU seconds (all threads) of all steps but the first,
        which compiles.
    """
    start_time = time.process_time()
    info: Info = {}
    for step, (after, info) in zip(range(steps), iterate_steps(fns, stream, seed, state), strict=False):
        state = after
        if step == 0:
            jax.block_until_ready(info)
            start_time = time.process_time()
    if state is None:
        raise ValueError(f"steps = {steps}: must be at least 1")
    scalars = to_scalars(info)
    jax.block_until_ready(state)
    return state, scalars, time.process_time() - start_time
