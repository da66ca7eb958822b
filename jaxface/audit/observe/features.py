"""How asymmetric a face is, measured on its crop: a registry of distances between its two halves.

Every feature is 0 for a crop that is its own mirror image and grows with asymmetry, as LPIPS does. The
midline is taken to be the crop's: eyes or a good box matter here more than for a classifier.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxface import classify
from jaxface.audit.observe.config import ObserveConfig
from jaxface.classify import Classifier, lpips
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array

LPIPS_SIZE = 224  # of the crop: halves of 224 x 112, AlexNet's own height
_EPSILON = 1e-10


@dataclass(frozen=True)
class Feature:
    """One measure of asymmetry.

    Attributes:
        name: as the config and the tables have it.
        size: pixels along an edge of the crops that it wants; None = the run's.
        measure: crops (B, size, size, 3) in [0, 1] -> (B,).
    """

    name: str
    size: int | None
    measure: Callable[[Array], Array]


def build(name: str, config: ObserveConfig, classifiers: Sequence[Classifier]) -> Feature:
    """The image feature that a name means: pixel, lpips, maps:CLASSIFIER or maps:CLASSIFIER:MAP.

    Args:
        classifiers: the run's, which need not be loaded again.

    Raises:
        ConfigError: an unknown name, a classifier without maps, a missing file of weights.
        CheckpointError: weights that cannot be read.
    """
    kind, _, rest = name.partition(":")
    if name == "pixel":
        return Feature(name, None, pixel_distance)
    if name == "lpips":
        return _lpips(config)
    if kind == "maps" and rest:
        return _maps(name, rest, config, classifiers)
    raise ConfigError(
        f"unknown feature {name!r}; known: group, pixel, landmarks, lpips, maps:CLASSIFIER, "
        "maps:CLASSIFIER:MAP, column:NAME"
    )


def halves(crops: Array) -> tuple[Array, Array]:
    """The person's right half and their left half turned over, each (B, H, W / 2, 3): equal where symmetric."""
    middle = crops.shape[2] // 2
    return crops[:, :, :middle], crops[:, :, : middle - 1 : -1]


def chimeras(crops: Array) -> tuple[Array, Array]:
    """Two whole symmetric faces, each made of one half and its mirror image: (B, H, W, 3) twice."""
    first, second = halves(crops)
    return tuple(jnp.concatenate([half, half[:, :, ::-1]], axis=2) for half in (first, second))  # type: ignore[return-value]


@jax.jit
def pixel_distance(crops: Array) -> Array:
    """Root mean square difference of the halves' sRGB values, (B,)."""
    first, second = halves(crops)
    return jnp.sqrt(jnp.square(first - second).mean((1, 2, 3)))


def map_distance(first: Array, second: Array) -> Array:
    """LPIPS's distance of two maps (B, H, W, C) with all channels weighted alike, (B,) in [0, 4].

    Every pixel's channels are scaled to length one; squared differences are summed over channels and averaged
    over pixels (Zhang et al. 2018, Eq. 1).
    """
    return jnp.square(_unit(first) - _unit(second)).sum(-1).mean((1, 2))


def _unit(maps: Array) -> Array:
    return maps / (jnp.sqrt(jnp.square(maps).sum(-1, keepdims=True)) + _EPSILON)


def _maps(name: str, rest: str, config: ObserveConfig, classifiers: Sequence[Classifier]) -> Feature:
    """A distance between a classifier's features of the two chimeras: whole faces, as it was trained on."""
    by_name = {classifier.name: classifier for classifier in classifiers}
    model, map_name = rest, ""
    if rest not in by_name and ":" in rest:
        model, _, map_name = rest.rpartition(":")
    classifier = by_name[model] if model in by_name else classify.load(model)
    if classifier.on_host:
        raise ConfigError(f"feature {name!r}: {classifier.name!r} runs on the host and has no maps")
    layer = _map_name(classifier, map_name)
    size = config.crop.size_for(classifier.card.size)
    return Feature(name, size, partial(_chimera_distance, classifier, layer))


@partial(jax.jit, static_argnums=1)
def _chimera_distance(classifier: Classifier, layer: str, crops: Array) -> Array:
    """Image by image: a net's answer is the same in any batch, and small nets are faster so."""

    def one(crop: Array) -> Array:
        both = jnp.concatenate(chimeras(crop[None]))
        maps = classifier.features(classifier.state, both)[1][layer]
        return map_distance(maps[:1], maps[1:])[0]

    return jax.lax.map(one, crops)


def _map_name(classifier: Classifier, map_name: str) -> str:
    """The map that is asked for, or the deepest (of fewest places) that is no map of classes."""
    size = classifier.card.size or 112
    shapes: dict[str, Any] = jax.eval_shape(
        lambda state, image: classifier.features(state, image)[1],
        classifier.state,
        jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32),
    )
    spatial = [name for name, shape in shapes.items() if len(shape.shape) == 4]
    if map_name:
        if map_name not in spatial:
            raise ConfigError(
                f"{classifier.name!r} has no map {map_name!r}; it has: {', '.join(spatial) or 'none'}"
            )
        return map_name
    wide = [name for name in spatial if shapes[name].shape[-1] > len(classifier.labels)]
    if not wide:
        raise ConfigError(f"{classifier.name!r} names no map of features; take another classifier, or pixel")
    return min(wide, key=lambda name: math.prod(shapes[name].shape[1:3]))


def _lpips(config: ObserveConfig) -> Feature:
    if config.alexnet is None:
        raise ConfigError(
            "feature 'lpips' wants AlexNet's weights, as torchvision publishes them: --alexnet FILE"
        )
    distance = lpips.load(config.alexnet)

    def measure(crops: Array) -> Array:
        return _lpips_distance(distance, crops)

    return Feature("lpips", LPIPS_SIZE, measure)


@jax.jit
def _lpips_distance(distance: lpips.Lpips, crops: Array) -> Array:
    return distance.distance(*halves(crops))
