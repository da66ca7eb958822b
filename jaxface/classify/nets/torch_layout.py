"""How the checkpoint of a PyTorch network relates to our module: what each net file declares as `TORCH`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TorchLayout:
    r"""From the keys of a state dict to the arrays of a net; read by `checkpoints/state_dict.py`.

    Our side of `rename` is the path of the module that owns the array, joined with dots (numbers for the places
    in an `nnx.List`), and the array as PyTorch calls it, for the shared layers of `layers.py`
    (`blocks.0.norm.running_mean`); an array that a net owns itself keeps its attribute's name
    (`blocks.0.layer_scale`).

    Attributes:
        rename: (regex, replacement) pairs, applied one after another to every whole key (`re.sub`).
        dead: regexes of published keys that the answer does not depend on or that repeat others; matched at the
            start of a key, before it is renamed. Integer arrays (counters, index tables) need not be named.
        flattened: our path of a dense layer -> (channels, height, width) of the maps that PyTorch flattened
            before it, channel first; ours are flattened (height, width, channels).
    """

    rename: tuple[tuple[str, str], ...] = ()
    dead: tuple[str, ...] = ()
    flattened: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    def ours(self, key: str) -> str | None:
        """The name of a published array on our side; None for what is dropped."""
        if any(re.match(pattern, key) for pattern in self.dead):
            return None
        for pattern, replacement in self.rename:
            key = re.sub(pattern, replacement, key)
        return key
