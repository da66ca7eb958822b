"""Methods by name: what is minimized beside the distance from the original."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxface.core.registry import Registry

if TYPE_CHECKING:
    from jaxface.core.types import Array
    from jaxface.mending.losses import Answers

METHODS: Registry[Callable[["Answers"], "Array"]] = Registry(
    "jaxface.mending",
    {
        "consistency": ("losses:consistency", "a face answers alike at two levels (Kullback-Leibler)"),
        "squared_logits": (
            "losses:squared_logits",
            "a face at a level has the original's logits of the unchanged face",
        ),
        "augmentation": ("losses:augmentation", "cross-entropy of labelled faces at all levels, mixed"),
        "group_dro": ("losses:group_dro", "cross-entropy of the level where it is worst"),
        "adversarial": ("losses:adversarial", "the level cannot be read off the embedding"),
        "paired_moments": ("losses:paired_moments", "embeddings of a face at two levels have equal moments"),
    },
)
"""Methods by name: a method is a function of `Answers` that returns a loss ()."""

ADVERSARIAL = "adversarial"
"""The method that has a network of its own."""

OF_EMBEDDING = (ADVERSARIAL, "paired_moments")
"""Methods that act on the embedding, which lies before the last layer."""
