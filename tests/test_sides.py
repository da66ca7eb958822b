"""Which share of a vertex belongs to the side that is frozen."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.face.sides import gains, left_weights

X = jnp.array([-0.05, -0.004, -1e-9, 0.0, 1e-9, 0.004, 0.05])


def test_width_zero_is_the_step_of_the_paper_with_the_midline_at_one_half() -> None:
    np.testing.assert_array_equal(left_weights(X, 0.0), [0, 0, 0, 0.5, 1, 1, 1])


def test_a_width_blends_smoothly_between_its_ends() -> None:
    width = 0.008
    x = jnp.linspace(-0.01, 0.01, 401)
    weight = np.asarray(left_weights(x, width))
    assert (weight[np.asarray(x) <= -width] == 0).all() and (weight[np.asarray(x) >= width] == 1).all()
    assert (np.diff(weight) >= -1e-7).all()
    assert weight[200] == 0.5
    # A smoothstep over 2 width rises nowhere faster than 1.5 / (2 width).
    assert np.diff(weight).max() <= 1.5 / (2 * width) * 5e-5 + 1e-5


@pytest.mark.parametrize("width", [0.0, 0.003, 0.008])
def test_left_and_right_add_up_to_one(width: float) -> None:
    np.testing.assert_allclose(left_weights(X, width) + left_weights(-X, width), 1.0, atol=1e-7)


def test_a_width_may_differ_from_vertex_to_vertex() -> None:
    widths = jnp.where(X < 0, 0.0, 0.008)
    weight = left_weights(X, widths)
    assert weight[1] == 0.0 and 0.5 < weight[5] < 1.0


@pytest.mark.parametrize("width", [0.0, 0.008])
def test_gains_are_exactly_one_at_symmetry_one_and_complement_each_other(width: float) -> None:
    weight = left_weights(X, width)
    for side in ("left", "right"):
        np.testing.assert_array_equal(gains(weight, 1.0, side), 1.0)
    # What the two sides lose adds up to what a whole face loses.
    lost = (1 - gains(weight, 0.3, "left")) + (1 - gains(weight, 0.3, "right"))
    np.testing.assert_allclose(lost, 0.7, atol=1e-6)


def test_the_frozen_side_is_the_subjects() -> None:
    weight = left_weights(X, 0.0)
    np.testing.assert_array_equal(gains(weight, 0.0, "left")[-1], 0.0)
    np.testing.assert_array_equal(gains(weight, 0.0, "right")[-1], 1.0)
    np.testing.assert_array_equal(gains(weight, 0.0, "right")[0], 0.0)
