"""What `render` and `search` share: which head, whose face, which prototype."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

import jaxface as jf
from jaxface.core.errors import ConfigError
from jaxface.core.types import expression_name


def load_head(head: str, texture: str | None) -> jf.face.FaceModel:
    """The head that `--head` and `--texture` name."""
    return jf.face.load(head) if texture is None else jf.face.load(head, texture=texture)


def person(head: jf.face.FaceModel, seed: int | None) -> jf.face.FaceParams:
    """The first person of a seed's population, neutral; the mean head for None."""
    if seed is None:
        return jf.face.neutral(head)
    people = jf.face.sample_population(jax.random.key(seed), head, 1)
    return jax.tree.map(lambda leaf: leaf[0], people)


def with_prototype(
    head: jf.face.FaceModel, params: jf.face.FaceParams, label: str, number: int
) -> jf.face.FaceParams:
    """`params` with the hand-set prototype `number` of an expression; `neutral` is no expression at all.

    Raises:
        LabelError: a label that the vocabulary does not know.
        ConfigError: a prototype that the head does not have.
    """
    name = expression_name(label)
    if name == "neutral":
        return dataclasses.replace(params, expression=jnp.zeros_like(params.expression))
    rows = [row for row, known in enumerate(head.expressions.prototype_labels) if known == name]
    if not rows:
        has = sorted(set(head.expressions.prototype_labels)) or ["none"]
        raise ConfigError(
            f"head {head.name!r} has no hand-set {name} (it has: {', '.join(has)}); "
            f"find one with: jaxface search --head ... --expression {name}"
        )
    if not 0 <= number < len(rows):
        raise ConfigError(f"prototype {number}: {name} has {len(rows)} on head {head.name!r}, counted from 0")
    return dataclasses.replace(params, expression=head.expressions.prototypes[rows[number]])
