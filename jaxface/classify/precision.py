"""Classifiers in bfloat16: weights are cast once, images on the way in, logits back to float32."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.classify.classifier import Classifier, Network
from jaxface.classify.exported import ExportedNetwork
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array


@dataclasses.dataclass(frozen=True)
class InBfloat16:
    """A `Network` that takes images in bfloat16 and returns logits in float32."""

    network: Network

    @property
    def cpu_batch(self) -> int | None:
        return self.network.cpu_batch

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        logits, maps = self.network(state, images.astype(jnp.bfloat16))
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (logits, maps))


def in_bfloat16(classifier: Classifier) -> Classifier:
    """Return the same classifier in bfloat16: half the memory, and faster on TPUs and GPUs.

    Probabilities change in the third digit.

    Raises:
        ConfigError: the classifier runs on the host, or was exported as StableHLO.
    """
    if classifier.network is None:
        raise ConfigError(
            f"classifier {classifier.name!r} runs on the host, where jaxface cannot change its precision; "
            'use precision = "float32"'
        )
    if isinstance(classifier.network, ExportedNetwork):
        raise ConfigError(
            f"classifier {classifier.name!r} was exported in the precision it was trained for; "
            'use precision = "float32"'
        )

    def cast(leaf: Any) -> Any:
        return leaf.astype(jnp.bfloat16) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    state = jax.tree.map(cast, classifier.state)
    return dataclasses.replace(classifier, state=state, network=InBfloat16(classifier.network))
