"""Shared by commands that take a head: load it, sample a person."""

import jaxface as jf
from jaxface.face import HeadConfig


def load_head(config: HeadConfig) -> "jf.face.FaceModel":
    """Load the head that `--head` and its options name."""
    return jf.face.load(str(config.head), **config.head_options)


def person(head: "jf.face.FaceModel", seed: int | None) -> "jf.face.FaceParams":
    """Return the first person of a seed's population, neutral; the mean head for None."""
    import jax

    if seed is None:
        return jf.face.neutral(head)
    people = jf.face.sample_population(jax.random.key(seed), head, 1)
    return jax.tree.map(lambda leaf: leaf[0], people)
