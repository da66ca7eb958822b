"""What a trained THIN went by: distances, typical images, the plane, and the figures of them."""

import io

import jax
import numpy as np
import pytest
from flax import nnx

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin import ThinConfig, figures, introspect
from jaxface.frameworks.thin.networks import Thin
from tests import thin_reference as reference

TASK = Task(("happiness", "sadness"), size=8, channels=1, extras=(("rotation", 4),))
CONFIG = ThinConfig(widths=(3,), depth=2, expert_hidden=(4,), exogenous_hidden=(5,))


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Forty images of eight people, in eight directions."""
    random = np.random.default_rng(0)
    identity = np.repeat(np.arange(8), 5)
    return 10 * np.eye(8)[identity] + 0.1 * random.normal(size=(40, 8)), identity + 3


def test_people_in_clusters_are_told_apart(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    result = introspect.distances(*clusters, pairs=500)
    assert result.same.shape == result.different.shape == (500,)
    assert result.overlap == 0.0
    assert result.same.max() < 0.1 < result.different.min()
    np.testing.assert_allclose(result.different, np.sqrt(2), atol=0.1)  # of orthogonal unit vectors


def test_nobody_is_paired_with_the_same_image_or_person(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, identity = clusters
    result = introspect.distances(features, identity, pairs=4000)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit[None], axis=-1)
    fellows = apart[(identity[:, None] == identity[None]) & ~np.eye(40, dtype=bool)]
    strangers = apart[identity[:, None] != identity[None]]
    for sample, possible in ((result.same, fellows), (result.different, strangers)):
        near = np.abs(sample[:, None] - np.unique(possible)[None]).min(1)
        assert near.max() < 1e-9  # each is one of the distances there are, and all of them come up
        assert len(np.unique(sample.round(9))) > 0.9 * len(np.unique(possible.round(9)))


def test_noise_tells_nobody_apart() -> None:
    random = np.random.default_rng(1)
    result = introspect.distances(random.normal(size=(600, 16)), np.arange(600) % 60, pairs=20_000, bins=20)
    assert result.overlap > 0.9


def test_overlap_of_halves() -> None:
    first, second = np.arange(100.0), np.arange(50.0, 150.0)
    np.testing.assert_allclose(introspect.overlap(first, second, bins=15), 1 / 3, atol=0.02)
    assert introspect.overlap(first, first) == 1.0


def test_identities_without_pairs_are_refused() -> None:
    for identity in (np.arange(5), np.zeros(5, int)):
        with pytest.raises(ConfigError, match="must be two identities or more, one of them with two images"):
            introspect.distances(np.ones((5, 3)), identity)


def test_typical_images_come_surest_first() -> None:
    nodes = np.array([[1.0, 0.2], [1.0, 0.9], [1.0, 0.5]])
    np.testing.assert_array_equal(introspect.typical_images(nodes, 2), [[0, 1], [1, 2]])


def test_principal_axes_are_those_of_the_covariance(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features = np.random.default_rng(2).normal(size=(50, 4)) * [3.0, 2.0, 1.0, 0.1]
    points = introspect.project(features, "pca")
    values = np.linalg.eigvalsh(np.cov(features.T))[::-1]
    np.testing.assert_allclose(points.variance_shares, values[:3] / values.sum(), rtol=1e-10)
    np.testing.assert_allclose(np.cov(points.points.T), np.diag(values[:2]), atol=1e-10)
    with pytest.raises(ShapeError, match="with 4 images or more"):
        introspect.project(features[:3])
    near = introspect.project(clusters[0], "tsne").points  # people stay together
    middles = np.stack([near[clusters[1] == person].mean(0) for person in np.unique(clusters[1])])
    apart = np.linalg.norm(near[:, None] - middles[None], axis=-1)
    np.testing.assert_array_equal(apart.argmin(1), clusters[1] - 3)


def test_class_separation() -> None:
    features = np.array([[0.0], [2.0], [10.0], [12.0]])  # means 1 and 11, variance 1 within
    np.testing.assert_allclose(introspect.class_separation(features, np.array([0, 0, 1, 1])), 25.0)


def test_observation_is_what_the_network_says() -> None:
    graphdef, state = reference.lively(lambda: Thin(CONFIG, TASK, rngs=nnx.Rngs(0)))
    images = np.random.default_rng(3).integers(0, 256, (introspect.BATCH + 3, 8, 8, 1), np.uint8)
    observation = introspect.observe(graphdef, state, images)
    answer = jax.jit(lambda state, images: nnx.merge(graphdef, state)(images))(
        state, images[-5:] / np.float32(255)
    )
    for ours, theirs in ((observation.logits, answer.logits), (observation.leaves, answer.gate)):
        assert len(ours) == len(images)
        np.testing.assert_allclose(ours[-5:], theirs, atol=1e-5)
    np.testing.assert_allclose(observation.similarity[-5:], answer.similarity, atol=1e-5)
    np.testing.assert_allclose(
        observation.exogenous[0][-5:], np.reshape(answer.exogenous[0], (5, -1)), atol=1e-5
    )
    np.testing.assert_allclose(observation.nodes[:, 0], 1, atol=1e-5)
    np.testing.assert_allclose(observation.nodes[:, 1], observation.leaves[:, :2].sum(1), atol=1e-5)


def test_figures_are_drawn(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, identity = clusters
    points = introspect.project(features, "pca")
    figure = figures.overview(
        np.linspace(0, 1, 40),
        introspect.distances(features, identity),
        points,
        identity % 2,
        ("happiness", "sadness"),
    )
    assert [axis.get_title() for axis in figure.axes][1] == "IoU 0.00"
    rows = introspect.typical_images(np.random.default_rng(4).uniform(size=(40, 3)), 4)
    faces = figures.typical_figure(np.zeros((40, 8, 8, 3), np.uint8), rows)
    (picture,) = faces.axes[0].get_images()
    assert picture.get_array().shape == (24, 32, 3)
    for each in (figure, faces):
        each.savefig(io.BytesIO(), format="png", dpi=20)
