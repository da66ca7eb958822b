"""Whole runs on the toy head, with classifiers whose answers are known."""

import dataclasses
import errno
import json
from pathlib import Path
from typing import ClassVar

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from jaxface import audit, classify, interventions, render
from jaxface.audit import AuditConfig, CellStatus
from jaxface.audit.summarizing import summarize
from jaxface.audit.tables import write_tables
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import NullProgress, Progress
from jaxface.face import FaceParams
from jaxface.stats import benjamini_hochberg, symmetry_score
from tests import fake_audit
from tests.holding import held_by_another

CONFIG = fake_audit.CONFIG
CLASSIFIER = fake_audit.CLASSIFIER
LABELS = fake_audit.LABELS
RENDER = CONFIG.render
bright_corners = fake_audit.bright_corners


def same(one: audit.AuditResult, other: audit.AuditResult) -> None:
    """All numbers of two runs, bit for bit."""
    xarray.testing.assert_identical(
        one.data.drop_vars("search_cpu_seconds").load(), other.data.drop_vars("search_cpu_seconds").load()
    )
    np.testing.assert_equal(one.summary.to_json(), other.summary.to_json())


def run(config: AuditConfig, folder: Path, progress: Progress | None = None) -> audit.AuditResult:
    """Audit without a search, which takes long to compile; `test_cli_commands` has an audit with one."""
    return audit.run(config, folder, progress, searcher_factory=fake_audit.build)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> audit.AuditResult:
    return run(CONFIG, tmp_path_factory.mktemp("finished"))


def test_surfaces_are_pictures_asked_one_by_one(result: audit.AuditResult) -> None:
    """Against `render._image` and `probabilities` for single faces, and numpy.gradient."""
    data = result.data
    scene = render.scene(RENDER)
    expected = np.zeros((4, 5))
    face = FaceParams(
        jnp.asarray(data["identity_parameters"][1].values),
        jnp.asarray(data["expression_parameters"][0, 1, 1].values),
        jnp.zeros((5, 3)),
        jnp.asarray(data["albedo_parameters"][1].values),
    )
    chex.assert_trees_all_equal(result.face_params(1, "surprise"), face)
    for i, symmetry in enumerate(np.linspace(0, 1, 4, dtype=np.float32)):
        for j, time in enumerate(np.linspace(0, 1, 5, dtype=np.float32)):
            picture = interventions.image(interventions.Symmetry(), CONFIG.head, face, scene, symmetry, time)
            expected[i, j] = CLASSIFIER.probabilities(picture[None])[0, 1]
    # 1e-5: two programs that sum pixels in another order, times the classifier's weights of up to 9
    np.testing.assert_allclose(result.surfaces[0, 1, 1], expected, atol=1e-5)
    score = np.gradient(result.surfaces[0, 1, 1].values.astype(np.float64), axis=0).mean()
    np.testing.assert_allclose(result.scores[0, 1, 1], score, atol=1e-12)
    logits = result.logits[0, 1, 1, -1, -1]
    picture = render.image(CONFIG.head, face, scene)
    np.testing.assert_allclose(logits, CLASSIFIER.logits(picture[None])[0, 1], atol=5e-5)


def test_neutral_is_neutral_at_every_symmetry(result: audit.AuditResult) -> None:
    start = result.surfaces.values[..., 0]
    np.testing.assert_array_equal(start, np.broadcast_to(start[..., :1], start.shape))


def test_a_finished_run_is_only_read(result: audit.AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")}
    monkeypatch.setattr("jaxface.audit.runner.Evaluator", None)
    monkeypatch.setattr("jaxface.audit.summarizing.summarize", None)
    same(run(CONFIG, result.folder), result)
    assert {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")} == before
    same(audit.load(result.folder), result)


def test_a_run_in_which_another_process_works_is_refused(tmp_path: Path) -> None:
    with held_by_another(tmp_path), pytest.raises(StoreError, match=r"in use: process \d+ .* this audit"):
        run(CONFIG, tmp_path)


def test_a_full_disk_is_named_with_the_folder_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: audit.AuditResult
) -> None:
    def write(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jaxface.audit.store.RunStore.write", write)
        with pytest.raises(OSError, match="No space left on device") as refusal:
            run(CONFIG, tmp_path / "run")
    assert str(tmp_path / "run") in f"{refusal.value.filename or refusal.value}"
    same(run(CONFIG, tmp_path / "run"), result)


def test_tables_and_environment_lie_in_the_folder(result: audit.AuditResult) -> None:
    folder = result.folder
    assert json.loads((folder / "environment.json").read_text())["versions"]["jax"]
    scores = (folder / "scores.csv").read_text().splitlines()
    assert scores[0].startswith("classifier,expression,identity,score,p_value,adjusted") and len(scores) == 5
    row = scores[1].split(",")
    assert row[:3] == ["corners", "happiness", "0"] and float(row[3]) == float(result.scores[0, 0, 0])
    for name in ("significance", "accuracy", "activation", "transfer"):
        assert (folder / f"{name}.csv").read_text().startswith("classifier,")
    cells = result.summary.cells
    scores = result.scores.mean("identity").values.ravel()
    np.testing.assert_allclose([cell.score for cell in cells], scores)
    assert all(np.isnan(cell.low) and np.isnan(cell.high) for cell in cells), "two people have no interval"


def test_tables_do_not_depend_on_the_order_a_store_lists_its_arrays_in(
    tmp_path: Path, result: audit.AuditResult
) -> None:
    variables = result.data.variables
    dataset = xarray.Dataset(
        {name: variables[name] for name in reversed(list(variables))}, attrs=result.data.attrs
    )
    assert list(dataset.sizes) != list(result.data.sizes)
    summary = summarize(dataset, result.config)
    np.testing.assert_equal(summary.to_json(), result.summary.to_json())
    for table in write_tables(audit.AuditResult(tmp_path, result.config, dataset, summary)):
        assert table.read_text() == (result.folder / table.name).read_text()


def test_accuracy_activation_and_cross_predictions(result: audit.AuditResult) -> None:
    """With one classifier the only evaluator is itself: its answer at symmetry 1, time 1."""
    summary = result.summary
    activations = result.surfaces.isel(symmetry=-1, time=-1).mean("identity").values.ravel()
    np.testing.assert_allclose([cell.activation for cell in summary.cells], activations, atol=1e-6)
    np.testing.assert_allclose([row.probability for row in summary.cross_predictions], activations, atol=1e-6)
    top = result.data["probe_probability"].fillna(-1).argmax("answer")
    np.testing.assert_array_equal(result.data["probe_top_class"], top)
    ends = result.data["probe_top_class"].isel(probe=[0, -1])
    np.testing.assert_array_equal(result.top_class.isel(symmetry=[0, -1], time=-1), ends)
    answers = list(result.data["answer"].values)
    hits = float((top[0, 0, :, -1] == answers.index("happiness")).mean())
    whole = summary.accuracies_of("corners", "happiness")[-1]
    assert (whole.probe, whole.accuracy) == (1.0, hits)
    assert summary.cross_predictions[0].accuracy == hits


def test_stopped_by_the_user_it_goes_on(tmp_path: Path, result: audit.AuditResult) -> None:
    class Impatient(NullProgress):
        def advance(self, units: int = 1, note: str = "") -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"stopped with 2 of 4 cells done; the same command goes on in"):
        run(CONFIG, tmp_path, Impatient())
    same(run(CONFIG, tmp_path), result)


def test_statistics_that_are_missing_are_computed(
    tmp_path: Path, result: audit.AuditResult, monkeypatch
) -> None:
    """Killed after the last item, before the statistics; after them, before the summary; before a table."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("jaxface.audit.statistics.compute_statistics", _interrupt)
        run(CONFIG, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("jaxface.audit.store.RunStore.write_summary", _interrupt)
        run(CONFIG, tmp_path)
    with pytest.raises(StoreError, match="not finished: 4 of 4 cells"):
        audit.load(tmp_path)
    same(run(CONFIG, tmp_path), result)
    (tmp_path / "accuracy.csv").unlink()
    run(CONFIG, tmp_path)
    assert (tmp_path / "accuracy.csv").read_text() == (result.folder / "accuracy.csv").read_text()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_function_of_the_same_name_is_refused_by_its_labels(result: audit.AuditResult) -> None:
    other = classify.from_function(bright_corners, ("happy", "surprise", "sad"), name="corners")
    with pytest.raises(StoreError, match=r"another classifiers: corners: labels"):
        run(dataclasses.replace(CONFIG, classifiers=(other,)), result.folder)


def test_what_a_classifier_lacks_is_skipped_and_named(tmp_path: Path) -> None:
    sad = classify.from_function(bright_corners, ("sad", "surprise", "neutral"), name="sad")
    config = dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, sad), identities=1)
    result = run(config, tmp_path)
    assert result.skipped == [("sad", "happiness")] and result.failures == 0
    assert np.isnan(result.scores[1, 0, 0]) and np.isnan(result.p_values[1, 0, 0])
    assert np.isfinite(result.scores[0, 0, 0]) and np.isfinite(result.scores[1, 1, 0])
    rows = [row for row in result.summary.cross_predictions if row.evaluator == "sad"]
    assert {row.expression for row in rows if np.isfinite(row.probability)} == {"surprise"}
    np.testing.assert_allclose(result.adjusted_p_values[0, 0], result.p_values[0, 0])


def test_classifiers_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'face-api'"):
        run(dataclasses.replace(CONFIG, classifiers=("face-ap",)), tmp_path)
    with pytest.raises(ConfigError, match=r"'corners' knows none of fear; it knows happiness"):
        run(dataclasses.replace(CONFIG, expressions=("fear",)), tmp_path)
    twin = dataclasses.replace(CLASSIFIER)
    with pytest.raises(ConfigError, match="two classifiers are called 'corners'"):
        run(dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, twin)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_traced_again_from_identity_to_identity(tmp_path: Path) -> None:
    shapes = []

    def watched(images):
        shapes.append(images.shape)
        return bright_corners(images)

    clf = classify.from_function(watched, LABELS, name="watched")
    run(dataclasses.replace(CONFIG, classifiers=(clf,), identities=1), tmp_path / "1")
    first = len(shapes)
    assert first == len(set(shapes))
    run(dataclasses.replace(CONFIG, classifiers=(clf,), identities=3, seed=1), tmp_path / "3")
    assert len(shapes) == first


@dataclasses.dataclass(frozen=True)
class Painted(interventions.Symmetry):
    """Paint (symmetry, time, whether the first identity coefficient is positive) into every pixel; no face."""

    name: ClassVar[str] = "painted"

    def image(self, head, prepared, params, scene, levels):
        colour = jnp.stack([*levels, (params.identity[0] > 0) * 1.0])
        return jnp.broadcast_to(colour, (scene.size, scene.size, 3))

    def affine_fields(self, head, params):
        return None


PAINTED = dataclasses.replace(
    CONFIG, intervention=Painted(symmetry_steps=CONFIG.symmetry_steps, time_steps=CONFIG.time_steps)
)


@pytest.mark.parametrize("on_host", [False, True])
def test_a_score_in_closed_form(tmp_path: Path, on_host: bool) -> None:
    """p = .2 + .6 s t: the score is .6 mean(t) / (S - 1) = .3 / 3; it cannot be chance. The other: none."""
    xp = np if on_host else jnp

    def linear(images):
        s, t = images[:, 0, 0, 0], images[:, 0, 0, 1]
        p = 0.2 + 0.6 * s * t
        return xp.stack([p, 0 * p + 0.1, 0.9 - p], axis=-1)

    clf = classify.from_function(linear, LABELS, name="linear", scores="probabilities", on_host=on_host)
    config = dataclasses.replace(PAINTED, classifiers=(clf,), permutations=499)
    result = run(config, tmp_path)
    np.testing.assert_allclose(result.scores[0, 0], 0.1, atol=1e-6)
    np.testing.assert_allclose(result.scores[0, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(result.p_values[0, 0], 1 / 500)
    np.testing.assert_allclose(result.adjusted_p_values[0, 0], 2 / 500)
    assert result.significant[0, 0].all()


def test_a_cell_that_fails_is_a_status(tmp_path: Path) -> None:
    """NaN below s = .3 for people whose first coefficient is positive, and always for the second class."""

    def ill(images):
        s, positive = images[:, 0, 0, 0], images[:, 0, 0, 2]
        p = jnp.where((s < 0.3) & (positive == 1.0), jnp.nan, 0.5 + 0.1 * s)
        return jnp.stack([jnp.log(p), jnp.log(1 - p)], axis=-1)

    clf = classify.from_function(ill, ("happy", "neutral"), name="ill")
    never = classify.from_function(lambda images: bright_corners(images) * jnp.nan, LABELS, name="never")
    config = dataclasses.replace(PAINTED, classifiers=(clf, never), identities=6, expressions=("happiness",))
    result = run(config, tmp_path)
    positive = result.data["identity_parameters"][:, 0].values > 0
    assert 0 < positive.sum() < 6
    status = result.data["status"].values
    np.testing.assert_array_equal(status[0, 0], np.where(positive, CellStatus.NOT_FINITE, CellStatus.DONE))
    assert (status[1] == CellStatus.SEARCH_FAILED).all()
    np.testing.assert_array_equal(np.isnan(result.scores[0, 0]), positive)
    np.testing.assert_array_equal(np.isnan(result.adjusted_p_values[0, 0]), positive)
    assert result.failures == positive.sum() + 6
    cell = result.summary.cell("ill", "happiness")
    assert (cell.identities, cell.has_score) == ((~positive).sum(), True)
    assert not result.summary.cell("never", "happiness").has_score
    assert result.summary.effects[-1].classifier == "never" and not result.summary.effects[-1].effect.is_valid


def test_the_score_is_the_estimator_of_the_config(tmp_path: Path, result: audit.AuditResult) -> None:
    """And the tables say which; the surfaces are those of any other run."""
    config = dataclasses.replace(
        CONFIG, estimator="slope", unit="range", scheme="slope", correction="benjamini-hochberg"
    )
    other = run(config, tmp_path)
    surfaces = result.surfaces.values.astype(np.float64)
    np.testing.assert_allclose(other.scores, symmetry_score(surfaces, "slope", "range"), rtol=1e-6)
    np.testing.assert_array_equal(other.p_values, other.data["scheme_p_value"].sel(scheme="slope"))
    np.testing.assert_array_equal(other.adjusted_p_values, benjamini_hochberg(other.p_values.values))
    assert ",slope per range," in (tmp_path / "significance.csv").read_text()
    assert ",gradient per step," in (result.folder / "significance.csv").read_text()
    with pytest.raises(ConfigError, match="did you mean 'slope'"):
        dataclasses.replace(CONFIG, estimator="slop")


def test_a_detector_is_audited_per_action_unit(tmp_path: Path) -> None:
    """Beside a classifier of expressions: each is asked for what it knows, and scored by its own answers."""

    def units(images: jax.Array) -> jax.Array:
        return bright_corners(images)[:, :2] - jnp.array([1.0, 2.0])[None]

    detector = classify.from_function(units, ("AU12", "AU26"), name="detector")
    config = dataclasses.replace(CONFIG, classifiers=(CLASSIFIER, detector), expressions=("happiness", "au26"))
    data = run(config, tmp_path / "run").data
    assert list(data["expression"].values) == ["happiness", "AU26"]
    assert list(data["answer"].values[8:]) == ["AU12", "AU26"]
    complete, absent = CellStatus.DONE, CellStatus.SKIPPED
    np.testing.assert_array_equal(data["status"].values[..., 0], [[complete, absent], [absent, complete]])
    logits, probability = data["logit"].values[1, 1], data["probability"].values[1, 1]
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    present = data["top_class"].values[1, 1] == list(data["answer"].values).index("AU26")
    np.testing.assert_array_equal(present, probability > 0.5)
    score = symmetry_score(probability.astype(np.float64))
    np.testing.assert_allclose(data["score"].values[1, 1], score, atol=1e-9)
