"""One program over all local devices: each has its share of a batch, and all of them the whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "batch"


def mesh_for(examples: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """As many devices of this process as divide a number of examples.

    Args:
        devices: to choose from; None = all local ones.
    """
    there = list(devices or jax.local_devices())
    return Mesh(np.array(there[: math.gcd(examples, len(there))]), (_AXIS,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """A pytree with a copy on every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, jax.Array]:
    """A batch, (B, ...) each, with a share of its rows on every device."""
    return jax.device_put(dict(batch), NamedSharding(mesh, PartitionSpec(_AXIS)))
