"""Layout of a PyTorch checkpoint beside our module: what each net file declares as `TORCH`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TorchLayout:
    r"""Map the keys of a state dict to the arrays of a net; used by `checkpoints/state_dict.py`.

    The result of `rename` is the path of the module that owns the array, joined with dots (numbers for places
    in an `nnx.List`), and the array as PyTorch calls it, for the shared layers of `layers.py`
    (`blocks.0.norm.running_mean`). An array that a net owns itself keeps its attribute's name
    (`blocks.0.layer_scale`).

    Attributes:
        rename: (regex, replacement) pairs, applied one after another to every whole key (`re.sub`).
        ignored_keys: regexes of published keys that the answer does not depend on or that repeat others;
            matched at the start of a key, before it is renamed. Integer arrays (counters, index tables) are
            always ignored.
        flatten_shapes: path of a dense layer -> (channels, height, width) of the maps that PyTorch flattens
            before it, channel first; ours are flattened (height, width, channels).
    """

    rename: tuple[tuple[str, str], ...] = ()
    ignored_keys: tuple[str, ...] = ()
    flatten_shapes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    def map_key(self, key: str) -> str | None:
        """Return the key under our names; None for an ignored one."""
        if any(re.match(pattern, key) for pattern in self.ignored_keys):
            return None
        for pattern, replacement in self.rename:
            key = re.sub(pattern, replacement, key)
        return key


def numbered(theirs: str, ours: str, names: Mapping[int, str]) -> tuple[tuple[str, str], ...]:
    """Return the `rename` of a sequence: place n at the regex `theirs` -> `ours` + its name."""
    return tuple((rf"{theirs}\.{place}\.", f"{ours}{name}.") for place, name in names.items())
