"""Networks between training and inference: batch statistics and dropout, on for what is trained alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
from flax import nnx

from jaxface.classify.nets.layers import Dropout
from jaxface.core.types import Array


@contextlib.contextmanager
def train_mode(module: nnx.Module, trained: nnx.State, key: Array) -> Iterator[None]:
    """Switch the layers of a merged module that have the attribute `training` on, while the block lasts.

    A layer is switched on where it holds a trained parameter; a layer without parameters of its own
    (`Dropout`), where the module around it does. So frozen parts keep their statistics.

    Args:
        trained: the state of what is trained.
        key: of the step; every `Dropout` gets one of its own.
    """
    alive = {path[:depth] for path, _ in nnx.to_flat_state(trained) for depth in range(len(path))}
    switched: list[Any] = []
    for number, (path, layer) in enumerate(nnx.iter_modules(module)):
        around = path[:-1] if isinstance(layer, Dropout) else path
        if hasattr(layer, "training") and around in alive:
            layer.training = True
            switched.append(layer)
        if isinstance(layer, Dropout) and layer.training:
            layer.key = jax.random.fold_in(key, number)
    try:
        yield
    finally:
        for layer in switched:
            layer.training = False
            if isinstance(layer, Dropout):
                layer.key = None
