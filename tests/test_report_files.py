"""Figures and tables as files, and two runs compared."""

import csv
import dataclasses
import html
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxface as jf
from jaxface.audit import AuditResult
from jaxface.audit.claims import paper_claims
from jaxface.audit.summarizing import summarize
from jaxface.cli.main import run
from jaxface.core.errors import ConfigError, StoreError
from jaxface.interventions import Symmetry
from jaxface.report import compare_runs, methods, prose, tables, tables_of_paper
from jaxface.stats import null_scores
from jaxface.stats.score import column_weights
from tests.runs import CONFIG

WORDING = Symmetry.wording


def pixels(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_every_figure_and_table_becomes_a_file(
    fake_run: AuditResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"report {fake_run.folder} --out {tmp_path} --figures paper --saliency none --quiet"
    assert run(command.split()) == 0
    output = capsys.readouterr()
    assert output.err == "" and f"figures: {tmp_path / 'figures'}" in output.out
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    pictures = {name.removesuffix(".png") for name in files if name.endswith(".png")}
    assert pictures == {name.removesuffix(".svg") for name in files if name.endswith(".svg")}
    for kind in ("curves", "surface", "impact", "null", "surface3d", "impact3d", "unbiased"):
        assert {f"{kind}-one", f"{kind}-two"} <= pictures
    assert {name.removesuffix(".csv") for name in files if name.endswith(".csv")} == {
        name.removesuffix(".tex") for name in files if name.endswith(".tex")
    }
    svg = (tmp_path / "figures" / "curves-one.svg").read_text(encoding="utf-8")
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "currentColor" not in svg
    assert pixels(tmp_path / "figures" / "curves-one.png")[0] > 500
    with (tmp_path / "figures" / "table2-scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["classifier"] for row in rows] == ["one", "two", "average"]
    assert rows[0]["training data"] == "faces"
    mean = float(fake_run.scores.sel(classifier="one", expression="happiness").mean())
    assert rows[0]["happiness"] == f"{mean:+.4f}" and rows[0]["contempt"] == "–"


def test_latex_says_what_the_table_says(fake_run: AuditResult) -> None:
    rows = tables.score_rows(fake_run)
    by_name = {table.name: table for table in tables_of_paper.paper_tables(fake_run, rows)}
    assert "table4-accuracy-s0.5" in by_name and "transfer" in by_name
    assert "Holm" in by_name["table3-significant"].caption
    text = tables_of_paper.as_latex(by_name["table3-significant"])
    assert r"\toprule" in text and r"faces & one & 6 & " in text and text.count(r"\\") == 4
    assert text.count("&") == 4 * 5
    assert tables_of_paper.escaped("100 % a_b −.5 ±") == r"100 \% a\_b $-$.5 $\pm$"


def test_people_from_a_file_are_named_as_such(fake_run: AuditResult) -> None:
    assert prose.people(fake_run) == (
        "6 people sampled from the head's population with seed 0, their groups in a balanced order"
    )
    given = fake_run.data.assign_attrs(people={"note": "people.npz: 6 people", "sha256": "", "names": []})
    other = dataclasses.replace(fake_run, data=given)
    assert prose.people(other) == "6 people: people.npz: 6 people"
    assert "The people were given (people.npz: 6 people)" in methods.paragraph(other)


def test_table_4_has_both_halves(fake_run: AuditResult, tmp_path: Path) -> None:
    """The observation's groups are tables beside those of the probe levels."""
    lines = ["classifier,label,group,photographs,right,accuracy,low,high", "one,happiness,patient,8,2,0.25,0,1"]
    (tmp_path / "accuracy.csv").write_text("\n".join(lines))
    rows = tables.score_rows(fake_run)
    by_name = {table.name: table for table in tables_of_paper.paper_tables(fake_run, rows, tmp_path)}
    assert by_name["table4-accuracy-patient"].rows[0] == ("faces", "one", "25 %", "–", "–", "25 %")
    with pytest.raises(StoreError, match="holds no observation of photographs"):
        tables_of_paper.paper_tables(fake_run, rows, tmp_path / "absent")


def test_rows_are_grouped_by_training_data_with_averages(fake_run: AuditResult) -> None:
    """Two data sets; a classifier whose authors publish no weights has a dagger."""
    facts = {"one": {"dataset": "A"}, "two": {"dataset": "B"}, "emonext-tiny-fer2013": {"dataset": "A"}}
    other = dataclasses.replace(fake_run, data=fake_run.data.assign_attrs(classifiers=facts))
    values = {"one": {"x": 1.0}, "two": {"x": 5.0}, "emonext-tiny-fer2013": {"x": 3.0}}
    table = tables_of_paper.Table("t", "", ("classifier", "x"), ())
    rows = tables_of_paper.by_data_set(table, values, other, "{:g}".format).rows
    assert [row[:3] for row in rows] == [
        ("A", "one", "1"),
        ("A", "emonext-tiny-fer2013†", "3"),
        ("A", "average", "2"),
        ("B", "two", "5"),
        ("all", "average", "3"),
    ]


def test_the_claims_of_the_paper_are_computed(fake_run: AuditResult) -> None:
    """`one` depends on happiness and `two` on surprise; no fear, one data set, no EmoNeXt."""
    by_text = {
        claim.text: claim for claim in paper_claims(fake_run.summary, fake_run.data.attrs["classifiers"])
    }
    assert by_text["surprise depends most on symmetry, fear least"].holds is None
    assert by_text["classifiers of one data set are alike"].holds is None
    assert by_text["larger EmoNeXt models depend more on symmetry"].holds is None
    assert by_text["the score is significant for most people"].holds is False
    cells = [
        fake_run.summary.cells[0]._replace(classifier=name, expression=x, score=score)
        for name, scores in {"a": (1.0, 0.1), "b": (1.1, 0.1), "c": (3.0, 2.0), "d": (3.1, 2.0)}.items()
        for x, score in zip(("surprise", "fear"), scores, strict=True)
    ]
    summary = dataclasses.replace(fake_run.summary, cells=tuple(cells))
    facts = {name: {"dataset": "A" if name in "ab" else "B"} for name in "abcd"}
    by_text = {claim.text: claim for claim in paper_claims(summary, facts)}
    assert by_text["surprise depends most on symmetry, fear least"].holds is True
    assert by_text["every classifier depends on symmetry for every expression"].holds is True
    alike = by_text["classifiers of one data set are alike"]
    assert alike.holds is False and "p = 0.3" in alike.evidence, "two of six ways to pair four classifiers"


def test_methods_state_the_run(fake_run: AuditResult) -> None:
    text = methods.paragraph(fake_run)
    for words in (
        "2 classifiers (one, two)",
        "6 people were sampled",
        "5 × 6 levels",
        "the person's own left side was multiplied by s",
        "500 permutations",
        "Algorithm 1",
        "Holm-corrected",
        "24 x 24 pixels",
        "0 cells failed",
    ):
        assert words in text, words
    citations = methods.citations(fake_run)
    assert "holm1979" in citations and "kingma2015adam" in citations and "benjamini1995" not in citations
    other = dataclasses.replace(
        fake_run, config=dataclasses.replace(CONFIG, correction="benjamini-hochberg", scheme="slope")
    )
    assert "Benjamini-Hochberg" in methods.paragraph(other) and "slope" in methods.paragraph(other)
    assert "benjamini1995" in methods.citations(other)


@pytest.mark.parametrize("scheme", ["per-time", "whole-row", "slope"])
@pytest.mark.parametrize("unit", ["step", "range"])
def test_null_scores_are_scores_of_shuffled_answers(scheme: str, unit: str) -> None:
    """They lie around zero and within what any order could give, in the run's units; 400 come near to it."""
    surface = np.linspace(0, 1, 5)[:, None] * np.linspace(0, 1, 6)
    scores = null_scores(surface, jax.random.key(0), 400, scheme, unit=unit)
    weights = np.sort(column_weights("slope" if scheme == "slope" else "gradient", 5).weights)
    largest = (weights @ np.sort(surface, axis=0)).mean() * (4 if unit == "range" else 1)
    assert abs(scores.mean()) < 0.1 * largest
    assert (0.6 if scheme == "per-time" else 0.95) * largest < np.abs(scores).max() <= largest * (1 + 1e-6)


def scaled(result: AuditResult, factor: float, **config: object) -> AuditResult:
    """The run with all scores times a factor."""
    return dataclasses.replace(
        result,
        config=dataclasses.replace(result.config, **config),
        data=result.data.assign(score=result.data["score"] * factor),
    )


def test_two_runs_are_compared_within_people(fake_run: AuditResult) -> None:
    after = scaled(fake_run, 0.5)
    one, two = compare_runs.pairs(fake_run, after)
    assert (one.change.name, two.change.name) == ("one", "two")
    happy = next(change for change in one.change.expressions if change.expression == "happiness")
    own = fake_run.scores.sel(classifier="one", expression="happiness").values
    assert happy.before == pytest.approx(own.mean()) and happy.after == pytest.approx(own.mean() / 2)
    assert happy.difference.mean == pytest.approx(-own.mean() / 2)
    assert happy.difference.p_value == 2 / 2**6 and happy.difference.identities == 6
    assert one.direction == -1 and "less" in one.sentence
    assert (
        compare_runs.headline([one, two], WORDING)
        == "Every classifier depends on symmetry less in the second run"
    )
    same = compare_runs.pairs(fake_run, fake_run)
    assert compare_runs.headline(same, WORDING) == "No difference between the two runs was found"
    assert same[0].change.overall.difference.mean == 0.0
    page = jf.report.comparison_page(fake_run, after)
    assert (
        one.sentence in html.unescape(page)
        and "<script" not in page
        and "http" not in page.replace("http://www.w3.org", "")
    )


def test_what_cannot_be_paired_is_refused(fake_run: AuditResult, tmp_path: Path) -> None:
    record = {**fake_run.data.attrs["intervention"]}
    record["settings"] = {**record["settings"], "side": "right"}
    other_side = fake_run.data.assign_attrs(intervention=record)
    with pytest.raises(ConfigError, match="side is 'left' and 'right'"):
        compare_runs.pairs(fake_run, dataclasses.replace(fake_run, data=other_side))
    strangers = fake_run.data["identity_parameters"] + 1.0
    other = dataclasses.replace(fake_run, data=fake_run.data.assign(identity_parameters=strangers))
    with pytest.raises(ConfigError, match="different people"):
        compare_runs.pairs(fake_run, other)
    other_run = dataclasses.replace(fake_run, data=fake_run.data.assign_coords(classifier=["three", "four"]))
    with pytest.raises(ConfigError, match="share no classifier"):
        compare_runs.pairs(fake_run, other_run)


def renamed(run: AuditResult, name: str) -> AuditResult:
    """Return the run with its first classifier alone, under another name."""
    data = run.data.isel(classifier=[0], evaluator=[0]).assign_coords(classifier=[name], evaluator=[name])
    return dataclasses.replace(run, data=data, summary=summarize(data, run.config))


def test_two_versions_of_one_classifier_need_no_common_name(fake_run: AuditResult) -> None:
    alone = [renamed(run, name) for run, name in ((fake_run, "v1"), (scaled(fake_run, 0.5), "v2"))]
    (pair,) = compare_runs.pairs(*alone)
    assert (pair.change.before, pair.change.after) == ("v1", "v2")
    assert compare_runs.headline([pair], WORDING) == "v2 depends on symmetry less than v1"


def test_the_command_compares(
    fake_run: AuditResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(fake_run.folder), str(fake_run.folder), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"report: {tmp_path / 'comparison.html'}\n") and "+0.0000" in out
    assert (tmp_path / "comparison.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(["report", *[str(fake_run.folder)] * 3]) == 2
