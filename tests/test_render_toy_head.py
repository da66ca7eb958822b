"""The head that other tests stand on is what it says: closed, outward, mirror-symmetric."""

import jax.numpy as jnp
import numpy as np

from jaxface.face import neutral, texture, vertices
from tests.heads import toy_head


def test_faces_are_closed_and_outward() -> None:
    head = toy_head()
    template, faces = np.asarray(head.template), np.asarray(head.faces)
    a, b, c = template[faces].transpose(1, 0, 2)
    assert (np.sum(np.cross(b - a, c - a) * (a + b + c), axis=-1) > 0).all()
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_mirror_maps_the_head_to_itself() -> None:
    head = toy_head()
    mirror, flip = head.mirror, jnp.array([-1.0, 1.0, 1.0])
    np.testing.assert_array_equal(head.template[mirror] * flip[None, :], head.template)
    basis = head.expression_basis[mirror] * flip[None, :, None]
    np.testing.assert_array_equal(basis, head.expression_basis)
    np.testing.assert_allclose(head.left_weight[mirror], 1.0 - head.left_weight, atol=1e-6)


def test_it_moves_and_has_a_texture() -> None:
    head = toy_head()
    params = neutral(head)
    assert vertices(head, params).shape == head.template.shape
    assert texture(head.appearance, params.albedo).shape == (96, 96, 4)
