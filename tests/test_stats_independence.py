"""Conditional independence: statistics against the references, p-values against their definitions."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.special import digamma

from jaxface import stats
from jaxface.bench import independence
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.stats.independence import TESTS, common, shuffle
from tests.shared import shared_file

# The functions bear the names of their modules.
chsic, cmiknn, fcit = (
    importlib.import_module(f"jaxface.stats.independence._{name}") for name in ("chsic", "cmiknn", "fcit")
)

KINDS = [
    f"{kind}_{n}" for n in (200, 500) for kind in ("indep", "dep", "indep_label", "dep_label", "dep_binary")
]
RELATIVE = 1e-10  # float64 in another order of operations; what is solved has condition 1e5 at most
MONTE_CARLO = 4.0  # standard deviations of the difference of two p-values of 500 or 200 shuffles


@pytest.fixture(scope="module")
def golden():
    with np.load(shared_file("fixtures/independence/golden.npz")) as file:
        yield dict(file)


def triple(golden: dict, kind: str) -> tuple[np.ndarray, ...]:
    return tuple(golden[f"{kind}/{name}"] for name in "xyz")


def monte_carlo(p: float, other: float, shuffles: int) -> float:
    mean = (p + other) / 2
    return MONTE_CARLO * np.sqrt(2 * mean * (1 - mean) / shuffles) + 1 / shuffles


# ---- against the golden file


@pytest.mark.parametrize("kind", KINDS)
def test_kci_is_the_references(golden, kind: str) -> None:
    for widths in ("empirical", "median"):
        result = stats.kci(*triple(golden, kind), widths=widths)
        np.testing.assert_allclose(result.statistic, golden[f"{kind}/kci_{widths}/stat"], rtol=RELATIVE)
        # The reference's 1 - cdf is rounded to 1e-16 times a few, and may be 0.
        np.testing.assert_allclose(result.p_value, golden[f"{kind}/kci_{widths}/p"], rtol=1e-9, atol=1e-15)
        assert result.p_value > 0


@pytest.mark.parametrize("kind", KINDS)
def test_hsic_statistics_are_the_references(golden, kind: str) -> None:
    data = common.samples(*triple(golden, kind))
    forms = {
        "stat": chsic.residual(data, 1e-3, both=False),
        "stat_norm": chsic.normalised(data, 1e-3),
        "stat_kcit": chsic.residual(data, 1e-3, both=True),
    }
    for name, form in forms.items():
        np.testing.assert_allclose(form.value, golden[f"{kind}/chsic/{name}"], rtol=RELATIVE)


@pytest.mark.parametrize("kind", KINDS)
def test_cmiknn_statistic_is_the_references(golden, kind: str) -> None:
    """Ties are broken by noise of 1e-6 standard deviations, drawn as the reference drew it."""
    values = np.hstack(triple(golden, kind))
    noise = np.random.default_rng(42).random(values.T.shape).T
    rng = np.random.default_rng(0)
    ranks = [common.ranks(column[:, None], rng) for column in (values + 1e-6 * values.std(0) * noise).T]
    n = len(values)
    value = cmiknn.Estimate(ranks[0], ranks[1], ranks[2], n // 10).information(jnp.arange(n)[None])
    np.testing.assert_allclose(value[0], golden[f"{kind}/cmiknn_permX/stat"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_fcit_vote_is_the_references(golden, kind: str) -> None:
    result = fcit.vote(golden[f"{kind}/fcit/d0"], golden[f"{kind}/fcit/d1"])
    np.testing.assert_allclose(result.statistic, golden[f"{kind}/fcit/stat"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.p_value, golden[f"{kind}/fcit/p"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["indep_200", "dep_200", "indep_500", "dep_label_200", "dep_binary_200"])
def test_cmiknn_p_is_the_references(golden, kind: str, key) -> None:
    """Under labels only where it is clear: there the reference's null depends on how it orders ties."""
    for variable in "xy" if kind == "indep_500" else "x":
        result = stats.cmiknn(*triple(golden, kind), key, permute=variable)
        expected = float(golden[f"{kind}/cmiknn_perm{variable.upper()}/p"])
        assert abs(result.p_value - expected) <= monte_carlo(result.p_value, expected, 500)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("200")])
def test_hsic_p_is_the_references(golden, kind: str, key) -> None:
    """With a continuous Z the reference shuffles blocks of ten neighbours, which are passed as its classes."""
    x, y, z = triple(golden, kind)
    if not kind.endswith(("label_200", "binary_200")):
        data = common.samples(x, y, z)._replace(classes=None)
        blocks = (common.ranks(z, np.random.default_rng(0)) // 10).ravel()
        form = chsic.residual(data, 1e-3, both=False)
        orders = np.concatenate(list(shuffle.orders(key, jnp.asarray(blocks), 200)))
        p_value = common.permutation_p_value(form.value, form.null_values(jnp.asarray(orders)))
    else:
        p_value = stats.chsic(x, y, z, key).p_value
    expected = float(golden[f"{kind}/chsic/p"])
    assert abs(p_value - expected) <= monte_carlo(p_value, expected, 200)


# ---- against their definitions


@pytest.mark.parametrize("dims", [0, 2])
def test_information_is_the_plain_count_of_neighbours(dims: int) -> None:
    """Exactly, for vectors, orders with repeats, and a number of samples that fills no block."""
    n, k = 137, 13
    rng = np.random.default_rng(0)
    x, y, z = (common.ranks(rng.normal(size=(n, d)), rng) for d in (2, 1, dims))
    orders = np.stack([np.arange(n), rng.permutation(n), rng.integers(0, n, n)])
    values = cmiknn.Estimate(x, y, z, k).information(jnp.asarray(orders))
    for order, value in zip(orders, values, strict=True):
        near = [np.abs(v[:, None].astype(int) - v[None]).max(-1, initial=0) for v in (x[order], y, z)]
        radius = np.sort(np.maximum.reduce(near), axis=1)[:, k, None]
        counts = [np.sum(np.maximum(near[i], near[2]) < radius, axis=1) for i in (2, 0, 1)]
        in_z, in_xz, in_yz = map(digamma, counts)
        assert value == pytest.approx(digamma(k) + np.mean(in_z - in_xz - in_yz), abs=1e-12)


@pytest.mark.parametrize("conditional", [False, True])
def test_shuffled_hsic_is_its_definition(conditional: bool) -> None:
    """All forms rebuilt from a shuffled Y and the Z as it is; float32 against float64."""
    n, ridge = 60, 1e-3
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, n, 1))
    data = common.samples(x + z, y + z, z if conditional else None)
    orders = np.stack([np.arange(n), rng.permutation(n)])
    forms = [
        chsic.residual(data, ridge, both=False),
        chsic.normalised(data, ridge),
        chsic.residual(data, ridge, both=True),
    ]
    identity, centre = np.eye(n), np.eye(n) - 1 / n
    k_x, k_y, k_z = chsic._grams(data)
    c = centre @ k_z @ centre
    for index, order in enumerate(orders):
        a, b = (centre @ (k * k_z) @ centre for k in (k_x, k_y[order][:, order]))
        r_a, r_b, r_c = (g @ np.linalg.inv(g + n * ridge * identity) for g in (a, b, c))
        q = identity - r_c
        expected = [
            np.trace(q @ a @ q @ b) / n**2,
            np.trace(r_b @ r_a - 2 * r_b @ r_a @ r_c + r_b @ r_c @ r_a @ r_c),
            np.trace(q @ a @ q @ q @ b @ q) / n**2,
        ]
        for form, value in zip(forms, expected, strict=True):
            assert form.null_values(jnp.asarray(orders))[index] == pytest.approx(value, rel=1e-4)
            if index == 0:
                assert form.value == pytest.approx(value, rel=RELATIVE)


def test_classes_are_shuffled_uniformly_and_keep_apart() -> None:
    classes = jnp.asarray([2, 0, 2, 1, 2, 0])
    orders = np.concatenate(list(shuffle.orders(jax.random.key(3), classes, 6000)))
    assert orders.shape == (6000, 6)
    np.testing.assert_array_equal(np.asarray(classes)[orders], np.broadcast_to(classes, orders.shape))
    np.testing.assert_array_equal(np.sort(orders), np.broadcast_to(np.arange(6), orders.shape))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 12  # 3! 2! 1!
    assert ((counts - 500) ** 2 / 500).sum() < 31.3  # chi-square, 11 degrees, 99.9 %


def test_neighbours_are_taken_as_in_the_papers_loop() -> None:
    rng = np.random.default_rng(0)
    n = 50
    near = common.nearest(common.largest_difference(common.ranks(rng.normal(size=(n, 1)), rng)), 5)
    key = jax.random.key(1)
    choice = np.asarray(shuffle.between_neighbours(key, jnp.asarray(near)))
    k_order, k_choice = jax.random.split(key)
    lots, places = np.asarray(jax.random.uniform(k_choice, (n, 5))), set()
    for sample in np.asarray(jax.random.permutation(k_order, n)):
        candidates = near[sample][np.argsort(lots[sample])]  # the shuffled list: the first that is free, or any
        place = next((other for other in candidates if other not in places), candidates[0])
        assert choice[sample] == place
        places.add(place)
    assert len(places) > 0.85 * n and sum(choice != np.arange(n)) > n / 2


def test_a_shuffle_does_not_depend_on_how_many_follow(key) -> None:
    classes = jnp.zeros(30, jnp.int32)
    short, long = (np.concatenate(list(shuffle.orders(key, classes, count))) for count in (100, 300))
    np.testing.assert_array_equal(short, long[:100])


# ---- known defects


def test_fcit_takes_rounding_for_nothing_and_perfect_trees_for_something() -> None:
    errors = np.array([0.3, 0.2, 0.4, 0.3])
    assert fcit.vote(errors, errors * (1 - 2e-16)) == (0.0, 0.5)
    assert fcit.vote(np.zeros(4), np.zeros(4)) == (0.0, 0.5)
    assert fcit.vote(errors, np.zeros(4)).p_value < 0.01
    assert fcit.vote(np.ones(4), np.full(4, 0.5)) == (np.inf, 0.0)


def test_fcit_predicts_the_variable_with_fewer_columns(key) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = np.stack([x, rng.normal(size=60)], axis=1)
    assert stats.fcit(x, y, None, key) == stats.fcit(y, x, None, key)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_an_offset_of_all_variables_changes_no_decision(name: str, key) -> None:
    """Beyond float32's precision. In a tree, rounding breaks the ties of equally good splits."""
    z, own, noise = np.random.default_rng(0).normal(size=(3, 40))
    x, y = z + own, z + 2 * own + 0.5 * noise
    plain, offset = TESTS[name](x, y, z, key), TESTS[name](x + 2**26, y + 2**26, z + 2**26, key)
    assert plain.p_value < 0.1 and offset.p_value < 0.1
    if name != "fcit":
        assert offset.statistic == pytest.approx(plain.statistic, rel=1e-4)


def test_widths_do_not_see_ties() -> None:
    """Of a binary variable most distances may be 0."""
    distances = common.squared_distances(np.array([0.0] * 9 + [3.0])[:, None])
    assert common.median_distance(distances) == 3.0


def test_labels_are_found_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60))
    labels = rng.integers(0, 6, 60)
    np.testing.assert_array_equal(common.samples(x, y, labels).classes, labels)
    assert common.samples(x, y, x).classes is None
    assert common.samples(x, y, np.arange(60) // 5).classes is None  # twelve values: too many
    assert common.samples(x, y, labels, discrete=False).classes is None
    assert len(np.unique(common.samples(x, y, np.arange(60) // 5, discrete=True).classes)) == 12
    assert not common.samples(x, y, None).classes.any()


# ---- all tests alike


@pytest.mark.parametrize("name", sorted(TESTS))
def test_contract(name: str, key) -> None:
    """Types and shapes of the arguments, columns that never change, repeatability and errors."""
    test, rng = TESTS[name], np.random.default_rng(0)
    n = 40
    x, y = rng.normal(size=(2, n)).astype(np.float32)
    labels = rng.integers(0, 3, n)
    result = test(x, y, labels, key)
    assert type(result.statistic) is float and type(result.p_value) is float and 0 <= result.p_value <= 1
    assert result == test(jnp.asarray(x), y[:, None], labels.astype(float), key)
    assert result == test(np.stack([x, np.ones(n)], axis=1), y, labels, key)
    assert test(x, y, None, key) == test(x, y, np.ones(n), key) == test(x, y, np.empty((n, 0)), key)
    assert test(x > 0, y, np.stack([x, y], axis=1), key).p_value >= 0
    for constant in (test(np.ones(n), y, labels, key), test(x, np.zeros(n, bool), None, key)):
        assert constant == (0.0, 1.0)
    with pytest.raises(ShapeError, match="one row a sample, got 40, 39 and 40"):
        test(x, y[1:], labels, key)
    with pytest.raises(ShapeError, match="20 to 20000 samples, got 19"):
        test(x[:19], y[:19], None, key)
    with pytest.raises(ShapeError, match="z has values that are not finite"):
        test(x, y, np.where(x > 0, np.nan, x), key)
    with pytest.raises(ShapeError, match="z wants numbers, got <U5"):
        test(x, y, np.where(x > 0, "happy", "sad"), key)
    with pytest.raises(ShapeError, match=r"x wants \(n,\) or \(n, d\)"):
        test(x[:, None, None], y, labels, key)


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("chsic", {"permutations": 0}, "permutations = 0: must be at least 1"),
        ("chsic", {"ridge": 0.0}, "ridge = 0.0: must be more than 0"),
        ("chsic", {"clusters": 41}, r"clusters = 41: must be in \[1, 40\]"),
        ("chsic", {"form": "normalized"}, "did you mean 'normalised'"),
        ("cmiknn", {"surrogates": 0}, "surrogates = 0: must be at least 1"),
        ("cmiknn", {"neighbours": 1.0}, r"neighbours = 1.0: must be in \(0, 1\)"),
        ("cmiknn", {"shuffle_neighbours": 1}, r"shuffle_neighbours = 1: must be in \[2, 40\]"),
        ("cmiknn", {"permute": "z"}, "permute = 'z'; known: x, y"),
        ("fcit", {"splits": 1}, "splits = 1: must be at least 2"),
        ("fcit", {"test_share": 1.0}, r"test_share = 1.0: must be in \(0, 1\)"),
        ("kci", {"widths": "mean"}, "widths = 'mean', did you mean 'median'"),
    ],
)
def test_bad_settings_are_told(name: str, setting: dict, message: str, key) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 40))
    with pytest.raises(ConfigError, match=message):
        TESTS[name](x, y, None, key, **setting)


def test_majority_is_of_votes_at_alpha(monkeypatch: pytest.MonkeyPatch, key) -> None:
    answers = {"chsic": 0.01, "cmiknn": 0.002, "fcit": 0.9, "kci": 0.03}
    for name, p_value in answers.items():
        monkeypatch.setitem(TESTS, name, lambda *_, p=p_value: stats.IndependenceResult(1.0, p))
    vote = stats.majority([0], [0], None, key)
    assert vote.dependent and list(vote.results) == ["chsic", "cmiknn", "fcit"]
    assert vote.results["fcit"].p_value == 0.9
    assert not stats.majority([0], [0], None, key, alpha=0.009).dependent
    assert not stats.majority(
        [0], [0], None, key, tests=("chsic", "kci")
    ).dependent  # one of two is no majority
    assert stats.majority([0], [0], None, key, alpha=0.05, tests=("kci",)).dependent
    with pytest.raises(ConfigError, match="wanted tests among"):
        stats.majority([0], [0], None, key, tests=("hsic",))
    with pytest.raises(ConfigError, match="wanted tests among"):
        stats.majority([0], [0], None, key, alpha=1.0)


# ---- what they are worth

ALPHA = 0.1
QUICK = {"chsic": {"permutations": 99}, "cmiknn": {"surrogates": 99}, "fcit": {}, "kci": {}}
SETS = {"chsic": 40, "cmiknn": 40, "fcit": 16, "kci": 40}
SAMPLES = {"chsic": 100, "cmiknn": 100, "fcit": 300, "kci": 100}  # FCIT sees little in fewer


def simulated(rng: np.random.Generator, condition: str, dependent: bool, n: int) -> tuple:
    """Two causes and a common one; a dependent Y hears X as well."""
    z = {"none": np.zeros(n), "discrete": rng.integers(0, 4, n), "continuous": rng.normal(size=n)}[condition]
    x = np.sin(2 * z) + 0.5 * rng.normal(size=n)
    y = z**2 / 3 + 0.5 * rng.normal(size=n) + dependent * x
    return x, y, None if condition == "none" else z


@pytest.mark.parametrize("condition", ["none", "discrete", "continuous"])
@pytest.mark.parametrize("name", sorted(TESTS))
def test_level_and_power(name: str, condition: str) -> None:
    """No more rejections of true nulls than 99.9 % of binomial draws at the level; most effects are found."""
    rates = {}
    for dependent in (False, True):
        sets = SETS[name] if not dependent else 8
        rejections = 0
        for index in range(sets):
            rng = np.random.default_rng(index)
            x, y, z = simulated(rng, condition, dependent, SAMPLES[name])
            rejections += TESTS[name](x, y, z, jax.random.key(index), **QUICK[name]).p_value <= ALPHA
        rates[dependent] = rejections, sets
    assert rates[False][0] <= scipy_stats.binom.ppf(0.999, rates[False][1], ALPHA), rates
    assert rates[True][0] >= 6, rates


@pytest.mark.parametrize("condition", independence.CONDITIONS)
def test_simulated_truth_is_what_the_bench_says(condition: str) -> None:
    """What is left of X and Y beside the mean at their Z correlates only in dependent sets."""
    for dependent in (False, True):
        x, y, z = independence.simulate(condition, dependent, 20_000, 0.5, np.random.default_rng(0))
        place = np.zeros(len(x), int) if z is None else np.argsort(np.argsort(z, kind="stable")) // 50
        if condition.startswith("label"):
            place = z
        count = np.bincount(place)
        left = [values - (np.bincount(place, values) / count)[place] for values in (x, y)]
        correlation = np.corrcoef(*left)[0, 1]
        # 1 / sqrt(n) = .007; inside a bin of fifty, Z moves both a little
        assert (correlation > 0.2) if dependent else (abs(correlation) < 0.03)
    with pytest.raises(ConfigError, match="unknown condition"):
        independence.simulate("labels", False, 100, 0.5, np.random.default_rng(0))


def test_bench_counts_rejections() -> None:
    settings = independence.IndependenceSettings(samples=100, sets=2, effect=3.0)
    rows = {row["name"]: row for row in independence._rejection_rows("continuous", True, settings)}
    assert set(rows) == {f"rejections/{name}" for name in (*TESTS, "chsic, 10 clusters", "majority")}
    for name in ("cmiknn", "chsic", "majority"):
        row = rows[f"rejections/{name}"]
        assert row["at_0.05"] == row["high_0.05"] == 1.0 and row["low_0.05"] == pytest.approx(0.158, abs=1e-3)
