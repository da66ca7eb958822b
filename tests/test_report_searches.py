"""Classifiers of one run that are searched differently: it is said beside the scores, with a search for all."""

import dataclasses
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import audit, classify, report
from jaxface.audit import AuditConfig, AuditResult
from jaxface.cli import main
from jaxface.report import methods
from jaxface.search import SearchConfig
from jaxface.search.config import Method
from tests import fake_audit

HOST = classify.from_function(
    lambda images: np.asarray(fake_audit.bright_corners(jnp.asarray(images))),
    fake_audit.LABELS,
    name="mine",
    on_host=True,
)
NOTE = (
    "searched differently: corners by gradient, mine by differential evolution, so that scores differ by the "
    "search, too; --search.method differential-evolution searches all alike"
)


def run(method: Method, folder: Path) -> AuditResult:
    search = SearchConfig(method=method, population=6, max_evaluations=12, gradient_steps=2, starts=1)
    config = dataclasses.replace(fake_audit.CONFIG, classifiers=(fake_audit.CLASSIFIER, HOST), search=search)
    return audit.run(config, folder)


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    return run("hybrid", tmp_path_factory.mktemp("hybrid"))


def test_the_note_stands_beside_the_scores(hybrid: AuditResult) -> None:
    assert report.score_table(hybrid).endswith(NOTE)
    page = report.write(hybrid, saliency="none").read_text()
    assert f'<p class="note">{NOTE}</p>' in page
    assert "(mine, outside of JAX: differential evolution alone)" in methods.paragraph(hybrid)


def test_the_search_that_is_named_searches_all_alike(tmp_path: Path) -> None:
    (name,) = re.findall("--search.method ([a-z-]+)", NOTE)
    result = run(name, tmp_path)
    assert "searched differently" not in report.score_table(result)
    assert "outside of JAX" not in methods.paragraph(result)
    assert (result.data["search_forward_calls"] > 0).all() and not result.data["search_gradient_calls"].any()
    assert AuditConfig(search=SearchConfig(method=name)).search.method == name  # with every default


def test_a_run_without_a_search_has_a_methods_paragraph(tmp_path: Path) -> None:
    result = run("prototype", tmp_path)
    assert "searched differently" not in report.score_table(result)
    assert "Each person showed the head's first hand-set expression of each name" in methods.paragraph(result)


def test_the_flag_is_one_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--search.method", "differential-evolution", "--dry-run", "--identities", "1"]
    assert main.run(["audit", *flags]) == 0
    capsys.readouterr()
