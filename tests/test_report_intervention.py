"""A second intervention gets a whole report, in its own words."""

import dataclasses
import html
import json
import re
from pathlib import Path

import pytest

import jaxface as jf
from jaxface.audit import AuditResult
from jaxface.core.errors import ConfigError
from jaxface.report import compare_runs, verdict
from tests.test_audit_intervention import CONFIG, run


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    return run(CONFIG, tmp_path_factory.mktemp("turned"))


@pytest.fixture(scope="module")
def folder(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    jf.report.write(result, folder / "report.html", saliency="full", figures="paper")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return html.unescape((folder / "report.html").read_text(encoding="utf-8"))


def without_script_and_config(page: str) -> str:
    """The page without code, without the paper's title, and without the run's settings, some of symmetry."""
    page = re.sub(r"<script.*?</script>|<pre>.*?</pre>", "", page, flags=re.DOTALL)
    return re.sub(r"Facing\s+Asymmetry", "the paper", page)


def test_its_report_is_whole_and_in_its_words(page: str) -> None:
    text = without_script_and_config(page)
    assert "symmetr" not in text.lower()
    for words in (
        "turn audit",
        "head turn",
        "turned away",
        "frontal",
        "4 levels of yaw from frontal to turned",
    ):
        assert words in text, words
    assert "3 phase steps from neutral to full expression" in text
    assert text.count("<img") > 10 and "No faces here" not in text
    assert (
        '<input type="range" id="dose" min="0" max="0.6"' in text and "yaw: 0 is frontal, 0.6 is turned" in text
    )
    assert ">yaw</text>" in text and ">phase</text>" in text


def test_sliders_get_its_axes(page: str) -> None:
    data = json.loads(re.search(r'id="answers">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert data["dose"] == {"name": "yaw", "levels": [0.0, 0.2, 0.4, 0.6], "unchanged": 0.0}
    assert data["time"]["name"] == "phase" and data["sprites"]["dose"][-1] == 0.6


def test_faces_go_from_unchanged_to_changed(result: AuditResult, page: str) -> None:
    """The unchanged level is the first one here, and the last of the probe levels."""
    assert re.findall(r"<span>y = ([^<]+)</span>", page)[:2] == ["0", "0.6"]
    row = result.summary.effects[0]
    one = verdict.classifier_verdicts(result)[0]
    # a score is positive where the answer rises with the dose, which is a gain
    assert one.direction == -row.effect.direction
    change = 100 * row.effect.mean * row.effect.steps
    assert float(one.points.replace("−", "-")) == pytest.approx(change, abs=0.5)


def test_files_and_terminal_have_its_names(result: AuditResult, folder: Path) -> None:
    files = {path.name for path in (folder / "figures").iterdir()}
    assert {"table4-accuracy-y0.csv", "table4-accuracy-y0.6.csv", "surface3d-corners.png"} <= files
    assert not any(name.startswith("gradient-") for name in files)  # it changes more than the vertices
    assert "yaw" in (folder / "figures" / "curves-corners.svg").read_text(encoding="utf-8")
    methods = (folder / "figures" / "methods.txt").read_text(encoding="utf-8")
    assert "We then intervened on head turn: yaw was varied from frontal to turned" in methods
    assert "accuracy at y=0.6" in jf.report.score_table(result)


def test_two_of_its_runs_are_compared(result: AuditResult) -> None:
    (pair,) = compare_runs.pairs(result, result)
    assert pair.direction == 0 and "per step of yaw" in pair.sentence
    other = dataclasses.replace(result, data=result.data.assign_attrs(intervention=symmetric(result)))
    with pytest.raises(ConfigError, match="intervention is 'turn' and 'symmetry'"):
        compare_runs.pairs(result, other)


def symmetric(result: AuditResult) -> dict[str, object]:
    return {**result.data.attrs["intervention"], "name": "symmetry"}


def test_a_folder_alone_has_a_report_without_faces(result: AuditResult, tmp_path: Path) -> None:
    """The intervention is an object of this process, so the run's file has its name alone."""
    text = jf.report.write(result.folder, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No faces here" in text and "yaw" in text and "<img" not in text
