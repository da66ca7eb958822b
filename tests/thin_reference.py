"""THIN in NumPy, double precision, expert by expert and node by node: what the networks are held to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx

EPSILON = 1e-3

Arrays = dict[str, np.ndarray]


class Expected(NamedTuple):
    """As `networks.Answer`."""

    logits: np.ndarray
    gate: np.ndarray
    similarity: np.ndarray


def lively(build: Callable[[], nnx.Module], seed: int = 1) -> tuple[nnx.GraphDef, nnx.State]:
    """A network whose every array is a random one: stored statistics and biases, too."""
    graphdef, state = nnx.split(nnx.eval_shape(build))
    random = np.random.default_rng(seed)

    def numbers(path: tuple[Any, ...], leaf: Any) -> Any:
        low, high = (0.5, 1.5) if path[-1] in ("variance", "scale") else (-0.5, 0.5)
        return leaf.replace(jnp.asarray(random.uniform(low, high, leaf.shape), jnp.float32))

    return graphdef, nnx.from_flat_state(
        [(path, numbers(path, leaf)) for path, leaf in nnx.to_flat_state(state)]
    )


def encoded(arrays: Arrays, name: str, images: np.ndarray, training: bool) -> np.ndarray:
    maps, number = images, 0
    while f"{name}/convs/{number}/kernel" in arrays:
        kernel, bias = arrays[f"{name}/convs/{number}/kernel"], arrays[f"{name}/convs/{number}/bias"]
        border = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = maps.shape[1:3]
        maps = bias + sum(
            border[:, row : row + height, column : column + width] @ kernel[row, column]
            for row in range(3)
            for column in range(3)
        )
        maps = np.maximum(normalised(arrays, f"{name}/norms/{number}", maps, training), 0)
        maps = maps.reshape(len(maps), height // 2, 2, width // 2, 2, -1).max((2, 4))
        number += 1
    return maps


def normalised(
    arrays: Arrays, name: str, maps: np.ndarray, training: bool, part: slice = slice(None)
) -> np.ndarray:
    mean, variance = arrays[f"{name}/mean"][part], arrays[f"{name}/variance"][part]
    if training:
        flat = maps.reshape(-1, maps.shape[-1])
        mean, variance = flat.mean(0), flat.var(0)
    scale, bias = arrays[f"{name}/scale"][part], arrays[f"{name}/bias"][part]
    return (maps - mean) / np.sqrt(variance + EPSILON) * scale + bias


def expert(arrays: Arrays, name: str, which: int, features: np.ndarray, training: bool) -> np.ndarray:
    layers = len([key for key in arrays if key.startswith(f"{name}/kernels/")])
    for layer in range(layers):
        kernel, bias = (arrays[f"{name}/{kind}/{layer}"][which] for kind in ("kernels", "biases"))
        features = features @ kernel + bias
        if layer < layers - 1:
            part = slice(which * kernel.shape[1], (which + 1) * kernel.shape[1])
            features = np.maximum(normalised(arrays, f"{name}/norms/{layer}", features, training, part), 0)
    return features


def leaves(lefts: np.ndarray) -> np.ndarray:
    """Eq. 4, down the tree: (2^D - 1,) probabilities to go left -> (2^D,)."""
    count = len(lefts) + 1
    out = np.ones(count)
    for leaf in range(count):
        node = 0
        for level in reversed(range(count.bit_length() - 1)):
            right = leaf >> level & 1
            out[leaf] *= 1 - lefts[node] if right else lefts[node]
            node = 2 * node + 1 + right
    return out


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return abs(first @ second) / np.linalg.norm(first) / np.linalg.norm(second)


def answer(
    arrays: Arrays, images: np.ndarray, gated_by: str, truth: np.ndarray | None, training: bool, dispels: bool
) -> Expected:
    maps = encoded(arrays, "endogenous", images, training)
    features = maps.reshape(len(maps), -1)
    experts = arrays["committee/kernels/0"].shape[0]
    logits = np.stack([expert(arrays, "committee", which, features, training) for which in range(experts)], 2)
    others = [] if gated_by != "exogenous" else [encoded(arrays, "exogenous/0/encoder", images, False)]
    flat = [each.reshape(len(each), -1) for each in others]
    sees = {"endogenous": [features], "exogenous": flat, "truth": [truth], "nothing": []}[gated_by]
    gate = np.full((len(images), experts), 1 / experts)
    if sees:
        scores = np.concatenate(sees, 1) @ arrays["gate/nodes/kernel"] + arrays["gate/nodes/bias"]
        gate = np.stack([leaves(1 / (1 + np.exp(-row))) for row in scores])
    alike = np.zeros((len(images), 0))
    if dispels:
        pair = [expert(arrays, "exogenous/0/head", 0, each, False) for each in (flat[0], features)]
        alike = np.array([[cosine(*each)] for each in zip(*pair, strict=True)])
    return Expected(np.einsum("bkl,bl->bk", logits, gate), gate, alike)


def loss(outputs: Expected, labels: np.ndarray, dispelling: float) -> float:
    """Eq. 8."""
    logits = outputs.logits - outputs.logits.max(1, keepdims=True)
    entropies = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
    return entropies.mean() + (dispelling * outputs.similarity.mean() if outputs.similarity.size else 0.0)
