"""The machine: compile cache, devices, versions, the state of the checkout."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LIBRARIES = (
    *("jaxface", "jax", "jaxlib", "flax", "optax", "evosax", "numpy", "scipy", "xarray", "zarr"),
    *("grain", "orbax-checkpoint"),
)


def enable_compile_cache() -> Path | None:
    """Keep all compiled programs on disk, so that a second run compiles nothing.

    The command line calls this, programs call `jaxface.enable_compile_cache()` first, the library never does.
    `JAX_COMPILATION_CACHE_DIR` names another folder.

    Returns:
        The folder; None where this user has no home, so that nothing is kept.
    """
    import jax

    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    name = os.environ.get("JAX_COMPILATION_CACHE_DIR") or f"{cache}/jaxface/jit"
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # a container without HOME and without an entry for its user
        return None
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return path


def use_all_cores() -> None:
    """Make one JAX CPU device for each core of this process, so that sharded work uses all of them.

    At least two, because XLA compiles for several devices otherwise than for one. The command line calls this
    before JAX's backend starts; later it does nothing. `JAX_NUM_CPU_DEVICES` and XLA's
    `--xla_force_host_platform_device_count` take precedence.
    """
    import jax

    has_flag = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not has_flag and "JAX_NUM_CPU_DEVICES" not in os.environ:
        with contextlib.suppress(RuntimeError):  # the backend has started
            jax.config.update("jax_num_cpu_devices", max(cores(), 2))


def hasty_options() -> dict[str, Any] | None:
    """Return compiler options for a program that runs once or for a moment; None where there are none.

    Results may differ in the last bit: for whole numbers, and for pictures that are looked at. Not for what an
    audit computes: a head, a person, an expression of another run would no longer be the same.

    A CPU's compiler then leaves out what makes loops fast: random numbers compile in a tenth of the time,
    pictures and nets in half (measured). Starts JAX's backend.
    """
    import jax

    return {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None


def brief(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return `jax.jit(function, **options)` for a program that runs once or for a moment: compiled in haste.

    Within another program it is a part of that, and compiled as that is.
    """
    import jax

    inner = jax.jit(function, **options)

    @functools.cache
    def hasty() -> Callable[..., Any]:
        return jax.jit(function, **options, compiler_options=hasty_options())

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        is_traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((arguments, keywords)))
        return (inner if is_traced else hasty())(*arguments, **keywords)

    return call


def device_problem() -> str:
    """Return why JAX has no device to work on; "" where it has one. Starts JAX's backend."""
    import jax

    try:
        jax.local_devices()
    except Exception as error:  # a plug-in's own, RuntimeError or AssertionError
        platforms = os.environ.get("JAX_PLATFORMS", "")
        cause = f"JAX_PLATFORMS={platforms}" if platforms else "this installation of JAX"
        reason = f" ({error})" if str(error) else ""
        return f"JAX has no device for {cause}{reason}; unset JAX_PLATFORMS to use what there is"
    return ""


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return the versions of jaxface and of the libraries its numbers depend on."""
    releases = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            releases[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            releases[name] = "not installed"
    return releases


def git_commit(folder: str | Path) -> str | None:
    """Return the commit of a checkout, followed by `+` if files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ("git", "-C", str(folder), *arguments), capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def environment() -> dict[str, Any]:
    """Describe the machine for a reader: versions, devices, platform, commit. Starts JAX's backend."""
    import jax

    return {
        "versions": versions(),
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.local_devices()],
        "processes": jax.process_count(),
        "cores": cores(),
        "platform": platform.platform(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": git_commit(Path(__file__).parent),
    }
