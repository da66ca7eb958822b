"""Expressions that a head's makers set by hand."""

import dataclasses

import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import expression_name
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.requirements import prototype_rows


def with_prototype(head: FaceModel, params: FaceParams, label: str, number: int = 0) -> FaceParams:
    """Return faces that show a hand-set expression, fully.

    Args:
        head: with prototypes, such as the bundled one.
        params: one face, or a batch of them; their own expression is replaced.
        label: in any known spelling; "neutral" is no expression.
        number: which of the head's prototypes of that expression, from 0.

    Raises:
        LabelError: the vocabulary does not know the label.
        ConfigError: the head does not have this prototype.
    """
    name = expression_name(label)
    if name == "neutral":
        return dataclasses.replace(params, expression=jnp.zeros_like(params.expression))
    remedy = f"take neutral, or find one with: jaxface search --head ... --expression {name}"
    rows = prototype_rows(head, name, remedy)
    if not 0 <= number < len(rows):
        raise ConfigError(f"prototype {number}: {name} has {len(rows)} on head {head.name!r}, counted from 0")
    coefficients = head.expressions.prototypes[rows[number]]
    return dataclasses.replace(params, expression=jnp.broadcast_to(coefficients, params.expression.shape))
