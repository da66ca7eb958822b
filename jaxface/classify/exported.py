"""Networks as StableHLO: a trained function that loads without the code of its training.

Such a folder holds `forward.stablehlo` (what `jax.export` serialises: weights and a batch of any length ->
logits, with its gradient), `weights.safetensors` and a card whose architecture is "stablehlo".
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from jaxface.classify.card import Card
from jaxface.classify.classifier import Classifier
from jaxface.classify.model_card import write_cards
from jaxface.classify.weights import load_arrays, write_safetensors
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.core.io import sha256, write_bytes
from jaxface.core.types import Array

ARCHITECTURE, FORWARD_FILE, WEIGHTS_FILE = "stablehlo", "forward.stablehlo", "weights.safetensors"
PLATFORMS = ("cpu", "cuda", "tpu")

Weights = dict[str, Array]
Forward = Callable[[Weights, Array], Array]
"""(weights by name, prepared images (B, size, size, channels) float32) -> logits (B, K); pure."""


def serialise(forward: Forward, weights: Mapping[str, Any], card: Card) -> bytes:
    """Serialise a function of weights and images with its gradient, for any batch and any platform.

    Args:
        weights: by name; shapes and types are read.
        card: describes the input of `forward`; it must have a size.

    Raises:
        ConfigError: the card has no size.
    """
    if card.size is None:
        raise ConfigError(f"classifier {card.name!r}: must have a size to be exported")
    (batch,) = export.symbolic_shape("batch")
    images = jax.ShapeDtypeStruct((batch, card.size, card.size, card.depth), jnp.float32)
    shapes = {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in weights.items()}
    program = export.export(jax.jit(forward), platforms=PLATFORMS)(shapes, images)
    return bytes(program.serialize(vjp_order=1))


def write(folder: Path, card: Card, forward: Forward, weights: Mapping[str, Any]) -> Card:
    """Write a network as a folder for `classify.load`. Return the card as written.

    Args:
        card: describes input and output of `forward`; architecture, weights and hash are filled in.

    Raises:
        ConfigError: the card has no size.
    """
    program = serialise(forward, weights, card)
    write_bytes(folder / FORWARD_FILE, program)
    path = folder / WEIGHTS_FILE
    write_safetensors(path, {name: np.asarray(leaf) for name, leaf in weights.items()})
    parameters = sum(leaf.size for leaf in weights.values())
    card = dataclasses.replace(
        card, architecture=ARCHITECTURE, weights=WEIGHTS_FILE, sha256=sha256(path), parameters=parameters
    )
    write_cards(card, folder)
    return card


def read(card: Card, folder: Path, tensors: Mapping[str, Any]) -> Classifier:
    """Build a classifier from a card, the function beside it and its weights.

    Raises:
        CheckpointError: the function is missing, damaged or of another kind, or the weights do not fit it.
    """
    origin = folder / FORWARD_FILE
    if not origin.is_file():
        raise CheckpointError(f"no network at {origin}; a card of the architecture {ARCHITECTURE!r} needs it")
    try:
        network = ExportedNetwork(origin.read_bytes())
        network.exported.mlir_module()  # else damage shows when it is asked
        network.exported.vjp()
        (weights, images), _ = jax.tree.unflatten(network.exported.in_tree, network.exported.in_avals)
        shapes = {name: tuple(aval.shape) for name, aval in weights.items()}
        input_shape, outputs = tuple(images.shape[1:]), network.exported.out_avals
    except Exception as error:  # flatbuffers and MLIR have no closed list of errors
        reason = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"{origin} was not written by jax.export, or is damaged ({type(error).__name__}: {reason}); "
            "export it again"
        ) from None
    if input_shape != (card.size, card.size, card.depth):
        raise CheckpointError(
            f"{origin} takes images of shape {input_shape}, its card has {(card.size, card.size, card.depth)}"
        )
    if len(outputs) != 1 or outputs[0].shape[1:] != (card.outputs,):
        raise CheckpointError(f"{origin} does not return one score for each of {card.outputs} labels")
    state = load_arrays(shapes, tensors, str(origin))
    parameters = sum(leaf.size for leaf in state.values())
    return Classifier(state=state, network=network, card=dataclasses.replace(card, parameters=parameters))


@dataclasses.dataclass(frozen=True)
class ExportedNetwork:
    """A serialised function as a `Network`; equal bytes are equal networks."""

    program: bytes = dataclasses.field(repr=False)
    cpu_batch: int | None = 1

    @functools.cached_property
    def exported(self) -> export.Exported:
        return export.deserialize(bytearray(self.program))

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        return _mapped(self.exported)(state, images.astype(jnp.float32)), {}


def _mapped(program: export.Exported) -> Forward:
    """The function with a gradient and a rule for `vmap`; JAX's own call has neither."""

    @jax.custom_batching.custom_vmap
    def forward(weights: Weights, images: Array) -> Array:
        return program.call(weights, images)

    @forward.def_vmap
    def all_at_once(size: int, is_batched: Any, weights: Weights, images: Array) -> tuple[Array, bool]:
        if any(jax.tree.leaves(is_batched[0])):
            axes = jax.tree.map(lambda has: 0 if has else None, tuple(is_batched))
            return jax.vmap(jax.custom_batching.sequential_vmap(program.call), axes)(weights, images), True
        logits = program.call(weights, images.reshape(-1, *images.shape[2:]))
        return logits.reshape(*images.shape[:2], -1), True

    slopes = jax.custom_batching.sequential_vmap(program.vjp().call)

    def backward(arguments: tuple[Weights, Array], outer: Array) -> tuple[Weights, Array]:
        leaves, structure = jax.tree.flatten(arguments)
        return jax.tree.unflatten(structure, slopes(*leaves, outer))

    call = jax.custom_vjp(forward)
    call.defvjp(lambda *arguments: (forward(*arguments), arguments), backward)
    return call
