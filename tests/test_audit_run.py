"""Whole runs on the toy head, with classifiers whose answers are known."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from jaxface import audit, classify, interventions, render
from jaxface.audit import AuditConfig, CellStatus, surfaces
from jaxface.audit.statistics import write_tables
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import NullProgress
from jaxface.face import FaceParams
from jaxface.stats import benjamini_hochberg, symmetry_score
from tests import planted

CONFIG = planted.CONFIG
CLASSIFIER = planted.CLASSIFIER
LABELS = planted.LABELS
RENDER = CONFIG.render
bright_corners = planted.bright_corners


def same(one: audit.AuditResult, other: audit.AuditResult) -> None:
    """All numbers of two runs, bit for bit."""
    xarray.testing.assert_identical(
        one.data.drop_vars("search_cpu_seconds").load(), other.data.drop_vars("search_cpu_seconds").load()
    )


@pytest.fixture(autouse=True)
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling a search takes longer than all else here; `test_cli_commands` has an audit with one."""
    monkeypatch.setattr("jaxface.audit.runner.build", planted.build)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[audit.AuditResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxface.audit.runner.build", planted.build)
        yield audit.run(CONFIG, tmp_path_factory.mktemp("finished"))


def test_surfaces_are_pictures_asked_one_by_one(finished: audit.AuditResult) -> None:
    """Against `render._image` and `probabilities` for single faces, and numpy.gradient."""
    data = finished.data
    scene = render.scene(RENDER)
    expected = np.zeros((4, 5))
    face = FaceParams(
        jnp.asarray(data["identity_parameters"][1].values),
        jnp.asarray(data["expression_parameters"][0, 1, 1].values),
        jnp.zeros((5, 3)),
        jnp.asarray(data["albedo_parameters"][1].values),
    )
    for i, symmetry in enumerate(np.linspace(0, 1, 4, dtype=np.float32)):
        for j, time in enumerate(np.linspace(0, 1, 5, dtype=np.float32)):
            picture = interventions.image(interventions.Symmetry(), CONFIG.head, face, scene, symmetry, time)
            expected[i, j] = CLASSIFIER.probabilities(picture[None])[0, 1]
    # 1e-5: two programs that sum pixels in another order, times the classifier's weights of up to 9
    np.testing.assert_allclose(finished.surfaces[0, 1, 1], expected, atol=1e-5)
    score = np.gradient(finished.surfaces[0, 1, 1].values.astype(np.float64), axis=0).mean()
    np.testing.assert_allclose(finished.scores[0, 1, 1], score, atol=1e-12)
    logits = finished.logits[0, 1, 1, -1, -1]
    picture = render.image(CONFIG.head, face, scene)
    np.testing.assert_allclose(logits, CLASSIFIER.logits(picture[None])[0, 1], atol=5e-5)


def test_neutral_is_neutral_at_every_symmetry(finished: audit.AuditResult) -> None:
    start = finished.surfaces.values[..., 0]
    np.testing.assert_array_equal(start, np.broadcast_to(start[..., :1], start.shape))


def test_a_finished_run_is_only_read(finished: audit.AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")}
    monkeypatch.setattr("jaxface.audit.runner.Examiner", None)
    same(audit.run(CONFIG, finished.folder), finished)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")} == before
    same(audit.load(finished.folder), finished)


def test_tables_and_environment_lie_in_the_folder(finished: audit.AuditResult) -> None:
    folder = finished.folder
    assert json.loads((folder / "environment.json").read_text())["versions"]["jax"]
    scores = (folder / "scores.csv").read_text().splitlines()
    assert scores[0].startswith("classifier,expression,identity,score,p_value,adjusted") and len(scores) == 5
    row = scores[1].split(",")
    assert row[:3] == ["corners", "happiness", "0"] and float(row[3]) == float(finished.scores[0, 0, 0])
    for name in ("significance", "accuracy", "activation", "transfer"):
        assert (folder / f"{name}.csv").read_text().startswith("classifier,")
    table = audit.summary(finished)
    np.testing.assert_allclose(table["score"], finished.scores.mean("identity"))
    assert ((table["low"] <= table["score"]) & (table["score"] <= table["high"])).all()


def test_tables_do_not_depend_on_the_order_a_store_lists_its_arrays_in(
    tmp_path: Path, finished: audit.AuditResult
) -> None:
    stored = finished.data.variables
    listed = xarray.Dataset({name: stored[name] for name in reversed(list(stored))}, attrs=finished.data.attrs)
    assert list(listed.sizes) != list(finished.data.sizes)
    for table in write_tables(audit.AuditResult(tmp_path, finished.config, listed)):
        assert table.read_text() == (finished.folder / table.name).read_text()


def test_accuracy_activation_and_transfer(finished: audit.AuditResult) -> None:
    """With one classifier the only judge is itself: its answer at symmetry 1, time 1."""
    reached = finished.surfaces.isel(symmetry=-1, time=-1)
    np.testing.assert_allclose(finished.activation, reached.mean("identity"), atol=1e-6)
    np.testing.assert_allclose(finished.transfer["probability"][:, 0], finished.activation, atol=1e-6)
    top = finished.data["checked_probability"].fillna(-1).argmax("answer")
    np.testing.assert_array_equal(finished.data["predicted"], top)
    ends = finished.data["predicted"].isel(checked_symmetry=[0, -1])
    np.testing.assert_array_equal(finished.first.isel(symmetry=[0, -1], time=-1), ends)
    answers = list(finished.data["answer"].values)
    hits = (top[0, 0, :, -1] == answers.index("happiness")).mean()
    assert finished.accuracy[0, 0, -1] == hits == finished.transfer["accuracy"][0, 0, 0]


def test_stopped_by_the_user_it_goes_on(tmp_path: Path, finished: audit.AuditResult) -> None:
    class Impatient(NullProgress):
        def advance(self, units: int = 1, note: str = "") -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"stopped with 2 of 4 cells done; the same command goes on in"):
        audit.run(CONFIG, tmp_path, Impatient())
    same(audit.run(CONFIG, tmp_path), finished)


def test_judgement_is_made_up_for(tmp_path: Path, finished: audit.AuditResult, monkeypatch) -> None:
    """Killed after the last group, before the verdict; and after the verdict, before a table."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("jaxface.audit.statistics.compute_statistics", _interrupt)
        audit.run(CONFIG, tmp_path)
    same(audit.run(CONFIG, tmp_path), finished)
    (tmp_path / "accuracy.csv").unlink()
    audit.run(CONFIG, tmp_path)
    assert (tmp_path / "accuracy.csv").read_text() == (finished.folder / "accuracy.csv").read_text()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_function_of_the_same_name_is_refused_by_its_labels(finished: audit.AuditResult) -> None:
    other = classify.from_function(bright_corners, ("happy", "surprise", "sad"), name="corners")
    with pytest.raises(StoreError, match=r"another classifiers: corners\.labels"):
        audit.run(dataclasses.replace(CONFIG, classifiers=(other,)), finished.folder)


def test_what_a_classifier_lacks_is_skipped_and_named(tmp_path: Path) -> None:
    sad = classify.from_function(bright_corners, ("sad", "surprise", "neutral"), name="sad")
    config = dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, sad), identities=1)
    result = audit.run(config, tmp_path)
    assert result.skipped == [("sad", "happiness")] and result.failures == 0
    assert np.isnan(result.scores[1, 0, 0]) and np.isnan(result.p_values[1, 0, 0])
    assert np.isfinite(result.scores[0, 0, 0]) and np.isfinite(result.scores[1, 1, 0])
    said = result.transfer["probability"]  # "sad" cannot answer for happiness
    assert np.isnan(said.sel(judge="sad", expression="happiness")).all()
    assert np.isfinite(said.sel(judge="sad", expression="surprise")).all()
    np.testing.assert_allclose(result.adjusted[0, 0], result.p_values[0, 0])


def test_classifiers_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'face-api'"):
        audit.run(dataclasses.replace(CONFIG, classifiers=("face-ap",)), tmp_path)
    with pytest.raises(ConfigError, match=r"'corners' knows none of fear; it knows happiness"):
        audit.run(dataclasses.replace(CONFIG, expressions=("fear",)), tmp_path)
    twin = dataclasses.replace(CLASSIFIER)
    with pytest.raises(ConfigError, match="holds 'corners' twice"):
        audit.run(dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, twin)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_traced_again_from_identity_to_identity(tmp_path: Path) -> None:
    seen = []

    def watched(images):
        seen.append(images.shape)
        return bright_corners(images)

    clf = classify.from_function(watched, LABELS, name="watched")
    audit.run(dataclasses.replace(CONFIG, classifiers=(clf,), identities=1), tmp_path / "1")
    first = len(seen)
    assert first == len(set(seen))
    audit.run(dataclasses.replace(CONFIG, classifiers=(clf,), identities=3, seed=1), tmp_path / "3")
    assert len(seen) == first


# Planted pictures: the renderer is replaced by one that paints (symmetry, time, person) into every pixel.


def planted_grid(head, params, scene, symmetry, time, side):
    colour = jnp.stack(
        [
            jnp.broadcast_to(symmetry[:, None], (len(symmetry), len(time))),
            jnp.broadcast_to(time[None], (len(symmetry), len(time))),
            jnp.broadcast_to((params.identity[:1] > 0)[None] * 1.0, (len(symmetry), len(time))),
        ],
        axis=-1,
    )
    return jnp.broadcast_to(colour[:, :, None, None], (*colour.shape[:2], scene.size, scene.size, 3))


def planted_images(head, params, scene, symmetry, time, side):
    people = jnp.broadcast_to((params.identity[:, 0] > 0) * 1.0, symmetry.shape)
    colour = jnp.stack([symmetry, time, people], axis=-1)
    return jnp.broadcast_to(colour[:, None, None], (len(symmetry), scene.size, scene.size, 3))


@pytest.fixture
def planted_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surfaces, "grid", planted_grid)
    monkeypatch.setattr(surfaces, "images", planted_images)


def planted_config(classifier: classify.Classifier, size: int, **changes) -> AuditConfig:
    """A size of its own for each test, so that no real picture's program is taken for a planted one."""
    sized = dataclasses.replace(RENDER, size=size)
    return dataclasses.replace(CONFIG, classifiers=(classifier,), render=sized, **changes)


@pytest.mark.parametrize("on_host", [False, True])
def test_planted_score_in_closed_form(tmp_path: Path, planted_pictures: None, on_host: bool) -> None:
    """p = .2 + .6 s t: the score is .6 mean(t) / (S - 1) = .3 / 3; it cannot be chance. The other: none."""
    xp = np if on_host else jnp

    def linear(images):
        s, t = images[:, 0, 0, 0], images[:, 0, 0, 1]
        p = 0.2 + 0.6 * s * t
        return xp.stack([p, 0 * p + 0.1, 0.9 - p], axis=-1)

    clf = classify.from_function(linear, LABELS, name="linear", scores="probabilities", on_host=on_host)
    result = audit.run(planted_config(clf, 21 - on_host, permutations=499), tmp_path)
    np.testing.assert_allclose(result.scores[0, 0], 0.1, atol=1e-6)
    np.testing.assert_allclose(result.scores[0, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(result.p_values[0, 0], 1 / 500)
    np.testing.assert_allclose(result.adjusted[0, 0], 2 / 500)
    assert result.significant[0, 0].all()


def test_a_cell_that_fails_is_a_status(tmp_path: Path, planted_pictures: None) -> None:
    """NaN below s = .3 for people whose first coefficient is positive, and always for the second class."""

    def ill(images):
        s, positive = images[:, 0, 0, 0], images[:, 0, 0, 2]
        p = jnp.where((s < 0.3) & (positive == 1.0), jnp.nan, 0.5 + 0.1 * s)
        return jnp.stack([jnp.log(p), jnp.log(1 - p)], axis=-1)

    clf = classify.from_function(ill, ("happy", "neutral"), name="ill")
    never = classify.from_function(lambda images: bright_corners(images) * jnp.nan, LABELS, name="never")
    config = planted_config(clf, 19, identities=6, expressions=("happiness",))
    result = audit.run(dataclasses.replace(config, classifiers=(clf, never)), tmp_path)
    positive = result.data["identity_parameters"][:, 0].values > 0
    assert 0 < positive.sum() < 6
    status = result.data["status"].values
    np.testing.assert_array_equal(status[0, 0], np.where(positive, CellStatus.NOT_FINITE, CellStatus.DONE))
    assert (status[1] == CellStatus.SEARCH_FAILED).all()
    np.testing.assert_array_equal(np.isnan(result.scores[0, 0]), positive)
    np.testing.assert_array_equal(np.isnan(result.adjusted[0, 0]), positive)
    assert result.failures == positive.sum() + 6
    assert audit.summary(result)["identities"][0, 0] == (~positive).sum()


def test_the_score_is_the_estimator_that_was_asked_for(tmp_path: Path, finished: audit.AuditResult) -> None:
    """And the tables say which; the surfaces are those of any other run."""
    config = dataclasses.replace(
        CONFIG, estimator="slope", unit="range", scheme="slope", correction="benjamini-hochberg"
    )
    result = audit.run(config, tmp_path)
    surfaces = finished.surfaces.values.astype(np.float64)
    np.testing.assert_allclose(result.scores, symmetry_score(surfaces, "slope", "unit"), rtol=1e-6)
    np.testing.assert_array_equal(result.p_values, result.data["scheme_p_value"].sel(scheme="slope"))
    np.testing.assert_array_equal(result.adjusted, benjamini_hochberg(result.p_values.values))
    assert ",slope per unit," in (tmp_path / "significance.csv").read_text()
    assert ",gradient per step," in (finished.folder / "significance.csv").read_text()
    with pytest.raises(ConfigError, match="did you mean 'slope'"):
        dataclasses.replace(CONFIG, estimator="slop")


def test_a_detector_is_audited_per_action_unit(tmp_path: Path) -> None:
    """Beside a classifier of expressions: each is asked for what it knows, and judged by its own answers."""

    def units(images: jax.Array) -> jax.Array:
        return bright_corners(images)[:, :2] - jnp.array([1.0, 2.0])[None]

    detector = classify.from_function(units, ("AU12", "AU26"), name="detector")
    config = dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, detector), expressions=("happiness", "au26"))
    data = audit.run(config, tmp_path / "run").data
    assert list(data["expression"].values) == ["happiness", "AU26"]
    assert list(data["answer"].values[8:]) == ["AU12", "AU26"]
    done, skipped = CellStatus.DONE, CellStatus.SKIPPED
    np.testing.assert_array_equal(data["status"].values[..., 0], [[done, skipped], [skipped, done]])
    logits, probability = data["logit"].values[1, 1], data["probability"].values[1, 1]
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    there = data["first"].values[1, 1] == list(data["answer"].values).index("AU26")
    np.testing.assert_array_equal(there, probability > 0.5)
    score = symmetry_score(probability.astype(np.float64))
    np.testing.assert_allclose(data["score"].values[1, 1], score, atol=1e-9)
