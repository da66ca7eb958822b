"""What statistics and structure learners find in labels: against NumPy, scikit-learn, and a known world."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.data import rendered
from jaxface.data.rendered.causal_world import distribution, rule_weights
from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.graphs import scores
from studies.causal_affect import baselines, benchmark_discovery, notears, pc
from studies.causal_affect.baselines import Discovery, Labels
from studies.seeds import aggregate_seeds


@pytest.fixture(scope="module")
def labels() -> Labels:
    """Two thousand states of the known world."""
    causes, count = rendered.load_world("signed"), 2000
    states, probability = distribution(causes)
    present = states[np.random.default_rng(0).choice(len(states), count, p=probability)]
    names = (*causes.expressions, "neutral")
    sums = present @ rule_weights(causes, names)
    sums[:, -1] = causes.threshold
    return baselines.make_labels(causes.units, present, causes.expressions, sums.argmax(1), names)


def test_labels_become_columns() -> None:
    present = np.array([[1, 0], [0, 0], [1, 1]])
    columns = baselines.make_labels(
        (1, 2), present, ("fear", "anger"), np.array([2, 0, 1]), ("neutral", "anger", "fear")
    )
    np.testing.assert_array_equal(columns.shown, [[1, 0], [0, 0], [0, 1]])
    with pytest.raises(ShapeError, match=r"present is \(3, 2\)"):
        baselines.make_labels((1, 2, 4), present)


def test_cooccurrence_is_a_correlation(labels: Labels) -> None:
    discoveries = baselines.cooccurrence(labels).graph
    table = np.corrcoef(np.append(labels.present, labels.shown, axis=1).T)
    np.testing.assert_allclose(discoveries.between, table[:10, :10] - np.eye(10), atol=1e-12)
    np.testing.assert_allclose(discoveries.to_expressions, table[:10, 10:], atol=1e-12)
    np.testing.assert_array_equal(
        discoveries.between, discoveries.between.T
    )  # to the bit: no direction is chosen
    constant = labels._replace(present=np.where(np.arange(10) == 3, 0.0, labels.present))
    for method in (baselines.cooccurrence, baselines.partial_correlation):
        assert not method(constant).graph.between[3].any()


def test_partial_correlation_is_that_of_residuals(labels: Labels) -> None:
    discoveries = baselines.partial_correlation(labels).graph
    rest = np.delete(labels.present, [1, 5], axis=1)
    left = [
        column - LinearRegression().fit(rest, column).predict(rest) for column in labels.present[:, [1, 5]].T
    ]
    np.testing.assert_allclose(discoveries.between[1, 5], np.corrcoef(left)[0, 1], atol=1e-10)
    rest = np.delete(labels.present, 7, axis=1)
    pair = (labels.present[:, 7], labels.shown[:, 0])
    left = [column - LinearRegression().fit(rest, column).predict(rest) for column in pair]
    np.testing.assert_allclose(discoveries.to_expressions[7, 0], np.corrcoef(left)[0, 1], atol=1e-10)


def test_thresholds_pass_nothing_where_nothing_depends() -> None:
    generator = np.random.default_rng(0)
    for seed in range(5):
        noise = (generator.random((500, 10)) < 0.4).astype(float)
        columns = baselines.make_labels(
            tuple(range(10)), noise, ("fear",), generator.integers(0, 2, 500), ("fear", "anger")
        )
        for method in (baselines.cooccurrence, baselines.partial_correlation):
            graph, threshold = method(columns)
            assert 0.1 < threshold < 0.2
            assert not list(graphs.threshold_graph(graph, threshold).edges()), seed


def test_acyclicity_is_that_of_the_paper() -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(4, 4)) * 0.5
    value, slope = notears.acyclicity(weights)
    for place in ((0, 1), (3, 2), (2, 2)):
        step = np.zeros((4, 4))
        step[place] = 1e-6
        difference = (notears.acyclicity(weights + step)[0] - notears.acyclicity(weights - step)[0]) / 2e-6
        assert difference == pytest.approx(slope[place], rel=1e-5)
    assert value > 0.0 and notears.acyclicity(np.triu(weights, 1))[0] == pytest.approx(0.0, abs=1e-12)
    pair = np.array([[0.0, 0.5], [0.8, 0.0]])
    assert notears.acyclicity(pair)[0] == pytest.approx(2 * np.cosh(0.4) - 2)  # eigenvalues of W o W: +-.4


def test_where_the_order_is_known_it_is_a_sparse_regression(labels: Labels) -> None:
    columns = labels.present[:, :4]
    mask = np.triu(np.ones((4, 4), bool), 1)
    standard = (columns - columns.mean(0)) / columns.std(0)
    discoveries = notears.solve(columns, mask, "squares", 0.05)
    expected = Lasso(alpha=0.05, fit_intercept=False).fit(standard[:, :3], standard[:, 3]).coef_
    np.testing.assert_allclose(discoveries[:3, 3], expected, atol=1e-3)
    discoveries = notears.solve(columns, mask, "logistic", 0.01)
    regression = LogisticRegression(
        l1_ratio=1.0, solver="saga", C=1 / (0.01 * len(columns)), tol=1e-6, max_iter=1000
    )
    np.testing.assert_allclose(
        discoveries[:3, 3], regression.fit(columns[:, :3], columns[:, 3]).coef_[0], atol=5e-3
    )
    assert not discoveries[~mask].any()


@pytest.fixture(scope="module")
def discoveries(labels: Labels) -> dict[str, Discovery]:
    return benchmark_discovery.discover_from_labels(labels)


@pytest.mark.parametrize("loss", ["squares", "logistic"])
def test_notears_finds_an_acyclic_graph_of_the_known_world(
    discoveries: dict[str, Discovery], loss: str
) -> None:
    graph, threshold = discoveries[f"NOTEARS, {loss}"]
    assert notears.acyclicity(graph.between / threshold * 0.3)[0] < 1e-6
    truth = graphs.world_graph(rendered.load_world("signed"))
    between, to_expressions = scores.score(graph, truth, threshold)
    assert between.skeleton_auroc > 0.95 and between.sign > 0.9
    assert to_expressions.auroc > 0.85 and to_expressions.sign > 0.9
    assert np.abs(graph.between).max() <= 1.0


def test_nothing_follows_from_noise() -> None:
    noise = (np.random.default_rng(1).random((1000, 4)) < 0.5).astype(float)
    graph, threshold = notears.fit_notears(baselines.make_labels((1, 2, 4, 6), noise), "squares")
    assert not list(graph.edges()) and threshold == 1.0


@pytest.mark.skipif(not pc.available(), reason="causal-learn is not installed (pip install --group studies)")
def test_pc_orients_colliders_and_leaves_open_what_nobody_can_tell() -> None:
    """1 -> 4 |- 2 and 6 -> 7 -> fear: of 6 and 7 no statistics tell which is the cause."""
    edges = ((1, 4, 3.0), (2, 4, -3.0), (6, 7, 3.0))
    causes = rendered.CausalWorld((1, 2, 4, 6, 7), (0.5, 0.5, 0.5, 0.5, 0.2), edges, ("fear",), (), 0.5)
    states, probability = distribution(causes)
    generator = np.random.default_rng(0)
    present = states[generator.choice(len(states), 2000, p=probability)]
    fear = (generator.random(2000) < 0.1 + 0.8 * present[:, 4]).astype(int)
    graph, threshold = pc.fit_pc(
        baselines.make_labels(causes.units, present, ("fear",), fear, ("neutral", "fear"))
    )
    discoveries = {edge for edge in graph.edges() if abs(edge.weight) > threshold}
    assert discoveries == {(1, 4, 1.0), (2, 4, -1.0), (6, 7, 0.5), (7, 6, 0.5), (7, "fear", 1.0)}


@pytest.mark.skipif(pc.available(), reason="causal-learn is installed")
def test_without_causal_learn_pc_says_what_to_install(labels: Labels) -> None:
    with pytest.raises(ConfigError, match=r"pip install --group studies"):
        pc.fit_pc(labels)


def test_the_contest_scores_every_method_alike(discoveries: dict[str, Discovery]) -> None:
    truth = graphs.world_graph(rendered.load_world("signed"))
    assert set(discoveries) == set(benchmark_discovery.ON_LABELS) - (set() if pc.available() else {"PC"})
    rows = {name: benchmark_discovery.score_row(each, truth) for name, each in discoveries.items()}
    assert all(
        set(row) == set(rows["co-occurrence"]) and np.isfinite(list(row.values())).all()
        for row in rows.values()
    )
    assert rows["partial correlation"]["units_hamming"] < rows["co-occurrence"]["units_hamming"]
    joint_row = benchmark_discovery.score_row(
        discoveries["co-occurrence"], truth, to_expressions=discoveries["NOTEARS, logistic"]
    )
    assert joint_row["units_auroc"] == rows["co-occurrence"]["units_auroc"]
    assert joint_row["expressions_auroc"] == rows["NOTEARS, logistic"]["expressions_auroc"]
    means = aggregate_seeds([{"units_auroc": 0.5}, {"units_auroc": 0.7}])
    assert means == {
        "seeds": 2,
        "units_auroc": pytest.approx(0.6),
        "units_auroc_sd": pytest.approx(0.2 / 2**0.5),
    }


def test_what_others_tell_of_a_unit_by_hand() -> None:
    """Half the faces have 1; 2 comes with it nine times in ten, and once in ten without."""
    causes = rendered.CausalWorld((1, 2), (0.5, 0.1), ((1, 2, 2 * np.log(9)),), (), (), 0.5)
    np.testing.assert_allclose(benchmark_discovery.f1_from_others(causes), 0.9)
    alone = rendered.CausalWorld((1, 2), (0.5, 0.2), (), (), (), 0.5)  # always saying yes is best
    np.testing.assert_allclose(benchmark_discovery.f1_from_others(alone), [2 * 0.5 / 1.5, 2 * 0.2 / 1.2])
