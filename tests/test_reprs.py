"""What objects look like at a prompt: a line each."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxface as jf
from tests import fake_audit
from tests.heads import toy_head


def test_a_head_a_face_and_a_classifier_are_a_line_each() -> None:
    head = toy_head()
    assert repr(head).startswith("FaceModel('toy', ") and "4 expression coefficients" in repr(head)
    face = repr(jf.face.neutral(head))
    assert (
        face == "FaceParams(identity=float32[2], expression=float32[4], pose=float32[5, 3], albedo=float32[2])"
    )
    for name in ("face-api", "fer-mini-xception"):
        text = repr(jf.classify.load(name))
        assert name in text and "happiness" in text and len(text) < 200
    assert len(repr(jf.render.scene(jf.render.RenderConfig()))) < 800


def test_what_is_traced_has_a_line_too() -> None:
    texts = []

    @jax.jit
    def trace(params: jf.face.FaceParams) -> jax.Array:
        texts.append(repr(params))
        return params.expression

    trace(jf.face.neutral(toy_head()))
    assert "expression=float32[4]" in texts[0]


def test_a_classifier_is_called_for_its_probabilities() -> None:
    images = jnp.linspace(0, 1, 2 * 24 * 24 * 3).reshape(2, 24, 24, 3)
    clf = fake_audit.CLASSIFIER
    np.testing.assert_array_equal(clf(images), clf.probabilities(images))
