"""The kind of device that programs are made for: how they are laid out, not where they run.

Two layouts give the same results. On a CPU small stages follow one another and stay in the cache.
An accelerator wants few wide operations: cases side by side, no branches, pictures by tiles.
"""

import contextlib
import os
from collections.abc import Iterator

import jax

from jaxface.core.errors import ConfigError

VARIABLE = "JAXFACE_LAYOUT"
"""Environment variable that chooses: cpu, gpu or tpu; none = by JAX's default backend."""

LAYOUTS = ("cpu", "gpu", "tpu")

_forced: list[str] = []


def layout() -> str:
    """Return the kind of device that programs are made for: cpu, gpu or tpu.

    Raises:
        ConfigError: the environment variable names no layout.
    """
    name = _forced[-1] if _forced else os.environ.get(VARIABLE) or jax.default_backend()
    if name not in LAYOUTS:
        if os.environ.get(VARIABLE):
            raise ConfigError(f"{VARIABLE} is {name!r}; it must be one of {', '.join(LAYOUTS)}")
        return "gpu"  # a backend that is not ours to know: fetching is the safe choice
    return name


def for_accelerators() -> bool:
    """Return whether programs are made for a GPU or TPU."""
    return layout() != "cpu"


@contextlib.contextmanager
def use_layout(name: str) -> Iterator[None]:
    """Make programs for cpu, gpu or tpu within a block; what was traced before is forgotten.

    For tests, and for compiling ahead for a device that is not here.
    """
    jax.clear_caches()
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()
        jax.clear_caches()
