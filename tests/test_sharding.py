"""Cases over devices: every case gets its own result, wherever it sits."""

import os
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core import processes
from jaxface.core.clock import Clock
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.sharding import (
    all_devices,
    compile_program,
    map_cases,
    mesh_for,
    shard_batch,
    sharding_for,
)


def scaled(factor, numbers, keys, active=None):
    def one(number, key):
        return number * factor, jax.random.uniform(key, (3,)) + number

    return map_cases(one, numbers, keys)


@pytest.mark.parametrize("slots", [2, 3])
def test_every_case_gets_its_own_result(key, slots: int) -> None:
    sharding = all_devices(slots)
    assert sharding.mesh.size == 2 and sharding.capacity == 2 * slots
    numbers, keys = np.arange(1, 5, dtype=np.float32), jax.random.split(key, 4)
    uniform = np.stack([jax.random.uniform(one, (3,)) for one in keys])
    factor = sharding.replicate(np.float32(10.0))
    for active in (None, [True] * 4, [False, True, False, True]):
        mask = np.ones(4, bool) if active is None else np.array(active)
        products, sums = sharding(scaled, factor, numbers, keys, active=None if active is None else mask)
        np.testing.assert_array_equal(products[mask], 10 * numbers[mask])
        np.testing.assert_allclose(sums[mask], (uniform + numbers[:, None])[mask], rtol=1e-6)
    assert compile_program(scaled, sharding.mesh)._cache_size() >= 1


def test_active_cases_are_assigned_evenly() -> None:
    sharding = all_devices(3)
    assignment = sharding.assign(np.array([True, False, True, True, False, True]))
    assert sorted(assignment.case_index) == list(range(6))
    np.testing.assert_array_equal(assignment.active.reshape(2, 3).sum(axis=1), [2, 2])
    np.testing.assert_array_equal(
        assignment.active[assignment.slot_index], [True, False, True, True, False, True]
    )
    np.testing.assert_array_equal(assignment.case_index[assignment.slot_index], np.arange(6))
    with pytest.raises(ValueError, match="7 cases do not fit into 6 slots"):
        sharding.assign(np.ones(7, bool))


def test_a_batch_of_one_case_takes_one_device() -> None:
    assert (sharding_for(1).mesh.size, sharding_for(1).slots) == (1, 1)
    assert (sharding_for(5).mesh.size, sharding_for(5).slots) == (2, 3)


def test_cpu_devices_share_what_is_replicated() -> None:
    replica = all_devices(1).replicate(jnp.ones(1000))
    assert len({shard.data.unsafe_buffer_pointer() for shard in replica.addressable_shards}) == 1


def test_a_batch_is_split_over_the_devices_that_divide_it() -> None:
    assert (mesh_for(4).size, mesh_for(3).size) == (2, 1)
    batch = shard_batch({"image": np.arange(8.0).reshape(4, 2)}, mesh_for(4))
    assert [shard.data.shape for shard in batch["image"].addressable_shards] == [(2, 2), (2, 2)]


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_cases_that_are_not_active_get_the_default(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    numbers, active = jnp.array([1.0, 4.0, 9.0]), jnp.array([True, False, True])

    def fn(number: jax.Array, index: jax.Array) -> dict[str, jax.Array]:
        return {"root": jnp.sqrt(number), "pair": jnp.full(2, index)}

    indices = jnp.arange(3)
    results = map_cases(fn, numbers, indices)
    np.testing.assert_array_equal(results["root"], [1.0, 2.0, 3.0])
    results = jax.jit(
        lambda active: map_cases(fn, numbers, indices, active=active, default={"root": jnp.inf, "pair": -1})
    )(active)
    np.testing.assert_array_equal(results["root"], [1.0, np.inf, 3.0])
    np.testing.assert_array_equal(results["pair"], [[0, 0], [-1, -1], [2, 2]])
    assert results["pair"].dtype == indices.dtype
    np.testing.assert_array_equal(map_cases(fn, numbers, indices, active=active)["root"], [1.0, 0.0, 3.0])


def test_a_cpu_computes_only_the_active_cases() -> None:
    calls = []

    def fn(number: jax.Array) -> jax.Array:
        jax.debug.callback(lambda value: calls.append(float(value)), number)
        return number

    jax.block_until_ready(map_cases(fn, jnp.arange(3.0), active=jnp.array([False, True, True])))
    jax.effects_barrier()
    assert sorted(calls) == [1.0, 2.0]


def test_the_clock_keeps_compiling_apart_and_counts_nested_traces_once() -> None:
    @jax.jit
    def inner(x):
        time.sleep(0.1)  # while it is traced
        return x + 1

    @jax.jit
    def outer(x):
        time.sleep(0.1)
        return inner(x) * 2

    with Clock() as clock:
        with clock.during("work"):
            jax.block_until_ready(outer(jnp.ones(3)))
            time.sleep(0.05)
        spent = sum(clock.seconds.values())
        programs = clock.programs
        with clock.during("work"):
            jax.block_until_ready(outer(jnp.ones(3)))
    assert 0.2 <= clock.seconds["compile"] <= spent - 0.05
    assert clock.seconds["work"] >= 0.05
    assert clock.programs == programs >= 1
    outer(jnp.ones(4))
    assert clock.programs == programs  # it is closed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("host:1", None, 0), "missing: processes"),
        (("host:1", 2, 2), "process = 2 of 2 processes: must be from 0 to 1"),
        (("host", 2, 1), r"coordinator = 'host': must be HOST:PORT"),
    ],
)
def test_processes_that_cannot_meet_are_refused(settings: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        processes.initialize_distributed(*settings)


def test_a_process_that_is_lost_is_told_of_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ValueError("UNKNOWN: Gloo AllGather failed:\nConnection reset by peer")

    def fails() -> None:
        raise ConfigError("no such head")

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", gone)
    with pytest.raises(StoreError, match=r"lost before all could judge the run.*reset by peer"):
        processes.run_on_all(lambda: 1, "judge the run")
    with pytest.raises(ConfigError, match="no such head"):
        processes.run_on_all(fails, "load")


def test_importing_everything_leaves_the_backend_alone() -> None:
    """Else neither the number of CPU devices nor `jax.distributed` could be set any more."""
    script = (
        "import jax, jaxface.cli.audit, jaxface.cli.search, jaxface.bench\n"
        "from jaxface.core import runtime\n"
        "runtime.use_all_cores()\n"
        "assert jax.local_device_count() == max(runtime.cores(), 2)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    process = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
