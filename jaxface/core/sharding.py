"""Work over this process's devices, with JAX's meshes and `shard_map`.

Training runs one program over a mesh, with a part of each batch on every device and the whole state on
all of them. Searches and audits give each device cases of its own: `CaseSharding`.

A device always works on the same number of slots, and some of them may be idle. The program of one
device is therefore the same for any number of cases and of devices, from two on, and so are the
numbers of a case. For a mesh of one device XLA fuses otherwise and may round otherwise in the last bit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxface.core.arrays import rows_of
from jaxface.core.runtime import hasty_options
from jaxface.core.target import for_accelerators
from jaxface.core.types import Array

_AXIS = "batch"


# One program over a mesh ----------------------------------------------------------------------------------


def mesh_for(examples: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Return a mesh of as many devices of this process as divide a number of examples.

    Args:
        devices: to choose from; None = all local ones.
    """
    devices = list(devices or jax.local_devices())
    return Mesh(np.array(devices[: math.gcd(examples, len(devices))]), (_AXIS,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copy a pytree to every device of a mesh."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, jax.Array]:
    """Split a batch, (B, ...) each, by rows over the devices of a mesh."""
    return jax.device_put(dict(batch), NamedSharding(mesh, PartitionSpec(_AXIS)))


# Cases in slots -------------------------------------------------------------------------------------------

CaseProgram = Callable[..., Any]
"""(common, *cases) or (common, *cases, active) -> results; pure. All but `common` have a leading axis over
slots. `active` (slots,) bool marks the slots to work on; the results of the others are not used."""


class SlotAssignment(NamedTuple):
    """Which case sits in which slot.

    Attributes:
        case_index: (capacity,) the case of each slot, device by device; any case for an empty slot.
        active: (capacity,) bool, slots whose case is to be worked on.
        slot_index: (n,) the slot of each case.
    """

    case_index: np.ndarray
    active: np.ndarray
    slot_index: np.ndarray


@dataclass(frozen=True)
class CaseSharding:
    """Devices, and how many cases each of them works on at a time.

    Attributes:
        mesh: one axis, over devices of this process.
        slots: cases of one device.
    """

    mesh: Mesh
    slots: int

    @property
    def capacity(self) -> int:
        """Most cases of one call."""
        return self.mesh.size * self.slots

    def replicate(self, common: Any) -> Any:
        """Copy what all cases share to every device; CPU devices share one copy of it in memory."""
        host = jax.tree.map(lambda leaf: leaf if _is_key(leaf) else np.asarray(leaf), common)
        return replicate(host, self.mesh)

    def __call__(
        self,
        program: CaseProgram,
        common: Any,
        *cases: Any,
        active: Array | np.ndarray | None = None,
        brief: bool = False,
    ) -> Any:
        """Run `program` on n cases and wait for it.

        Args:
            program: the same function object on every call, so that it is compiled once.
            common: what all cases share, from `replicate`.
            cases: pytrees whose leaves have a leading axis n, at most `capacity`.
            active: (n,) bool, the cases to work on, which `program` takes as its last argument; None = all
                of them, and empty slots too: for programs that cost little and take no such argument.
            brief: the program runs for a moment, and is compiled in haste (`core.runtime.hasty_options`).

        Returns:
            the program's results as NumPy arrays with a leading axis n; undefined where not active.
        """
        count = len(jax.tree.leaves(cases)[0])
        assignment = self.assign(np.ones(count, bool) if active is None else np.asarray(active))
        *slots, active_slots = self.scatter(cases, assignment)
        if active is not None:
            slots.append(active_slots)
        return self.gather(self.launch(program, common, *slots, brief=brief), assignment)

    def assign(self, active: np.ndarray) -> SlotAssignment:
        """Assign slots to n cases: the active ones in turn to one device after another, then the others.

        Args:
            active: (n,) bool.
        """
        count = len(active)
        if count > self.capacity:
            raise ValueError(f"{count} cases do not fit into {self.capacity} slots")
        # Slot by slot over all devices, so that few cases still use every device.
        slots = np.arange(self.capacity).reshape(self.mesh.size, self.slots).T.reshape(-1)
        order = np.concatenate([np.flatnonzero(active), np.flatnonzero(~active)])
        case_index, active_slots = np.zeros(self.capacity, int), np.zeros(self.capacity, bool)
        case_index[slots[:count]] = order
        active_slots[slots[: active.sum()]] = True
        slot_index = np.empty(count, int)
        slot_index[order] = slots[:count]
        return SlotAssignment(case_index, active_slots, slot_index)

    def scatter(self, cases: Any, assignment: SlotAssignment) -> tuple[Any, ...]:
        """Put cases into their slots on the devices. Return them, then (capacity,) bool `active`."""
        rows = jax.tree.map(lambda leaf: rows_of(leaf, assignment.case_index), cases)
        return jax.device_put((*rows, assignment.active), NamedSharding(self.mesh, PartitionSpec(_AXIS)))

    def launch(self, program: CaseProgram, common: Any, *slots: Any, brief: bool = False) -> Any:
        """Run `program` on the output of `scatter`; its results stay on the devices, slot by slot."""
        compiled = compile_program(program, self.mesh, True) if brief else compile_program(program, self.mesh)
        return compiled(common, *slots)

    def gather(self, results: Any, assignment: SlotAssignment) -> Any:
        """Fetch results as NumPy arrays, case by case."""
        return jax.tree.map(lambda leaf: leaf[assignment.slot_index], jax.device_get(results))


def all_devices(slots: int, devices: Sequence[jax.Device] | None = None) -> CaseSharding:
    """Return a sharding over devices of this process; None = all of them."""
    return CaseSharding(Mesh(np.array(devices or jax.local_devices()), (_AXIS,)), slots)


def sharding_for(count: int) -> CaseSharding:
    """Return the sharding for one batch of a known size: no more devices than cases."""
    devices = jax.local_devices()[: max(count, 1)]
    return all_devices(-(-max(count, 1) // len(devices)), devices)


def map_cases(fn: Callable[..., Any], *cases: Any, active: Array | None = None, default: Any = 0.0) -> Any:
    """Apply `fn` to each case: one after another on a CPU, all at once on an accelerator.

    On a CPU the numbers of a case then cannot depend on its neighbours, a case that is not active
    costs nothing, and the cache holds the intermediates of one case.

    Args:
        fn: (*case) -> results, of one case.
        cases: pytrees whose leaves have a leading axis n.
        active: (n,) bool, the cases to work on; None = all.
        default: the results of the others: a number, or a prefix of the results with numbers as leaves.

    Returns:
        the results with a leading axis n.
    """
    one_by_one = not for_accelerators()
    if active is None:
        return jax.lax.map(lambda case: fn(*case), cases) if one_by_one else jax.vmap(fn)(*cases)

    fn = jax.jit(fn, inline=True)  # traced once, for the result and for its shape

    def idle(case: tuple[Any, ...]) -> Any:
        shapes = jax.eval_shape(fn, *case)
        fill = jax.tree.broadcast(default, shapes)
        return jax.tree.map(lambda value, leaf: jnp.full(leaf.shape, value, leaf.dtype), fill, shapes)

    def either(is_active: Array, *case: Any) -> Any:
        return jax.lax.cond(is_active, lambda case: fn(*case), idle, case)

    if one_by_one:
        return jax.lax.map(lambda row: either(*row), (active, *cases))
    return jax.vmap(either)(active, *cases)  # a vmapped cond computes both branches and selects


@lru_cache(maxsize=256)
def compile_program(program: CaseProgram, mesh: Mesh, brief: bool = False) -> Any:
    """Return the jitted program, (common, *cases), over the devices of a mesh; `brief`: compiled in haste."""

    def local(common: Any, cases: tuple[Any, ...]) -> Any:
        return program(common, *cases)

    specs = PartitionSpec(), PartitionSpec(_AXIS)
    mapped_program = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=specs[1], check_vma=False)
    options = hasty_options() if brief else None
    return jax.jit(lambda common, *cases: mapped_program(common, cases), compiler_options=options)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
