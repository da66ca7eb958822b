"""A result in Python: data frame, groups, plots, HTML."""

import dataclasses
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes

from jaxface.audit import AuditResult
from jaxface.audit.by_group import group_rows
from jaxface.audit.full_expression import ALL
from jaxface.core.errors import ConfigError
from jaxface.report.tables import people_groups, score_table
from tests.heads import toy_head
from tests.runs import CONFIG, finished_run

PEOPLE = 12


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    """Twelve people, by turns women and men; of the women the score of `one` is larger by .05."""
    config = dataclasses.replace(CONFIG, identities=PEOPLE)
    run = finished_run(tmp_path_factory.mktemp("runs") / "planted", config)
    head = {**run.data.attrs["head"], "identity_names": ["age"]}
    data = run.data.load().assign_attrs(populations=["female, light", "male, dark"], head=head)
    sex = np.arange(PEOPLE) % 2
    data = data.assign(population=("identity", sex))
    more = 0.05 * (data["classifier"] == "one") * (1 - data["population"])
    scores = (data["score"] + more).transpose(*data["score"].dims)
    return dataclasses.replace(run, data=data.assign(score=scores))


@pytest.fixture(autouse=True)
def no_window() -> None:
    matplotlib.use("Agg")


def test_the_data_frame_is_the_printed_table(result: AuditResult) -> None:
    frame = result.to_dataframe()
    assert list(frame.columns) == [
        *("classifier", "expression", "score", "low", "high", "p_value", "starts_at", "significant", "people"),
        *("accuracy at s=0", "accuracy at s=0.5", "accuracy at s=1", "note"),
    ]
    lines = score_table(result).splitlines()[1:]
    assert len(frame) == len(lines) == 6
    for (_, row), line in zip(frame.iterrows(), lines, strict=True):
        assert line.split()[:2] == [row["classifier"], row["expression"]]
        if row["expression"] == "contempt":
            assert np.isnan(row["score"]) and row["note"] in line and row["people"] == 0
        else:
            assert f"{row['score']:+.4f}" in line and f"{row['significant']}/{row['people']}" in line
            assert row["low"] < row["score"] < row["high"] and row["note"] == ""


def test_scores_by_group_have_intervals_and_a_test_of_their_difference(result: AuditResult) -> None:
    frame = result.by("sex").set_index(["group", "classifier", "expression"])
    assert list(frame.index.unique("group")) == ["female", "male"]
    women, men = frame.loc[("female", "one", ALL)], frame.loc[("male", "one", ALL)]
    scores = result.scores.sel(classifier="one", expression=["happiness", "surprise"]).mean("expression").values
    assert women["score"] == pytest.approx(scores[::2].mean()) and women["people"] == 6
    assert women["score"] - men["score"] == pytest.approx(0.05, abs=0.003)
    assert women["score_low"] < women["score"] < women["score_high"] < 1 and women["p_value"] == 2 / 2**6
    assert women["differ_p"] == men["differ_p"] < 0.01, "2 of 924 ways to choose six of twelve"
    assert frame.loc[("female", "two", ALL), "differ_p"] > 0.05
    peak = result.surfaces.isel(time=-1, identity=slice(0, None, 2)).sel(
        classifier="one", expression="happiness"
    )
    change = (peak.sel(symmetry=0) - peak.sel(symmetry=1)).mean()
    own = frame.loc[("female", "one", "happiness")]
    assert own["change"] == pytest.approx(float(change), rel=1e-5) == pytest.approx(-0.6, abs=0.02)
    assert own["change_low"] < own["change"] < own["change_high"] < 0
    assert set(result.by("age")["group"]) == {"younger half", "older half"}
    assert list(result.by("skin_tone")["group"].unique()) == ["light", "dark"]


def test_groups_of_few_people_have_no_interval(result: AuditResult) -> None:
    few = dataclasses.replace(result, data=result.data.isel(identity=slice(3)))
    rows = {row.group: row for row in group_rows(few, "sex") if row.expression == ALL}
    assert rows["female"].score.identities == 2 and not rows["female"].score.has_enough_people
    assert np.isnan(rows["female"].differ_p), "there is one man"


def test_what_people_are_not_grouped_by_is_refused(result: AuditResult) -> None:
    with pytest.raises(ConfigError, match="differ in sex, skin_tone, age, not in 'sx', did you mean 'sex'"):
        result.by("sx")
    alike = dataclasses.replace(result, data=result.data.assign_attrs(populations=["all", "all"]))
    with pytest.raises(ConfigError, match="not in 'sex'"):
        alike.by("sex")
    with_names = result.data.assign_attrs(populations=["patient", "control"], people={"note": "people.npz"})
    assert set(dataclasses.replace(result, data=with_names).by("group")["group"]) == {"patient", "control"}


def test_the_report_shows_groups(result: AuditResult) -> None:
    (sex, groups, rows), *_ = people_groups(result)
    assert sex == "sex" and groups == [("female", 6), ("male", 6)]
    assert [name for name, _ in rows] == ["one", "two"] and all(cell is not None for cell in rows[0][1])


def test_plots_are_axes(result: AuditResult) -> None:
    from matplotlib import pyplot

    panel = result.plot.forest()
    assert isinstance(panel, Axes) and pyplot.fignum_exists(panel.figure.number)  # type: ignore[union-attr]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["happiness", "surprise"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["one", "two"]
    panels = result.plot.curves("two")
    assert [one.get_title() for one in panels] == ["happiness", "surprise"]
    line = panels[1].lines[-1].get_ydata()
    mean = result.surfaces.isel(time=-1).sel(classifier="two", expression="surprise").mean("identity")
    np.testing.assert_allclose(line, mean, rtol=1e-5)
    surface = result.plot.surface("one", "happiness")
    (image,) = surface.images
    mean = result.surfaces.sel(classifier="one", expression="happiness").mean("identity")
    np.testing.assert_allclose(image.get_array(), mean, rtol=1e-5)
    change = result.plot.surface("one", "happiness", change=True).images[0]
    np.testing.assert_allclose(change.get_array(), np.gradient(mean, axis=0), rtol=1e-4, atol=1e-6)
    assert len(pyplot.get_fignums()) == 4, "those that were asked for, and no others"
    pyplot.close("all")
    with pytest.raises(ConfigError, match="name one classifier of one, two"):
        result.plot.curves()
    with pytest.raises(ConfigError, match="no expression 'hapiness', did you mean 'happiness'"):
        result.plot.surface("one", "hapiness")


def test_a_notebook_shows_the_verdict_with_faces(result: AuditResult) -> None:
    without = result._repr_html_()
    assert "<b>one</b>: depends on symmetry" in without and "<img" not in without
    other = dataclasses.replace(result, config=dataclasses.replace(result.config, head=toy_head()))
    page = other._repr_html_()
    assert page.count("<img") == 4 and "Both classifiers recognise half frozen faces worse" in page
    assert len(page) < 30_000 and "<script" not in page and len(repr(result)) < 200


def test_a_result_is_light(tmp_path: Path) -> None:
    """Reading one imports neither pandas' frames nor the report; showing it does."""
    import subprocess
    import sys

    finished_run(tmp_path / "run")
    code = (
        f"import sys; from jaxface.audit import load; load({str(tmp_path / 'run')!r}); "
        "print([name for name in sys.modules if name.startswith('jaxface.report')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
