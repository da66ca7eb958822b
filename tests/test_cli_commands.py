"""Each command does its job on a small head: files are written, stdout has results, exit codes tell."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxface as jf
from jaxface.audit import AuditResult, gates
from jaxface.cli import columns, head_options, main
from jaxface.core import runtime
from tests.heads import toy_head


def run(arguments: str) -> int:
    """The exit code of a command line."""
    return main.run(arguments.split())


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commands draw the toy head, keep no compile cache, and write below a temporary folder."""
    monkeypatch.setattr(jf.face, "load", lambda source="bundled", **options: toy_head())
    monkeypatch.setattr(runtime, "enable_compile_cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(fake_run: AuditResult) -> Path:
    return fake_run.folder


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_render_one_face(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("render --size 32 --expression happy --out face.png --quiet") == 0
    assert capsys.readouterr() == ("face.png\n", "")
    face = picture(Path("face.png"))
    assert face.shape == (32, 32, 3)
    assert face.std() > 5


def test_render_a_strip_shows_the_frozen_side() -> None:
    assert run("render --size 32 --symmetry 1 0 --identity-seed 3 --out strips") == 0
    strip = picture(Path("strips/render.png"))[-32:]
    whole, half = strip[:, :32].astype(int), strip[:, -32:].astype(int)
    difference = np.abs(whole - half).sum(axis=(0, 2))
    assert difference[16:].sum() > 3 * difference[:16].sum()  # the person's left is on the right of the picture


def test_render_takes_an_intervention_and_its_levels() -> None:
    assert run("render --size 32 --symmetry 1 0 --out named.png --quiet") == 0
    assert run("render --size 32 --intervention symmetry --levels 1 0 --out levels.png --quiet") == 0
    np.testing.assert_array_equal(picture(Path("named.png")), picture(Path("levels.png")))


def test_render_draws_the_levels_of_a_named_intervention(capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--intervention brightness --intervention-settings steps 3"
    assert run(f"render --size 24 {flags} --out strip.png --quiet") == 0
    assert run("render --size 24 --out plain.png --quiet") == 0
    strip, plain = picture(Path("strip.png"))[-24:], picture(Path("plain.png"))
    assert strip.shape == (24, 3 * 24 + 2 * 4, 3)
    means = [strip[:, start : start + 24].mean() for start in (0, 28, 56)]
    assert means[0] < means[1] < means[2]
    np.testing.assert_array_equal(strip[:, 28:52], plain)


def test_render_a_sheet_of_people(tmp_path: Path) -> None:
    Path("sheet.toml").write_text('identities = 2\nexpression = ["neutral", "surprise"]\n[render]\nsize = 16\n')
    assert run("render --config sheet.toml --seed 5 --out sheet.png") == 0
    sheet = picture(Path("sheet.png"))
    assert sheet.shape[1] == 2 * 16 + 4
    assert not np.array_equal(sheet[-16:, :16], sheet[-36:-20, :16])  # another person


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--expression fear", "has no hand-set fear (it has: anger, happiness, surprise)"),
        ("--expression hapiness", "did you mean 'happiness'?"),
        ("--expression happiness --prototype 1", "happiness has 1 on head 'toy', counted from 0"),
        ("--identities 0", "identities = 0: must be at least 1"),
        ("--expression", "expression is empty; name at least one value"),
        ("--intervention symetry", "did you mean 'symmetry'?"),
        ("--symmetry 1 0 --levels 1 0", "use it without other levels"),
        ("--levels 1 0", "need an intervention"),
        ("--intervention yaw --intervention-settings largest 90", "yaw.largest = 90.0: must be in (0, 45]"),
        ("--intervention yaw --intervention-settings stride 9", "yaw.stride"),
        ("--intervention age", "intervention age: head 'toy' has no identity direction 'age'"),
    ],
)
def test_render_refuses(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"render {arguments}") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("jaxface: error: ") and message in error
    assert not Path("runs").exists()


def test_classifiers_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("classifiers") == 0
    assert {"face-api", "fer-mini-xception"} <= set(capsys.readouterr().out.split())
    assert run("classifiers show face-api") == 0
    out = capsys.readouterr().out
    assert "licence" in out and "MIT" in out and "sha256" in out
    assert run("classifiers show face-ap") == 2
    assert "did you mean 'face-api'?" in capsys.readouterr().err
    assert run("classifiers show") == 2
    assert run("classifiers list face-api") == 2


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_the_list_of_classifiers_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run("classifiers") == 0
    table, legend = capsys.readouterr().out.rstrip().split("\n\n")
    lines = table.splitlines()
    assert max(map(len, lines)) <= width and max(map(len, legend.splitlines())) <= 80
    assert all(line.startswith(name) for name, line in zip(jf.classify.names(), lines[1:], strict=True))
    assert ("weights" in lines[0], "dataset" in lines[0], "licence" in lines[0], "source" in lines[0]) == (
        True,
        width >= 80,
        width >= 120,
        width >= 400,
    )
    assert ("…" in table) == (width in (80, 120))


def test_columns_are_cut_where_they_may_be() -> None:
    one = columns.Column("name", ["aaaaaaaaaa", "b"])
    two = columns.Column("text", ["cccccccccc", "d"], least=4)
    number = columns.Column("n", ["1", "22"], right=True)
    assert columns.table([one, two, number], 40).splitlines()[1] == "aaaaaaaaaa  cccccccccc   1"
    assert columns.table([one, two, number], 22).splitlines()[1] == "aaaaaaaaaa  ccccc…   1"
    assert columns.table([one, two, number], 18).splitlines()[1] == "aaaaaaaaaa  ccccc…"
    assert columns.table([one, two, number], 3).splitlines()[1] == "aaaaaaaaaa"


def test_the_report_of_a_run_is_written_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"report {folder} --out here") == 0
    out = capsys.readouterr().out
    assert "one         happiness" in out
    assert out.endswith("report: here/report.html\n")
    assert Path("here/report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_report_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report") == 2
    assert run("report nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_gate(folder: Path) -> None:
    summary = jf.audit.load(folder).summary
    assert gates.check([gates.parse("score>0.2")], summary) == []
    lines = gates.check([gates.parse("score > 0.01"), gates.parse("significant>0.5")], summary)
    assert len(lines) == 4
    assert lines[0].startswith("one, happiness: score 0.07")


def test_dry_run_refuses_what_the_audit_would(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("audit --classifiers face-api --expressions contempt --dry-run") == 2
    assert "'face-api' knows none of contempt" in capsys.readouterr().err


def test_dry_run_counts_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("audit --config smoke --identities 3 --dry-run") == 0
    out = capsys.readouterr().out
    assert "cells     12 " in out  # 2 classifiers x 2 expressions x 3 people
    assert "surfaces  144 renders (3 x 4 a cell)" in out
    assert "folder    runs/smoke" in out
    assert re.search(r"time      .* seconds on \d+ cores?, .* \(estimated from measurements", out)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--identites 3", "did you mean --identities?"),
        ("--identities 0", "identities = 0: must be at least 1"),
        ("--expressions hapiness", "did you mean 'happiness'?"),
        ("--search.method hybird", "--search.method 'hybird', did you mean 'hybrid'?"),
        ("--classifiers face-appi", "did you mean 'face-api'?"),
        ("--config absent.toml", "no config file at absent.toml"),
        ("--fail-on nonsense", "is no limit"),
    ],
)
def test_audit_refuses(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"audit {arguments}") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("jaxface: error: ") and message in error
    assert not Path("runs").exists()


def test_audit_of_a_folder_that_belongs_to_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"audit --out {folder}") == 2
    assert "belongs to another audit" in capsys.readouterr().err


SMALL = (
    "audit --classifiers fer-mini-xception --identities 2 --expressions happiness --symmetry-steps 3 "
    "--time-steps 3 --permutations 50 --render.size 24 --search.method differential-evolution "
    "--search.population 8 --search.max-evaluations 16 --out run --quiet"
)


def test_audit_ends_with_a_table_and_a_report_and_is_not_done_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(SMALL) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "fer-mini-xception  happiness" in out
    assert out.endswith("report: run/report.html\n")
    assert "<img" in Path("run/report.html").read_text(encoding="utf-8")
    assert re.search(r"\ntime: [\d.]+ s \(search [\d.]+, render .*\), .* programs, \d+ of them compiled\n", out)
    for name in (
        "run.toml",
        "environment.json",
        "timing.json",
        "scores.csv",
        "significance.csv",
        "surfaces.zarr",
    ):
        assert Path("run", name).exists()

    monkeypatch.setattr(jf.search, "build", lambda *_: pytest.fail("searched again"))
    assert run(f"{SMALL} --fail-on score>-1") == 1
    again, err = capsys.readouterr()
    assert again == out
    assert err.startswith("jaxface: gate: fer-mini-xception, happiness: not measurable, or too few people")


def test_a_stopped_audit_says_that_it_resumes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxface.audit.runner.Evaluator", stop)
    assert run(SMALL) == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("jaxface: interrupted; ") and "same command" in error


def test_search_writes_a_picture_and_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "search --classifier fer-mini-xception --expression surprise --render.size 24 --quiet "
        "--search.method differential-evolution --search.population 8 --search.max-evaluations 16 "
        "--search.views plain --out s"
    )
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "surprise: probability" in out and out.endswith("s/search.png\n")
    record = json.loads(Path("s/search.json").read_text())
    assert 0.0 <= record["probability"] <= 1.0
    assert record["forward_calls"] <= 16
    answers = record["answers"]["fer-mini-xception"]
    assert sum(answers["s = 1"].values()) == pytest.approx(1.0, abs=1e-5)
    assert answers["s = 1"]["surprise"] == pytest.approx(record["probability"], abs=1e-4)
    with np.load("s/search.npz") as arrays:
        assert arrays["expression"].shape == (4,)
        assert (arrays["expression"] >= 0).all() and (arrays["expression"] <= 1).all()
    assert picture(Path("s/search.png")).std() > 5


def test_doctor_tells_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    code = run("doctor --face broken.npz absent.pkl --classifiers fer-mini-xception no-such-net")
    out = capsys.readouterr().out
    assert code == 1
    lines = {line.split(":")[0]: line for line in out.splitlines()}
    assert lines["ok     devices"].startswith("ok     devices: cpu:")
    assert "wrong  face broken.npz" in lines
    assert "wrong  face absent.pkl" in lines
    assert "wrong  classifier no-such-net" in lines
    assert "Traceback" not in out


def test_the_face_of_a_seed_is_the_first_of_its_population() -> None:
    import jax

    head = toy_head()
    people = jf.face.sample_population(jax.random.key(7), head, 3)
    someone = head_options.person(head, 7)
    np.testing.assert_array_equal(someone.identity, people.identity[0])
    np.testing.assert_array_equal(head_options.person(head, None).identity, jf.face.neutral(head).identity)
