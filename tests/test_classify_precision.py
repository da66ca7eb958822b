"""bfloat16: the numbers are cast once, the net sees bfloat16, the caller float32."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.classify import from_function, in_bfloat16
from jaxface.core.errors import ConfigError

SEEN = []


@dataclasses.dataclass(frozen=True)
class Linear:
    cpu_batch: int | None = 1

    def __call__(self, state, images):
        SEEN.append((images.dtype, state["weights"].dtype, state["steps"].dtype))
        return images.mean((1, 2)) @ state["weights"], {}


def test_a_net_computes_in_bfloat16_and_answers_in_float32(key) -> None:
    labels = ("happy", "sad", "neutral")
    weights = jnp.array([[1.0, 0.1, 0.0], [0.3, 1.0, 0.0], [0.0, 0.7, 1.0]])
    exact = dataclasses.replace(
        from_function(lambda images: images, labels),
        state={"weights": weights, "steps": jnp.arange(2)},
        network=Linear(),
    )
    half = in_bfloat16(exact)
    pictures = jnp.stack([jnp.full((8, 8, 3), value) for value in (0.1, 0.537, 0.9)])
    there, here = exact.logits(pictures), half.logits(pictures)
    assert [
        (jnp.float32, jnp.float32, jnp.int32),
        (jnp.bfloat16, jnp.bfloat16, jnp.int32),
    ] == SEEN
    assert here.dtype == jnp.float32 and half.network == in_bfloat16(exact).network
    change = np.abs(np.asarray(here - there))
    assert 0 < change.max() < 0.02  # eight bits of 1.5


def test_a_classifier_on_the_host_is_refused() -> None:
    host = from_function(lambda images: images, ("happy", "sad"), on_host=True, name="mine")
    with pytest.raises(ConfigError, match=r"'mine' runs on the host.*use precision"):
        in_bfloat16(host)
