"""Shared by commands that take a head: load it, sample a person, set a prototype."""

import dataclasses

import jaxface as jf
from jaxface.core.errors import ConfigError
from jaxface.core.types import expression_name
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


def with_prototype(
    head: "jf.face.FaceModel", params: "jf.face.FaceParams", label: str, number: int
) -> "jf.face.FaceParams":
    """Return `params` with the hand-set prototype `number` of an expression; `neutral` is no expression.

    Raises:
        LabelError: the vocabulary does not know the label.
        ConfigError: the head does not have this prototype.
    """
    import jax.numpy as jnp

    from jaxface.face.requirements import prototype_rows

    name = expression_name(label)
    if name == "neutral":
        return dataclasses.replace(params, expression=jnp.zeros_like(params.expression))
    remedy = f"take neutral, or find one with: jaxface search --head ... --expression {name}"
    rows = prototype_rows(head, name, remedy)
    if not 0 <= number < len(rows):
        raise ConfigError(f"prototype {number}: {name} has {len(rows)} on head {head.name!r}, counted from 0")
    return dataclasses.replace(params, expression=head.expressions.prototypes[rows[number]])
