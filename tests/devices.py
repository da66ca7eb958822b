"""XLA's flags: those of the suite, and those of processes with another number of devices."""

import importlib.util
import mmap
import os
from pathlib import Path

_EMITTERS = "xla_cpu_use_fusion_emitters"


def quick_flags() -> str:
    """Return two devices and what XLA compiles soonest with: most of the suite's time is its own.

    Programs that run once for a moment are not worth LLVM's optimisations, and without them a test file takes
    .65 to .73 of the CPU time; with the older emitters of fusions, before MLIR's, .6 of that.
    """
    flags = ["--xla_force_host_platform_device_count=2", "--xla_backend_optimization_level=0"]
    return " ".join([*flags, f"--{_EMITTERS}=false"] if _is_known(_EMITTERS) else flags)


def users_options() -> dict[str, bool]:
    """Return compiler options for a program whose last bits must be those of users."""
    return {_EMITTERS: True} if _is_known(_EMITTERS) else {}


def _is_known(flag: str) -> bool:
    """Return whether this jaxlib has the flag: XLA ends a process that names another."""
    jaxlib = importlib.util.find_spec("jaxlib")
    folders = (jaxlib and jaxlib.submodule_search_locations) or []
    return any(_holds(path, flag) for folder in folders for path in Path(folder).glob("libjax_common.*"))


def _holds(path: Path, text: str) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text.encode()) >= 0


def xla_flags(devices: int) -> str:
    """This process's XLA flags with so many devices: what is compared is compiled alike."""
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]
    return " ".join([f"--xla_force_host_platform_device_count={devices}", *flags])
