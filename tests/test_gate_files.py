"""A gate for machines: JSON and JUnit beside the exit code; a report that is there is not drawn again."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jaxface.audit import AuditResult, gate_files, gates
from jaxface.audit.gates import Outcome
from jaxface.cli.main import run
from jaxface.report import html, page_keys

pytestmark = pytest.mark.usefixtures("without_drawings")

WORKFLOW = Path(__file__).parent.parent / "examples" / "ci" / "audit.yml"


@pytest.fixture(scope="module")
def folder(fake_run: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(fake_run.folder, tmp_path_factory.mktemp("gate") / "run"))


def test_the_files_hold_what_the_gate_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`one` depends on symmetry for happiness by .075 a step, `two` for surprise."""
    files = tmp_path / "gate.json", tmp_path / "deep" / "gate.xml"
    command = f"report {folder} --gate-json {files[0]} --gate-junit {files[1]} --quiet --fail-on".split()
    limits = ["score>0.01", "happiness: accuracy drop>2"]
    assert run([*command, *limits]) == 1
    content = json.loads(files[0].read_text())
    assert content["run"] == str(folder) and content["limits"] == limits and content["passed"] is False
    status = {(row["limit"], row["classifier"], row["expression"]): row["status"] for row in content["checks"]}
    assert status == {
        ("score>0.01", "one", "happiness"): "failed",
        ("score>0.01", "one", "surprise"): "passed",
        ("score>0.01", "two", "happiness"): "passed",
        ("score>0.01", "two", "surprise"): "failed",
        ("happiness: accuracy drop>2", "one", "happiness"): "passed",
        ("happiness: accuracy drop>2", "two", "happiness"): "passed",
    }
    failing = [row["message"] for row in content["checks"] if row["fails"]]
    assert capsys.readouterr().err.splitlines() == [f"jaxface: gate: {line}" for line in failing]
    (suite,) = ElementTree.parse(files[1]).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "2", "0")
    names = [(test.get("classname"), test.get("name"), len(test)) for test in suite]
    assert ("one", "happiness: score>0.01", 1) in names and ("two", "happiness: accuracy drop>2", 0) in names
    assert [test[0].get("message") for test in suite if len(test)] == failing
    assert run([*command, "score>1"]) == 0
    assert json.loads(files[0].read_text())["passed"] is True


def test_two_runs_and_unmeasured_cells(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "gate.json"
    command = f"report {folder} {folder} --out {tmp_path} --gate-json {file} --fail-on".split()
    assert run([*command, "score increase>0.005"]) == 0
    content = json.loads(file.read_text())
    assert content["run"] == f"{folder} and {folder}"
    assert {row["expression"] for row in content["checks"]} == {"happiness", "surprise", "all"}
    nan = float("nan")
    outcomes = [
        Outcome("", "net\x00<1>", "fear", nan, gates.UNMEASURED_STATUS, "net: no score", False),
        Outcome("score>0", "net", "anger", nan, gates.UNMEASURED_STATUS, "net, anger: too few", True),
    ]
    gate_files.write_junit(tmp_path / "g.xml", "run", outcomes)
    (suite,) = ElementTree.parse(tmp_path / "g.xml").getroot()
    assert [test[0].tag for test in suite] == ["skipped", "failure"]
    assert suite[0].get("classname") == "net\\x00<1>" and suite[0].get("name") == "fear: can be judged"
    gate_files.write_json(file, "run", [], outcomes)
    assert [row["value"] for row in json.loads(file.read_text())["checks"]] == [None, None]


def test_a_file_without_a_limit_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(folder), "--gate-junit", "gate.xml"]) == 2
    assert "--gate-junit holds what --fail-on finds; give it a limit" in capsys.readouterr().err


def test_a_gate_does_not_draw_a_report_that_is_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without faces is drawn again: the head may be there now. So is one of other settings or code."""
    drawings: list[str] = []
    draw = html.build_context

    def count_and_draw(*args: object, **settings: object) -> object:
        drawings.append("")
        return draw(*args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(html, "build_context", count_and_draw)
    gate = ["report", str(folder), "--out", str(tmp_path), "--saliency", "none", "--fail-on", "score>1"]
    assert run(gate) == run(gate) == 0
    assert len(drawings) == 2, "there are no faces on this page"
    monkeypatch.setattr(html, "NO_FACES", page_keys.page_key(html.load(folder), "none"))
    assert run(gate) == run(gate) == 0
    assert len(drawings) == 3
    assert run(gate[:-2]) == 0 and len(drawings) == 4, "asked for without a gate"
    assert run([*gate[:5], "occlusion", *gate[6:]]) == 0 and len(drawings) == 5
    monkeypatch.setattr(page_keys, "_code", lambda: "changed")
    assert run(gate) == 0 and len(drawings) == 6


def test_the_example_workflow_uses_flags_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    command = text.split("jaxface audit ")[1].split("- name")[0].split()
    with pytest.raises(SystemExit):
        run(["audit", "--help"])
    usage = capsys.readouterr().out
    flags = [word for word in command if word.startswith("--")]
    assert {"--fail-on", "--gate-json", "--gate-junit"} <= set(flags)
    assert all(flag in usage for flag in flags)
