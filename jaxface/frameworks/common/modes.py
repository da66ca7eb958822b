"""Training mode: batch statistics and dropout, on only for what is trained."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
from flax import nnx

from jaxface.classify.nets.layers import Dropout
from jaxface.core.types import Array


@contextlib.contextmanager
def train_mode(module: nnx.Module, params: nnx.State, key: Array) -> Iterator[None]:
    """Switch the layers of a merged module that have the attribute `training` on, while the block lasts.

    A layer is switched on where it holds a trained parameter; a layer without parameters of its own
    (`Dropout`), where the module around it does. So frozen parts keep their statistics.

    Args:
        params: the state of what is trained.
        key: of the step; folded for every `Dropout`.
    """
    # Every prefix of a trained parameter's path: the modules that hold one.
    with_params = {path[:depth] for path, _ in nnx.to_flat_state(params) for depth in range(len(path))}
    layers: list[Any] = []
    for index, (path, layer) in enumerate(nnx.iter_modules(module)):
        owner = path[:-1] if isinstance(layer, Dropout) else path
        if hasattr(layer, "training") and owner in with_params:
            layer.training = True
            layers.append(layer)
        if isinstance(layer, Dropout) and layer.training:
            layer.key = jax.random.fold_in(key, index)
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False
            if isinstance(layer, Dropout):
                layer.key = None
