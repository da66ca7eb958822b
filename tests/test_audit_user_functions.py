"""Audits of functions on the host that raise errors, answer with probabilities, or answer by chance."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxface import audit, classify, face, report, search
from jaxface.audit import AuditConfig, CellStatus
from jaxface.core.errors import FunctionError, ShapeError
from jaxface.render import Scene
from jaxface.search import SearchConfig, Status
from tests import fake_audit

CONFIG = dataclasses.replace(fake_audit.CONFIG, symmetry_steps=3, time_steps=3)


def host(fn: Any, **options: Any) -> classify.Classifier:
    return classify.from_function(fn, fake_audit.LABELS, name="mine", on_host=True, **options)


def logits(images: np.ndarray) -> np.ndarray:
    return np.asarray(fake_audit.bright_corners(jax.numpy.asarray(images)))


def softmax(images: np.ndarray) -> np.ndarray:
    return np.asarray(jax.nn.softmax(logits(images)))


def run(fn: Any, folder: Path, config: AuditConfig = CONFIG, **options: Any) -> audit.AuditResult:
    config = dataclasses.replace(config, classifiers=(host(fn, **options),))
    return audit.run(config, folder, searcher_factory=fake_audit.build)


class RaisesAt:
    """Raise an error in some of the calls."""

    def __init__(self, *calls: int) -> None:
        self.calls, self.count = calls, 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.count += 1
        if self.count in self.calls:
            raise RuntimeError("CUDA out of memory\nsecond line")
        return logits(images)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> audit.AuditResult:
    return run(logits, tmp_path_factory.mktemp("expected"))


def test_an_error_fails_its_cell_with_the_reason(tmp_path: Path, expected: audit.AuditResult) -> None:
    # calls 1 and 2 are the fingerprint's, 3 the searcher's; then a person's two surfaces and the probes
    result = run(RaisesAt(5), tmp_path)
    status = result.data["status"].values[0]
    assert status.tolist() == [[0, 0], [CellStatus.CLASSIFIER_FAILED, 0]]
    assert result.failures == 1
    text = str(result.data["failure"].values[0, 1, 0])
    assert text == "classifier 'mine' raised RuntimeError: CUDA out of memory second line"
    assert np.isnan(result.surfaces.values[0, 1, 0]).all()
    np.testing.assert_array_equal(result.surfaces.values[0, :, 1], expected.surfaces.values[0, :, 1])
    assert f"1 cell failed: {text}" in report.score_table(result)
    assert "1 cell failed" in (report.write(result, saliency="none")).read_text()


def test_an_error_on_the_probes_fails_the_person(tmp_path: Path, expected: audit.AuditResult) -> None:
    count = 2 * len(expected.intervention.probe_levels)  # no surface has as many pictures
    calls = 0

    def raises(images: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += len(images) == count
        if len(images) == count and calls == 1:
            raise RuntimeError("no face")
        return logits(images)

    status = run(raises, tmp_path).data["status"].values[0]
    assert (status[:, 0] == CellStatus.CLASSIFIER_FAILED).all() and (status[:, 1] == CellStatus.DONE).all()


def test_a_function_that_always_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match=r"'mine' raised RuntimeError: CUDA out of memory second line$"):
        run(RaisesAt(*range(1000)), tmp_path)


def test_an_error_ends_the_search_of_its_case_alone() -> None:
    config = SearchConfig(method="differential-evolution", population=4, max_evaluations=8)
    classifier, head = host(RaisesAt(2)), CONFIG.head
    searcher = search.build(classifier, head, Scene(size=24, supersample=1), config)
    params = jax.tree.map(lambda leaf: np.zeros((2, *leaf.shape), np.float32), face.neutral(head))
    result = searcher.run(jax.random.key(0), params, np.array([0, 1]))
    failed = result.failure != ""
    assert failed.tolist() == [False, True] and result.status[1] == Status.FAILED
    assert "CUDA out of memory" in result.failure[1] and result.status[0] != Status.FAILED


def test_a_softmax_gets_the_scores_of_its_logits(tmp_path: Path, expected: audit.AuditResult) -> None:
    result = run(softmax, tmp_path)
    np.testing.assert_allclose(result.scores, expected.scores, atol=1e-5)
    assert "mine: its answers sum to 1 in each row: they are taken as probabilities" in report.score_table(
        result
    )
    assert "mine:" not in report.score_table(expected)


def test_answers_by_chance_are_flagged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    result = run(lambda images: logits(images) + rng.normal(0, 0.1, (len(images), 3)), tmp_path)
    assert "mine: it answers otherwise when the same pictures come again" in report.score_table(result)
    assert result.data.attrs["classifiers"]["mine"]["notes"]


def test_a_row_too_few_fails_its_cell(tmp_path: Path) -> None:
    count = 0

    def drops(images: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return logits(images)[: -1 if count == 4 else None]

    result = run(drops, tmp_path)
    assert result.failures == 1 and "returned scores of shape" in str(result.data["failure"].values[0, 0, 0])
    with pytest.raises(ShapeError, match="'mine' returned scores of shape"):
        run(lambda images: logits(images)[:-1], tmp_path / "all")
