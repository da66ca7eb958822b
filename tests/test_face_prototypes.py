"""Hand-set expressions, for one face and for many."""

import jax
import numpy as np
import pytest

from jaxface import face
from jaxface.core.errors import ConfigError, LabelError
from tests.heads import toy_head


def test_every_face_of_a_batch_shows_the_prototype(key: jax.Array) -> None:
    head = toy_head()
    faces = face.sample_population(key, head, 3)
    smiling = face.with_prototype(head, faces, "happy")
    row = head.expressions.prototype_labels.index("happiness")
    np.testing.assert_array_equal(smiling.expression, np.tile(head.expressions.prototypes[row], (3, 1)))
    np.testing.assert_array_equal(smiling.identity, faces.identity)


def test_neutral_is_no_expression(key: jax.Array) -> None:
    head = toy_head()
    smiling = face.with_prototype(head, face.neutral(head), "happiness")
    assert np.any(smiling.expression != 0)
    assert not np.any(face.with_prototype(head, smiling, "neutral").expression)


def test_what_a_head_does_not_have_is_refused() -> None:
    head = toy_head()
    with pytest.raises(ConfigError, match="counted from 0"):
        face.with_prototype(head, face.neutral(head), "happiness", 99)
    with pytest.raises(LabelError, match="happiness"):
        face.with_prototype(head, face.neutral(head), "hapiness")
