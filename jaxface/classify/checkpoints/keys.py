"""The keys of state dicts: what wraps a net's own names, and what is no parameter."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jaxface.core.errors import CheckpointError

_INNER_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")  # at any depth
_MODULE = re.compile(r"(?:(?<=\.)|^)module\.")  # `DataParallel`, around the net or around parts of it
_USUAL = ("module.", "model.", "net.", "backbone.")
_MOST_PREFIXES = 64
_CONSTANT = re.compile(
    r"(^|\.)(num_batches_tracked|n_averaged|total_ops|total_params|attn_mask|relative_position_index"
    r"|relative_coords_table|position_ids|_extra_state)$"
)
"""Buffers that modules count or compute themselves: averages and casts of a state dict make floats of them."""


def float_tensors(state_dict: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the floating point tensors of a state dict, without the marks of `torch.compile` and its like.

    Raises:
        CheckpointError: not a dictionary of named tensors.
    """
    if not isinstance(state_dict, Mapping) or not all(isinstance(key, str) for key in state_dict):
        raise CheckpointError(f"{origin}: must be a state dict, a dictionary of named tensors")
    tensors = {}
    for key, tensor in state_dict.items():
        for mark in _INNER_WRAPPERS:
            key = key.replace(mark, "")
        if not has_integers(tensor):
            tensors[key] = tensor
    return tensors


def has_integers(tensor: Any) -> bool:
    """Return whether a tensor holds integers: a counter or an index table, never a parameter."""
    dtype = str(getattr(tensor, "dtype", ""))
    return "int" in dtype or "bool" in dtype


def is_constant(key: str) -> bool:
    """Return whether a key names a counter or a table that PyTorch's modules compute themselves."""
    return _CONSTANT.search(key) is not None


def common_prefixes(tensors: Mapping[str, Any], count: int) -> list[str]:
    """Return the prefixes that at least `count` keys have: up to a dot, or what all of them begin with."""
    counts: Counter[str] = Counter()
    for key in tensors:
        parts = key.split(".")
        counts.update(".".join(parts[:n]) + "." for n in range(1, len(parts)))
    prefixes = [prefix for prefix, n in counts.items() if n >= count][:_MOST_PREFIXES]
    first, last = min(tensors, default=""), max(tensors, default="")
    ends = [n for n, letter in enumerate(first[:_MOST_PREFIXES], 1) if letter in "/_:"]
    return prefixes + [first[:n] for n in ends if first[:n] == last[:n]]  # so have all keys between


def without_modules(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors without `module.` in their keys; {} where two would get one name."""
    inner = {_MODULE.sub("", key): tensor for key, tensor in tensors.items()}
    return inner if len(inner) == len(tensors) else {}


def usual_prefix(tensors: Mapping[str, Any]) -> str:
    """Return the longest of the usual prefixes that all keys have; for messages about what is missing."""
    prefix = ""
    while tensors and (
        word := next((w for w in _USUAL if all(key.startswith(prefix + w) for key in tensors)), "")
    ):
        prefix += word
    return prefix
