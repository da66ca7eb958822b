"""Processes with another number of devices than this one."""

import os


def xla_flags(devices: int) -> str:
    """This process's XLA flags with so many devices: what is compared is compiled alike."""
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]
    return " ".join([f"--xla_force_host_platform_device_count={devices}", *flags])
