"""Cases over devices: each device works on cases of its own, with JAX's mesh and `shard_map`.

A device always works on the same number of slots, some of which may be idle. The program of one device is
therefore the same however many cases and devices there are, from two on, and so are a case's numbers. For a
mesh of one device XLA fuses otherwise and may round otherwise in the last bit: so measured, with normalisation
by scalars and by arrays, as constants and as arguments, and without any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxface.core.types import Array

_AXIS = "case"

CaseProgram = Callable[..., Any]
"""(shared, *cases, active) -> results, all but `shared` with a leading axis over slots; pure. `active` (slots,)
bool says which slots hold a case: what comes of the others is thrown away."""


class SlotAssignment(NamedTuple):
    """Which case sits in which slot.

    Attributes:
        case_of: (capacity,) index of the case in each slot, device by device; any case where none is.
        busy: (capacity,) bool, slots whose case is to be worked on.
        slot_of: (n,) where each case sits.
    """

    case_of: np.ndarray
    busy: np.ndarray
    slot_of: np.ndarray


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

    def place(self, shared: Any) -> Any:
        """A pytree that all cases share, on every device; CPU devices share one copy of it in memory."""
        host = jax.tree.map(lambda leaf: leaf if _is_key(leaf) else np.asarray(leaf), shared)
        return jax.device_put(host, NamedSharding(self.mesh, PartitionSpec()))

    def __call__(
        self, program: CaseProgram, shared: Any, *cases: Any, active: Array | np.ndarray | None = None
    ) -> Any:
        """Run `program` on n cases and wait for it.

        Args:
            program: the same function object on every call, so that it is compiled once.
            shared: from `place`.
            cases: pytrees whose leaves have a leading axis n, at most `capacity`.
            active: (n,) which cases are to be worked on; None = all.

        Returns:
            the program's results as NumPy arrays with a leading axis n; nothing sensible where not active.
        """
        count = len(jax.tree.leaves(cases)[0])
        deal = self.deal(np.ones(count, bool) if active is None else np.asarray(active))
        return self.fetch(self.start(program, shared, *self.put(cases, deal)), deal)

    def deal(self, active: np.ndarray) -> SlotAssignment:
        """Slots for n cases: the active ones in turn to one device after another, then the others.

        Args:
            active: (n,) bool.
        """
        count = len(active)
        if count > self.capacity:
            raise ValueError(f"{count} cases want as many slots, there are {self.capacity}")
        in_turn = np.arange(self.capacity).reshape(self.mesh.size, self.slots).T.reshape(-1)
        order = np.concatenate([np.flatnonzero(active), np.flatnonzero(~active)])
        case_of, busy = np.zeros(self.capacity, int), np.zeros(self.capacity, bool)
        case_of[in_turn[:count]] = order
        busy[in_turn[: active.sum()]] = True
        slot_of = np.empty(count, int)
        slot_of[order] = in_turn[:count]
        return SlotAssignment(case_of, busy, slot_of)

    def put(self, cases: Any, deal: SlotAssignment) -> tuple[Any, ...]:
        """The cases in their slots on the devices, and (capacity,) bool which slots are busy."""
        rows = jax.tree.map(lambda leaf: _rows(leaf, deal.case_of), cases)
        return jax.device_put((*rows, deal.busy), NamedSharding(self.mesh, PartitionSpec(_AXIS)))

    def start(self, program: CaseProgram, shared: Any, *given: Any) -> Any:
        """Run `program` on what `put` gave; its results stay on the devices, slot by slot."""
        return compiled(program, self.mesh)(shared, *given)

    def fetch(self, results: Any, deal: SlotAssignment) -> Any:
        """Results as NumPy arrays, case by case."""
        return jax.tree.map(lambda leaf: leaf[deal.slot_of], jax.device_get(results))


def all_devices(slots: int, devices: Sequence[jax.Device] | None = None) -> CaseSharding:
    """A spread over devices of this process; all of them unless told otherwise."""
    return CaseSharding(Mesh(np.array(devices or jax.local_devices()), (_AXIS,)), slots)


def sharding_for(count: int) -> CaseSharding:
    """The spread for one batch of a known size: no more devices than cases."""
    devices = jax.local_devices()[: max(count, 1)]
    return all_devices(-(-max(count, 1) // len(devices)), devices)


def map_cases(function: Callable[..., Any], *cases: Any) -> Any:
    """`function` of each case: one after another on a CPU, where a case's numbers then cannot depend on what
    stands beside it; all at once elsewhere."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda one: function(*one), cases)
    return jax.vmap(function)(*cases)


@lru_cache(maxsize=256)
def compiled(program: CaseProgram, mesh: Mesh) -> Any:
    """The jitted function (shared, *cases, active) over the devices of a mesh."""

    def local(shared: Any, cases: tuple[Any, ...]) -> Any:
        return program(shared, *cases)

    specs = PartitionSpec(), PartitionSpec(_AXIS)
    sharded = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=specs[1], check_vma=False)
    return jax.jit(lambda shared, *cases: sharded(shared, cases))


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _rows(leaf: Any, order: np.ndarray) -> Any:
    return leaf[order] if _is_key(leaf) else np.asarray(leaf)[order]
