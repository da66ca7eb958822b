"""Compilers of accelerators without the accelerator, and what they say of a program.

A TPU's compiler is in `libtpu`, a GPU's in `jax-cuda12-plugin` with ptxas: extras `aot-tpu` and
`aot-gpu`. Peaks are the makers' published figures.
"""

import importlib.util
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Target:
    """A kind of device.

    Attributes:
        layout: of the programs, as in `core.target`.
        topology: its name for the compiler; "" for the CPU of this machine.
        bandwidth: bytes a second, of the device's memory.
        memory: bytes.
        clock: cycles a second; 0 where the compiler counts none.
    """

    layout: str
    topology: str = ""
    bandwidth: float = 0.0
    memory: float = 0.0
    clock: float = 0.0


TARGETS = {
    "v5e": Target("tpu", "v5e:2x2", bandwidth=819e9, memory=16e9, clock=1.5e9),
    "v5p": Target("tpu", "v5p:2x2x1", bandwidth=2765e9, memory=95e9, clock=1.75e9),
    "h100": Target("gpu", "h100", bandwidth=3352e9, memory=80e9),
    "cpu": Target("cpu"),
}


def devices(name: str, topology: str = "") -> list[Any]:
    """Return the devices of a target, or of another topology of its platform, without having them.

    Call it before anything else starts JAX's backend.

    Raises:
        ConfigError: the compiler is not installed, or does not start.
    """
    import jax

    target = TARGETS[name]
    if target.layout == "cpu":
        return list(jax.local_devices())
    if "JAX_PLATFORMS" not in os.environ:  # which JAX has read already: it would look for the device
        jax.config.update("jax_platforms", "cpu")
    start = _tpu if target.layout == "tpu" else _gpu
    try:
        return list(start(topology or target.topology).devices)
    except Exception as error:  # the plug-in's own
        raise ConfigError(f"the compiler for {name} does not start: {error}") from error


def _tpu(topology: str) -> Any:
    from jax.experimental import topologies

    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    if "TPU_LIBRARY_PATH" not in os.environ:
        folder = _package("libtpu", "aot-tpu")
        os.environ["TPU_LIBRARY_PATH"] = str(folder / "libtpu.so")
    sides = [int(side) for side in topology.split(":")[1].split("x")]
    bounds = [min(side, 2) for side in sides[:2]] + [1] * (len(sides) - 1 if len(sides) == 3 else 1)
    return topologies.get_topology_desc(
        platform="tpu", topology_name=topology, chips_per_host_bounds=bounds[:3]
    )


def _gpu(topology: str) -> Any:
    import jax
    from jax.experimental import topologies

    folder = _package("nvidia.cuda_nvcc", "aot-gpu")
    # Products by cuBLAS: Triton's tiles are chosen by timing them on the device. Without one the compiler
    # refuses some products, and aborts at those of a training step.
    for flag in (f"--xla_gpu_cuda_data_dir={folder}", "--xla_gpu_enable_triton_gemm=false"):
        if flag not in os.environ.get("XLA_FLAGS", ""):
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    jax.devices("cpu")  # finds the plug-in
    text = (resources.files("jaxface.bench") / f"{topology}.textproto").read_text(encoding="ascii")
    return topologies.get_topology_desc(
        topology_name=topology, platform="cuda", target_config=text, topology="1x1x1"
    )


def _package(name: str, extra: str) -> Path:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{name} is not installed; in a checkout: pip install -e '.[{extra}]'")
    return Path(next(iter(spec.submodule_search_locations)))
