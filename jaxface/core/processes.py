"""Several processes of one run, through `jax.distributed`."""

from collections.abc import Callable
from typing import TypeVar

from jaxface.core.errors import ConfigError, StoreError

T = TypeVar("T")


def initialize_distributed(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Join this process to the others, before JAX's backend starts.

    With None for all three, JAX takes them from its environment (`JAX_COORDINATOR_ADDRESS`,
    `JAX_NUM_PROCESSES`, `JAX_PROCESS_ID`) or from the cluster (Slurm, MPI, Kubernetes, TPU).

    Args:
        coordinator: HOST:PORT, where process 0 will listen.
        processes: their number.
        process: the index of this one, from 0.

    Raises:
        ConfigError: only some of the three, impossible numbers, or JAX cannot connect.
    """
    arguments = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in arguments.items() if value is None]
    if missing and len(missing) < 3:
        raise ConfigError(
            "a run of several processes needs coordinator, processes and process; "
            f"missing: {', '.join(missing)}"
        )
    if processes is not None and process is not None and not 0 <= process < processes:
        raise ConfigError(f"process = {process} of {processes} processes: must be from 0 to {processes - 1}")
    if coordinator is not None and not coordinator.rpartition(":")[2].isdigit():
        raise ConfigError(f"coordinator = {coordinator!r}: must be HOST:PORT, such as 10.0.0.1:1234")
    try:
        import jax

        jax.distributed.initialize(coordinator, processes, process)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"JAX cannot join the other processes: {reason}") from None


def run_on_all(action: Callable[[], T], what: str) -> T:
    """Run `action` on every process and return its result. If it fails on one, it fails on all.

    No process then waits for ever. JAX notices a process that dies between two calls (heartbeats, 100 s;
    process 0: at once) and aborts the others: "another task died". One that dies in here is noticed at once.

    Args:
        what: describes the action in the message on the other processes.

    Raises:
        StoreError: another process failed, or was lost.
    """
    import jax
    import numpy as np

    if jax.process_count() == 1:
        return action()
    from jax.experimental import multihost_utils

    failure: Exception | None = None
    try:
        result = action()
    except Exception as error:  # reported to the others before it is raised
        failure = error
    try:
        has_failed = multihost_utils.process_allgather(np.int32(failure is not None))
    except (RuntimeError, ValueError) as error:  # Gloo's: the connection is gone
        if failure is not None:
            raise failure from None
        reason = " ".join(str(error).split())
        raise StoreError(
            f"another process was lost before all could {what}; see its own messages, then start all of them "
            f"again with the same command to resume ({reason})"
        ) from None
    if failure is not None:
        raise failure
    if has_failed.any():
        raise StoreError(f"process {int(np.argmax(has_failed))} could not {what}; see its own message")
    return result


def is_first() -> bool:
    """Return whether this is process 0, which does what only one process may do."""
    import jax

    return jax.process_index() == 0
