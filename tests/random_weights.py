"""Weights for nets that nobody published here: drawn so that signals neither die nor explode."""

import functools
import math

import numpy as np
from flax import nnx
from safetensors.numpy import save_file

from jaxface import classify
from jaxface.classify.card import Card
from jaxface.classify.loading import abstract_module
from jaxface.classify.registry import folders
from jaxface.classify.weights import array_shapes
from jaxface.core.types import EXPRESSIONS


def module(name: str) -> nnx.Module:
    """The abstract net of a known classifier."""
    card = classify.read_card(folders(name)[0])
    return _module(card.architecture, len(card.labels))


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array that a known classifier's net wants."""
    return array_shapes(nnx.state(module(name)))


def arrays(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Generated weights of a known classifier, under our names."""
    rng = np.random.default_rng(seed)

    def one(name: str, shape: tuple[int, ...]) -> np.ndarray:
        kind = name.split("/")[-1]
        if kind in ("scale", "variance"):
            return rng.uniform(0.7, 1.3, shape).astype(np.float32)
        spread = 0.1 if kind in ("bias", "mean") else 1 / math.sqrt(max(math.prod(shape[:-1]), 1))
        return rng.normal(0, spread, shape).astype(np.float32)

    return {key: one(key, shape) for key, shape in shapes(name).items()}


@functools.cache
def _module(architecture: str, classes: int) -> nnx.Module:
    """Two classifiers with the same net share it: a deep one takes seconds."""
    labels = EXPRESSIONS[:classes]
    return abstract_module(Card(name=architecture, architecture=architecture, native_labels=labels))


def checkpoint(name: str, path: str, seed: int = 0) -> str:
    """A checkpoint file with `arrays`; returns its path."""
    save_file(arrays(name, seed), path)
    return path
