"""Blend shapes and skinning against an independent reference in float64, and the properties of Eq. 3."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from jaxface.face import FaceModel, FaceParams, geometry, load, neutral
from jaxface.interventions import Symmetry
from jaxface.render.motion import affine_motion
from tests.flame_files import flame_arrays, write_flame_npz
from tests.heads import toy_head

RELATIVE = 1e-5  # float32 sums of 400 terms against float64
vertices = jax.jit(geometry.vertices, static_argnames="side")


@pytest.fixture(scope="module")
def flame(tmp_path_factory: pytest.TempPathFactory) -> FaceModel:
    path = write_flame_npz(tmp_path_factory.mktemp("flame") / "flame.npz", flame_arrays())
    return load(path)


def random_params(model: FaceModel, seed: int, turn: float = 1.0) -> FaceParams:
    k_identity, k_expression, k_pose = jax.random.split(jax.random.key(seed), 3)
    base = neutral(model)
    return dataclasses.replace(
        base,
        identity=jax.random.normal(k_identity, base.identity.shape),
        expression=jax.random.normal(k_expression, base.expression.shape),
        pose=turn * jax.random.normal(k_pose, base.pose.shape),
    )


def reference(
    model: FaceModel, params: FaceParams, gain: np.ndarray | float = 1.0, published: bool = True
) -> np.ndarray:
    """FLAME's Eq. 1-5 in float64 with homogeneous 4 x 4 transforms, joint by joint.

    Args:
        published: whether joints are regressed with the expression, as published implementations do, or as
            the paper's Eq. 2 says.
    """
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (model.template, params))
    template, theta = wide[0], wide[1]
    basis = {
        name: np.asarray(getattr(model, f"{name}_basis"), np.float64) for name in ("identity", "expression")
    }
    shape = template + basis["identity"] @ theta.identity
    points = shape + np.reshape(gain, (-1, 1)) * (basis["expression"] @ theta.expression)
    joints = np.asarray(model.joint_regressor, np.float64) @ (points if published else shape)
    turns = Rotation.from_rotvec(theta.pose).as_matrix()
    if model.pose_basis.shape[-1]:
        points = points + np.asarray(model.pose_basis, np.float64) @ (turns[1:] - np.eye(3)).reshape(-1)
    world: list[np.ndarray] = []
    for joint, parent in enumerate(model.parents):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        world.append(world[parent] @ local if parent >= 0 else local)
    out = np.zeros_like(points)
    for joint, matrix in enumerate(world):
        rest = matrix.copy()
        rest[:3, 3] -= matrix[:3, :3] @ joints[joint]
        posed_points = points @ rest[:3, :3].T + rest[:3, 3]
        out += np.asarray(model.skinning_weights, np.float64)[:, [joint]] * posed_points
    return out


@pytest.mark.parametrize("seed", range(4))
def test_skinning_is_the_reference(flame: FaceModel, seed: int) -> None:
    params = random_params(flame, seed)
    expected = reference(flame, params)
    assert np.abs(vertices(flame, params) - expected).max() <= RELATIVE * np.abs(expected).max()


def test_joints_follow_the_expression_as_in_the_published_implementations(flame: FaceModel) -> None:
    """1e-5 of the head's size; joints of the identity alone are another head, which a flag gives back."""
    params = random_params(flame, 5)
    assert flame.expression_moves_joints
    published, paper = (reference(flame, params, published=flag) for flag in (True, False))
    size = np.abs(published).max()
    assert np.abs(published - paper).max() > 1e-3 * size
    assert np.abs(vertices(flame, params) - published).max() <= 1e-5 * size
    fixed = dataclasses.replace(flame, expression_moves_joints=False)
    assert np.abs(vertices(fixed, params) - paper).max() <= 1e-5 * size
    assert not toy_head().expression_moves_joints


def test_pictures_have_the_joints_of_the_vertices(flame: FaceModel) -> None:
    """The fast path moves joints with its fields: affine in them, pose and all."""
    params = random_params(flame, 6, turn=0.2)
    intervention = Symmetry()
    fields = intervention.affine_fields(flame, params)
    shape = geometry.shape(flame, params.identity)
    motion = affine_motion(flame, shape, geometry.joints(flame, shape), fields, params.pose)
    for symmetry, time in ((1.0, 1.0), (0.3, 0.7)):
        weights = jnp.array([1.0, *intervention.coefficients(jnp.array(symmetry), jnp.array(time))])
        position = jnp.einsum("k,kvc->vc", weights, motion.position)
        np.testing.assert_allclose(position, vertices(flame, params, symmetry, time), atol=2e-6)


def test_asymmetric_expression_is_the_reference(flame: FaceModel) -> None:
    params = random_params(flame, 7)
    half = dataclasses.replace(params, expression=0.5 * params.expression)
    gain = 1.0 - 0.7 * np.asarray(flame.left_weight, np.float64)
    came = vertices(flame, params, symmetry=0.3, time=0.5)
    expected = reference(flame, half, gain)
    assert np.abs(came - expected).max() <= RELATIVE * np.abs(expected).max()


def test_turning_the_root_alone_turns_the_head_about_it(flame: FaceModel) -> None:
    params = dataclasses.replace(random_params(flame, 1, turn=0.0))
    rotation = dataclasses.replace(params, pose=params.pose.at[0].set(jnp.array([0.3, -0.5, 0.2])))
    still = np.asarray(vertices(flame, params), np.float64)
    displacement = geometry.expression_displacement(flame, params.expression)
    root = np.asarray(geometry.joints(flame, geometry.shape(flame, params.identity) + displacement))[0]
    expected = (still - root) @ Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix().T + root
    np.testing.assert_allclose(vertices(flame, rotation), expected, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, 0.0099, 0.0101, 0.5, 3.1, 6.0])
def test_rotations_are_those_of_scipy(angle: float) -> None:
    axes = np.random.default_rng(0).normal(size=(20, 3))
    vectors = angle * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    came = geometry.rotation_matrices(jnp.asarray(vectors, jnp.float32))
    np.testing.assert_allclose(came, Rotation.from_rotvec(vectors).as_matrix(), atol=3e-6)


def generators() -> np.ndarray:
    """dR/dw_k at zero: the three skew matrices, (3, 3, 3) with k last."""
    return np.stack([np.cross(np.eye(3), axis) for axis in np.eye(3)], axis=-1)


@pytest.mark.parametrize("derive", [jax.jacfwd, jax.jacrev])
def test_gradient_of_a_rotation_at_zero_is_the_generator(derive: object) -> None:
    came = jax.jit(derive(geometry.rotation_matrices))(jnp.zeros(3))  # type: ignore[operator]
    np.testing.assert_allclose(came, generators(), atol=1e-7)


def test_second_gradient_of_a_rotation_at_zero_is_the_symmetric_product() -> None:
    came = jax.jit(jax.jacfwd(jax.jacrev(geometry.rotation_matrices)))(jnp.zeros(3))
    products = np.einsum("abi,bcj->acij", generators(), generators())
    np.testing.assert_allclose(came, 0.5 * (products + products.transpose(0, 1, 3, 2)), atol=1e-6)


@pytest.mark.parametrize("angle", [1e-3, 0.0099, 0.0101, 1.0])
def test_gradient_of_a_rotation_is_a_finite_difference_in_float64(angle: float) -> None:
    vector = angle * np.array([0.48, -0.6, 0.64])
    step = 1e-6
    differences = [
        (
            Rotation.from_rotvec(vector + step * axis).as_matrix()
            - Rotation.from_rotvec(vector - step * axis).as_matrix()
        )
        / (2 * step)
        for axis in np.eye(3)
    ]
    came = jax.jit(jax.jacfwd(geometry.rotation_matrices))(jnp.asarray(vector, jnp.float32))
    np.testing.assert_allclose(came, np.stack(differences, axis=-1), atol=2e-5)


def test_gradients_at_the_neutral_face_are_finite(flame: FaceModel) -> None:
    def loss(params: FaceParams) -> jax.Array:
        return jnp.sum(vertices(flame, params, symmetry=0.5) ** 2)

    gradient = jax.jit(jax.grad(loss))(neutral(flame))
    for leaf in jax.tree.leaves(gradient):
        assert jnp.isfinite(leaf).all()
    assert jnp.abs(gradient.pose).max() > 0


@pytest.mark.parametrize("head", ["flame", "toy"])
def test_symmetry_one_is_the_unmodified_head_bit_for_bit(flame: FaceModel, head: str) -> None:
    model = flame if head == "flame" else toy_head()
    params = random_params(model, 3)

    @jax.jit
    def unmodified(model: FaceModel, params: FaceParams) -> jax.Array:
        displacement = model.expression_basis @ params.expression
        if model.shared_basis is not None:
            displacement = displacement + model.shared_basis @ params.expression
        return geometry.pose_head(model, params, displacement)

    plain = unmodified(model, params)
    for side in ("left", "right"):
        np.testing.assert_array_equal(vertices(model, params, symmetry=1.0, side=side), plain)


def test_time_zero_is_neutral_for_every_symmetry(flame: FaceModel) -> None:
    params = random_params(flame, 3)
    still = dataclasses.replace(params, expression=jnp.zeros_like(params.expression))
    for symmetry in (0.0, 0.3, 1.0):
        np.testing.assert_array_equal(
            vertices(flame, params, symmetry=symmetry, time=0.0), vertices(flame, still)
        )


def test_a_frozen_side_does_not_move_and_the_other_moves_in_full() -> None:
    model = toy_head()
    smile = jnp.array([1.0, 0, 0, 0])
    full = geometry.expression_displacement(model, smile)
    half = geometry.expression_displacement(model, smile, symmetry=0.0)
    left, right = model.left_weight == 1.0, model.left_weight == 0.0
    assert jnp.abs(full[left]).max() > 1e-3
    np.testing.assert_array_equal(half[left], 0.0)
    np.testing.assert_array_equal(half[right], full[right])


def test_what_both_halves_do_together_is_not_scaled() -> None:
    model = toy_head()
    jaw = jnp.array([0.0, 0, 0, 1.0])
    half = geometry.expression_displacement(model, jaw, symmetry=0.0)
    lost = geometry.expression_displacement(model, jaw) - half
    own = model.expression_basis[..., 3]
    np.testing.assert_allclose(lost, model.left_weight[:, None] * own, atol=1e-9)
    assert jnp.abs(model.shared_basis[..., 3]).max() > jnp.abs(own).max()


def test_freezing_left_is_the_mirror_image_of_freezing_right() -> None:
    model = toy_head()
    params = dataclasses.replace(neutral(model), expression=jnp.array([0.8, 0.5, 0.0, 0.6]))
    left = np.asarray(vertices(model, params, symmetry=0.2, side="left"))
    right = np.asarray(vertices(model, params, symmetry=0.2, side="right"))
    np.testing.assert_allclose(left[np.asarray(model.mirror)] * [-1, 1, 1], right, atol=1e-7)
    assert np.abs(left - right).max() > 1e-3


def test_many_heads_are_each_the_one_head(flame: FaceModel) -> None:
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[random_params(flame, seed) for seed in range(3)])
    many = jax.jit(jax.vmap(functools.partial(geometry.vertices, flame)))(batch, jnp.array([1.0, 0.5, 0.0]))
    for index, symmetry in enumerate((1.0, 0.5, 0.0)):
        one = vertices(flame, random_params(flame, index), symmetry)
        np.testing.assert_allclose(many[index], one, atol=1e-6)
