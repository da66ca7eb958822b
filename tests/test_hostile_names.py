"""Names of classifiers as people and files write them: in the report, in its files, on the terminal."""

import csv
import dataclasses
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from jaxface import classify, data, report
from jaxface.audit.inputs import load_classifiers
from jaxface.core import io, progress, runtime
from jaxface.core.errors import ConfigError, DataError
from jaxface.report import exporting
from jaxface.report.figures import style
from tests.runs import CONFIG, finished_run

NAMES = (r"C:\models\dan", r"\g<x>", r"a\1b", "\x1b[2Jevil\x07", "=HYPERLINK(1)", "x" * 5000, "<b>&\"'")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_says_a_name_as_it_is(name: str) -> None:
    text = style.svg(Figure(figsize=(1, 1)), "figure", description=name)
    assert f'aria-label="{style.escape(name)}" style="--wide:96px"' in text


def test_figures_of_any_names_get_files_of_their_own() -> None:
    paths: list[Path] = []
    for name in (*NAMES, "x" * 5001, "a b", "a-b", "a/b", "../../etc/x", "\ud800", "笑" * 200):
        file = exporting.file_name(name, paths)
        assert len(file.encode()) <= exporting.LONGEST_NAME and "/" not in file
        paths += [Path("figures") / f"{file}.svg", Path("figures") / f"{file}.png"]
    assert len({str(path) for path in paths}) == len(paths)


def test_a_run_with_hostile_names_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = dataclasses.replace(CONFIG, classifiers=(r"C:\models\dan" + "\x1b[2J", "=cmd|' /C calc'!A0"))
    result = finished_run(tmp_path / "run", config)
    report.write(result, saliency="none", figures="paper")
    table = report.score_table(result)
    assert r"C:\models\dan\x1b[2J" in table and "\x1b" not in table
    for path in [*(tmp_path / "run").glob("*.csv"), *(tmp_path / "run/figures").glob("*.csv")]:
        with path.open(encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith("=")], path


def test_only_what_a_spreadsheet_would_run_is_quoted() -> None:
    numbers = ("-0.5", "+0.0123", "-1e-3", "a", "", "1", "-inf")
    assert [io.spreadsheet_cell(text) for text in numbers] == list(numbers)
    formulas = ("=1+1", "+cmd", "-cmd", "@SUM(1)", "\t=1")
    assert [io.spreadsheet_cell(text) for text in formulas] == [f"'{text}" for text in formulas]


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "  "])
def test_a_name_that_no_file_holds_is_refused_before_the_audit(name: str) -> None:
    classifier = classify.from_function(lambda images: images, ("happy", "neutral"), name="one")
    card = dataclasses.replace(classifier.card, name=name)
    with pytest.raises(ConfigError, match="give it a name that a file can hold"):
        load_classifiers((dataclasses.replace(classifier, card=card),))


def test_progress_lines_have_no_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    meter = progress.LogProgress(0.0)
    with caplog.at_level(logging.INFO, logger="jaxface"):
        meter.start("audit", 2)
        meter.advance(1, "\x1b[2Jevil")
    assert r"\x1b[2Jevil" in caplog.text and "\x1b" not in caplog.text


def test_without_a_home_nothing_is_kept_and_all_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert runtime.enable_compile_cache() is None
    for root in ("~/faces", "~nobody/faces"):
        with pytest.raises(DataError, match=f"no file or folder at {root}"):
            data.open("folder", root)


def test_a_platform_that_is_not_there_is_one_line() -> None:
    command = [sys.executable, "-m", "jaxface", "doctor"]
    environment = os.environ | {"JAX_PLATFORMS": "cuda"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert output.returncode == 2
    (line,) = output.stderr.splitlines()
    assert line.startswith("jaxface: error: JAX has no device for JAX_PLATFORMS=cuda")
