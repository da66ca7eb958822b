"""Which weights of a classifier move: from its arrays to a module, and back to a folder."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface import classify
from jaxface.classify import Classifier
from jaxface.classify.classifier import FlaxNetwork
from jaxface.classify.exported import FORWARD_FILE, WEIGHTS_FILE, ExportedNetwork
from jaxface.classify.model_card import write_cards
from jaxface.classify.nets.layers import Dense
from jaxface.classify.preprocess import prepare
from jaxface.classify.weights import write_safetensors
from jaxface.core.errors import ConfigError
from jaxface.core.io import sha256, write_bytes
from jaxface.core.types import Array
from jaxface.frameworks.common.gradients import reverse
from jaxface.mending.config import Part
from jaxface.mending.registry import OF_EMBEDDING

Weights = dict[str, Array]
"""The arrays of a classifier by name, such as "head/kernel"."""


class Constant(nnx.Variable):
    """An array that is not trained."""


class Student(nnx.Module):
    """The arrays of a classifier, of those that are trained also the original's, and an adversary that guesses
    the level from the embedding.

    Args:
        classifier: whose function is computed; its own arrays are not read but for their shapes.
        names: of the arrays that are trained.
        levels: groups that the adversary tells apart; 0 = there is none.
    """

    def __init__(self, classifier: Classifier, names: frozenset[str], levels: int, *, rngs: nnx.Rngs) -> None:
        self.weights = nnx.Dict(
            {
                _key(name): (nnx.Param if name in names else Constant)(jnp.zeros(leaf.shape, leaf.dtype))
                for name, leaf in weights_of(classifier).items()
            }
        )
        self.original = nnx.Dict({_key(name): Constant(self.weights[_key(name)][...]) for name in names})
        self.adversary = Dense(embedding_width(classifier), levels, rngs=rngs) if levels else None

    def original_logits(self, classifier: Classifier, images: Array) -> Array:
        """Return the original network's logits (B, K) of images (B, H, W, 3) in [0, 1]."""
        arrays = {**self.weights, **self.original}
        weights = {name: arrays[_key(name)][...] for name in weights_of(classifier)}
        return classifier.features(state_with(classifier, weights), images)[0]

    def answers(self, classifier: Classifier, images: Array) -> tuple[Array, Array | None, Array | None]:
        """Return logits (B, K) of images (B, H, W, 3) in [0, 1], embeddings (B, D), and the adversary's logits
        (B, levels); None where there is none."""
        weights = {name: self.weights[_key(name)][...] for name in weights_of(classifier)}
        logits, maps = classifier.features(state_with(classifier, weights), images)
        embedding = _embedding(maps)
        if self.adversary is None or embedding is None:
            return logits, embedding, None
        return logits, embedding, self.adversary(reverse(embedding, jnp.ones(())))


def require_trainable(classifier: Classifier, part: Part) -> None:
    """Check that a classifier has weights that can be trained; ConfigError in one line if not."""
    name = f"classifier {classifier.name!r}"
    if classifier.on_host:
        raise ConfigError(
            f"{name} runs on the host (a function of one's own, or ONNX): it has no gradient and cannot be "
            "mended; import its checkpoint as a network in JAX (jaxface classifiers import)"
        )
    if not isinstance(classifier.network, FlaxNetwork | ExportedNetwork):
        raise ConfigError(
            f"{name} is a function without weights that jaxface could train; mend a bundled one, an imported "
            "checkpoint or the folder of a training"
        )
    if classifier.card.multilabel:
        raise ConfigError(f"{name} detects action units; only classifiers of expressions can be mended")
    if isinstance(classifier.network, ExportedNetwork) and part == "all":
        raise ConfigError(
            f"{name} is stored as StableHLO, where weights and running statistics look alike; part must be "
            "'last'"
        )
    trainable_names(classifier, part)


def trainable_names(classifier: Classifier, part: Part) -> frozenset[str]:
    """Return the names of the arrays that are trained: of the last layer, or all parameters.

    Raises:
        ConfigError: no layer, or not one alone, is the last one.
    """
    if isinstance(classifier.network, FlaxNetwork):
        leaves = nnx.to_flat_state(classifier.state)
        names = [_name(path) for path, leaf in leaves if isinstance(leaf, nnx.Param)]
    else:
        names = list(classifier.state)
    if part == "all":
        return frozenset(names)
    shapes = {name: np.shape(leaf) for name, leaf in weights_of(classifier).items()}
    layers: dict[str, list[str]] = {name.rpartition("/")[0]: [] for name in names}
    for name in names:
        layers[name.rpartition("/")[0]].append(name)
    outputs = classifier.card.outputs
    fitting = [
        own
        for own in layers.values()
        if any(len(shapes[name]) > 1 and shapes[name][-1] == outputs for name in own)
    ]
    if len(fitting) > 1:
        fitting = [own for own in fitting if _is_affine(classifier, own)]
    if len(fitting) != 1:
        raise ConfigError(f"classifier {classifier.name!r} has no last layer of weights; part must be 'all'")
    return frozenset(fitting[0])


def _is_affine(classifier: Classifier, names: Sequence[str]) -> bool:
    """Return whether the outputs are affine in some arrays together, as in those of the last layer alone.

    An earlier layer has an activation behind it, which does not answer a change of sign by one.
    """
    size = classifier.card.resize_to or classifier.card.size or 64
    images = prepare(jax.random.uniform(jax.random.key(0), (2, size, size, 3)), classifier.card)
    weights, network = weights_of(classifier), classifier.network
    assert network is not None

    @jax.jit
    def outputs(factor: Array) -> Array:
        changes = {name: factor * weights[name] for name in names}
        return network(state_with(classifier, {**weights, **changes}), images)[0]

    one, minus, zero = (np.asarray(outputs(jnp.float32(factor))) for factor in (1, -1, 0))
    return bool(np.abs(one + minus - 2 * zero).max() <= 1e-3 * np.abs([one, minus, zero]).max())


def weights_of(classifier: Classifier) -> Weights:
    """Return the arrays of a classifier by name."""
    if isinstance(classifier.network, ExportedNetwork):
        return dict(classifier.state)
    return {_name(path): leaf[...] for path, leaf in nnx.to_flat_state(classifier.state)}


def state_with(classifier: Classifier, weights: Mapping[str, Array]) -> Any:
    """Return the state of a classifier with other arrays."""
    if isinstance(classifier.network, ExportedNetwork):
        return dict(weights)
    leaves = nnx.to_flat_state(classifier.state)
    return nnx.from_flat_state([(path, leaf.replace(weights[_name(path)])) for path, leaf in leaves])


def with_weights(state: nnx.State, weights: Mapping[str, Array]) -> nnx.State:
    """Return the state of a student with a classifier's arrays, as they are and as the original's."""
    arrays = {_key(name): leaf for name, leaf in weights.items()}

    def own(path: tuple[Any, ...], leaf: Any) -> Any:
        if path[0] == "adversary":
            return leaf
        return leaf.replace(
            jnp.array(arrays[str(path[1])], copy=True)
        )  # each its own: a step takes their memory

    return nnx.from_flat_state([(path, own(path, leaf)) for path, leaf in nnx.to_flat_state(state)])


def weights_in(state: nnx.State, classifier: Classifier) -> Weights:
    """Return a classifier's arrays from the state of a student, on the default device."""
    arrays = {path[1]: leaf[...] for path, leaf in nnx.to_flat_state(state) if path[0] == "weights"}
    return {name: jnp.asarray(np.asarray(arrays[_key(name)])) for name in weights_of(classifier)}


def embedding_width(classifier: Classifier) -> int:
    """Return the channels of the map `embedding`; raise ConfigError where a network has none."""
    size = classifier.card.resize_to or classifier.card.size or 64
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    _, maps = jax.eval_shape(classifier.features, classifier.state, images)
    if "embedding" not in maps:
        raise ConfigError(
            f"classifier {classifier.name!r} has no embedding, which the methods {' and '.join(OF_EMBEDDING)} "
            "need; take another"
        )
    return int(maps["embedding"].shape[-1])


def write(folder: Path, classifier: Classifier, source: str, note: str) -> Classifier:
    """Write a classifier under the name of the folder, and load it from there.

    Args:
        source: where its first weights are from, for the card.
        note: what its scores' readers should know.
    """
    path = folder / WEIGHTS_FILE
    if isinstance(classifier.network, ExportedNetwork):
        write_bytes(folder / FORWARD_FILE, classifier.network.program)
    write_safetensors(path, {name: np.asarray(leaf) for name, leaf in weights_of(classifier).items()})
    card = dataclasses.replace(
        classifier.card,
        name=folder.resolve().name,
        source=source,
        published_file="",
        weights=path.name,
        sha256=sha256(path),
        note="; ".join(text for text in (classifier.card.note, note) if text),
    )
    write_cards(card, folder)
    return classify.load(folder)


def _embedding(maps: Mapping[str, Array]) -> Array | None:
    embedding = maps.get("embedding")
    if embedding is None or embedding.ndim == 2:
        return embedding
    return embedding.mean(tuple(range(1, embedding.ndim - 1)))


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path))


def _key(name: str) -> str:
    """Return the name of an array in a student: a checkpoint takes no slash."""
    return name.replace("/", ".")
