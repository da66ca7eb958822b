"""Strict JAX for all tests: silent broadcasting across ranks is an error."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of the suite's time is LLVM's: programs that run once for a moment are not worth its optimisations, and
# without them a test file takes .65 to .73 of the CPU time.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
)

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


_MAPS = Path("/proc/self/maps")
_MANY = 16_000  # a quarter of what Linux gives a process


@pytest.fixture(autouse=True, scope="module")
def forget_programs() -> Iterator[None]:
    """Every compiled program holds mapped memory; a thousand tests' run into the kernel's limit, and crash."""
    yield
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MANY:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)
