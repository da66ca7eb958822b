"""The report says what the run holds, shows it, and asks the network for nothing."""

import dataclasses
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import jaxface as jf
from jaxface import classify, stats
from jaxface.audit import AuditResult
from jaxface.audit.summarizing import summarize
from jaxface.audit.summary import Comparison
from jaxface.core.errors import ShapeError, StoreError
from jaxface.interventions import Axis, Symmetry
from jaxface.report import (
    figure_data,
    figures,
    first_lines,
    image_encoding,
    loading,
    methods,
    prose,
    tables,
    verdict,
)
from jaxface.report.context import build_context
from jaxface.search.config import Method
from jaxface.stats import SCHEMES
from tests.heads import toy_head

LABELS = ("happy", "surprise", "neutral")
DOSE = Axis("symmetry", (0.0, 0.25, 0.5, 0.75, 1.0), 1.0, "s", ("frozen", "untouched"))


class Tags(HTMLParser):
    """What a page holds: every tag opened and closed in order, the attributes, the ids."""

    VOID = frozenset({"meta", "input", "img", "link", "br", "path", "use"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_all_schemes_are_reported(fake_run: AuditResult, fake_page: str) -> None:
    """`one` depends on symmetry for happiness in six of six people: whole rows of 5 steps have p >= 2 / 60."""
    rows = {(row.classifier, row.expression): row for row in tables.score_rows(fake_run) if row.is_measurable}
    assert set(rows) == {(name, label) for name in ("one", "two") for label in ("happiness", "surprise")}
    happy = rows["one", "happiness"]
    schemes = dict(zip(tables.names(fake_run.data, "scheme"), happy.scheme_counts, strict=True))
    assert happy.cell.identities == 6 and schemes["per-time"] == 6 and schemes["whole-row"] == 0
    assert happy.cell.population_p == 2 / 2**6
    assert all(scheme.description in html.unescape(fake_page) for scheme in SCHEMES.values())
    assert ">6 of 6<" in fake_page
    csv = (fake_run.folder / "schemes.csv").read_text().splitlines()
    assert csv[0] == "classifier,expression,scheme,significant,median_p"
    assert csv[1].startswith("one,happiness,per-time,6,")


def test_the_page_is_whole_and_self_contained(fake_page: str) -> None:
    tags = Tags(fake_page)
    assert tags.open == []
    links = [value for _, name, value in tags.attributes if name in ("src", "href", "xlink:href")]
    assert links
    assert all(value.startswith(("#", "data:image/png;base64,", "data:image/webp;base64,")) for value in links)
    assert "<script src" not in fake_page and "<link" not in fake_page and "<iframe" not in fake_page
    assert "@import" not in fake_page and "url(http" not in fake_page


def test_ids_are_unique_and_what_is_referred_to_exists(fake_page: str) -> None:
    attributes = Tags(fake_page).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = [value[1:] for _, name, value in attributes if name == "href" and value.startswith("#")]
    targets += re.findall(r"url\(#([^)]+)\)", fake_page)
    assert set(targets) <= set(ids)


def test_the_effect_is_reported(fake_run: AuditResult, fake_page: str) -> None:
    rows = {(row.classifier, row.expression): row for row in tables.score_rows(fake_run)}
    row = rows["one", "happiness"]
    cell = row.cell
    assert cell.identities == cell.significant == cell.reached == 6 and cell.measurable
    assert cell.low <= cell.score <= cell.high
    # 0.6 over the whole range is 0.15 a step at time 1; time is uniform over [0, 1], so half of it on average.
    assert cell.score == pytest.approx(0.075, abs=0.002)
    assert rows["one", "surprise"].cell.score == pytest.approx(0.0, abs=0.002)
    assert rows["two", "surprise"].cell.score == pytest.approx(0.075, abs=0.002)
    assert row.accuracy == (0.0, 0.0, 1.0)
    assert f"{cell.score:+.4f}" in fake_page
    assert "6/6 (100 %)" in fake_page
    assert "The answer falls most for one and happiness: +0.07" in fake_page
    assert "<small>6/6</small>" in fake_page  # the matrix
    assert "does not know this expression" in fake_page


def test_faces_of_the_first_person_are_shown_with_their_answers(fake_page: str) -> None:
    images = re.findall(
        r'<img src="data:image/webp;base64,[^"]+" width="48" height="48" loading="lazy"\s+alt="\w+ at symmetry',
        fake_page,
    )
    assert len(images) == 2 * 2 * 3  # classifiers x expressions that they know x symmetry 1, .5, 0
    assert len(set(images)) > 3
    assert 'class="lost">neutral' in fake_page
    assert re.findall(r"<span>s = ([^<]+)</span>", fake_page) == ["1", "0.5", "0"] * 4


def test_the_verdict_comes_first_in_one_sentence_a_classifier(fake_run: AuditResult, fake_page: str) -> None:
    """`one` and `two` depend on symmetry for one expression each, by the same 0.075."""
    verdicts = {one.name: one for one in verdict.classifier_verdicts(fake_run)}
    one, row = verdicts["one"], fake_run.summary.effect("one")
    own = fake_run.scores.sel(classifier="one").values[:2]
    assert row.effect.mean == pytest.approx(own.mean()) == pytest.approx(0.0375, abs=0.001)
    assert row.effect.low <= own.mean() <= row.effect.high and row.effect.identities == 6
    assert row.effect.p_value == 2 / 2**6
    assert row.significant == 6 + int(fake_run.significant.sel(classifier="one").values[1].sum())
    assert row.faces == 12 and one.strongest == "happiness" and one.accuracy == (0.0, 1.0)
    assert one.points == "−15"  # 0.0375 a step, four steps
    assert one.label == "depends on symmetry"
    for words in (
        "is less confident on half frozen faces",
        "+0.03",
        "95 % interval",
        "p = 0.031",
        "n = 6 people",
        "per-time",
    ):
        assert words in one.sentence, words
    page = fake_page.replace("\N{NO-BREAK SPACE}", " ")  # no line ends within "95 %"
    assert one.sentence in page and page.index(one.sentence) < page.index("<nav")
    comparison = fake_run.summary.comparison("one", "two")
    assert comparison is not None and comparison.expressions == 2
    assert comparison.difference.mean == pytest.approx(0.0, abs=0.003)


def test_who_depends_more_is_told_within_people(fake_run: AuditResult) -> None:
    scores = fake_run.data["score"].load()
    values = xarray.where(scores["classifier"] == "one", 0.05 + 0.01 * scores["identity"], 0.01)
    data = fake_run.data.assign(score=values.where(np.isfinite(scores)).transpose(*scores.dims))
    other = dataclasses.replace(fake_run, data=data, summary=summarize(data, fake_run.config))
    verdicts = verdict.classifier_verdicts(other)
    assert [one.name for one in verdicts] == ["one", "two"]
    comparison = first_lines.comparison(other, verdicts)
    assert comparison is not None
    np.testing.assert_allclose(comparison.difference.mean, 0.065)
    sentence = first_lines.comparison_sentence(comparison, other)
    assert "one loses 26 points of probability more than two" in sentence
    assert first_lines.headline(verdicts, other) == "Both classifiers recognise half frozen faces worse"
    difference = comparison.difference._replace(mean=-0.065, low=-0.09, high=-0.05)
    reverse = Comparison("two", "one", difference, 2, 0.03, -1)
    assert "one loses 26 points" in first_lines.comparison_sentence(reverse, other)


def test_the_headline_says_that_all_depend_where_none_depends_more(fake_run: AuditResult) -> None:
    """The finding is the effect, not the lack of a difference."""
    scores = fake_run.data["score"].load()
    values = xarray.full_like(scores, 0.05) + 0.001 * scores["identity"]
    data = fake_run.data.assign(score=values.where(np.isfinite(scores)).transpose(*scores.dims))
    other = dataclasses.replace(fake_run, data=data, summary=summarize(data, fake_run.config))
    verdicts = verdict.classifier_verdicts(other)
    assert first_lines.headline(verdicts, other) == "Both classifiers recognise half frozen faces worse"
    first, second = verdicts
    assert (
        first_lines.headline([*verdicts, first], other) == "All 3 classifiers recognise half frozen faces worse"
    )
    neither = dataclasses.replace(second, direction=0)
    assert first_lines.headline([first, neither], other) == "one recognises half frozen faces worse"
    gains = dataclasses.replace(second, direction=-1)
    assert (
        first_lines.headline([first, gains], other)
        == "one recognises half frozen faces worse, two recognises better"
    )
    several = [first, gains, *[neither] * 3]
    assert first_lines.headline(several, other) == (
        "1 of 5 classifiers recognises half frozen faces worse, 1 of 5 classifiers recognises better"
    )


def test_a_process_that_holds_the_inputs_loads_nothing(
    fake_run: AuditResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Head, intervention and classifiers come from the result; the config alone names no loadable head."""
    head, two = toy_head(), ("one", "two")
    classifiers = tuple(
        classify.from_function(lambda x: x.mean((1, 2, 3))[:, None] * jnp.ones(3), LABELS, name=name)
        for name in two
    )
    inputs = SimpleNamespace(head=head, intervention=Symmetry("left", 5, 6), classifiers=classifiers)
    monkeypatch.setattr(jf.face, "load", lambda *_, **__: pytest.fail("the head was loaded again"))
    monkeypatch.setattr(classify, "load", lambda *_, **__: pytest.fail("a classifier was loaded again"))
    context = build_context(dataclasses.replace(fake_run, inputs=inputs), "none")
    assert context.head_error == "" and context.sprites is not None
    assert [gallery.name for gallery in context.galleries] == ["one", "two"]
    assert list(loading.load_classifiers(context.result)[0]) == ["one", "two"]


@pytest.mark.parametrize("name", stats.ESTIMATORS)
def test_every_estimator_has_words(fake_run: AuditResult, name: str) -> None:
    other = dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, estimator=name))
    assert "symmetry" in prose.score(other) and "{" not in prose.score(other)
    assert prose.estimator(other) in methods.paragraph(other)


@pytest.mark.parametrize("method", get_args(Method))
def test_every_search_has_words(fake_run: AuditResult, method: Method) -> None:
    search = dataclasses.replace(fake_run.config.search, method=method)
    other = dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, search=search))
    text, citations = methods.paragraph(other), methods.citations(other)
    assert ("nothing was searched" in text) == (method == "prototype")
    assert ("kingma2015adam" in citations) == (method in ("gradient", "hybrid"))
    assert ("storn1997" in citations) == (method in ("differential-evolution", "hybrid"))


@pytest.mark.usefixtures("without_drawings")
@pytest.mark.parametrize("name", stats.SCHEMES)
def test_every_scheme_has_words(fake_run: AuditResult, name: str) -> None:
    other = dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, scheme=name))
    assert SCHEMES[name].methods_text in methods.paragraph(other)
    assert SCHEMES[name].description in html.unescape(jf.report.page(other))


@pytest.mark.usefixtures("without_drawings")
@pytest.mark.parametrize("name", stats.CORRECTIONS)
def test_every_correction_has_its_own_name(fake_run: AuditResult, name: str) -> None:
    other = dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, correction=name))
    title = stats.CORRECTIONS[name].title
    page = jf.report.page(other)
    assert f"{title}-corrected" in page and f"after {title} correction" in page
    assert stats.CORRECTIONS[name].citation in methods.citations(other)
    others = [entry.title for key, entry in stats.CORRECTIONS.items() if key != name]
    assert not any(f"{other}-corrected" in page for other in others)


def test_transfer_is_read_the_right_way_round(fake_run: AuditResult) -> None:
    row = next(
        row
        for row in tables.transfer_rows(fake_run)
        if (row.searched_for, row.expression) == ("two", "surprise")
    )
    assert [own for _, own in row.cells] == [False, True]
    assert [cell.probability for cell, _ in row.cells] == pytest.approx([0.3, 0.95])
    assert [cell.accuracy for cell, _ in row.cells] == [1.0, 0.0]


def test_search_rows_count_successes(fake_run: AuditResult) -> None:
    rows = tables.search_rows(fake_run)
    assert len(rows) == 4
    assert all(len(row) == len(tables.SEARCH_COLUMNS) for row in rows)
    assert rows[0][:5] == ("one", "happiness", "100 %", "0 %", "0.960")


def test_the_terminal_table_is_aligned(fake_run: AuditResult) -> None:
    lines = jf.report.score_table(fake_run).splitlines()
    assert len(lines) == 1 + 2 * 3
    assert lines[0].startswith("classifier  expression")
    full = [line for line in lines if not line.endswith(")")]
    assert len({len(line) for line in full}) == 1


def test_what_came_from_outside_is_escaped(fake_page: str) -> None:
    assert "&lt;test&gt;" in fake_page
    assert "<test>" not in fake_page


def test_write_takes_a_result_or_a_folder_and_does_without_the_head(
    fake_run: AuditResult, tmp_path: Path
) -> None:
    assert jf.report.write(fake_run.folder) == fake_run.folder / "report.html"
    path = jf.report.write(fake_run, tmp_path / "deep" / "r.html")
    assert path.read_text(encoding="utf-8") == (fake_run.folder / "report.html").read_text(encoding="utf-8")
    assert "No faces here" in path.read_text(encoding="utf-8")  # this run's head is no file
    assert "<img" not in path.read_text(encoding="utf-8")


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run"):
        jf.report.write(tmp_path)


def test_figures_take_the_colour_of_the_page() -> None:
    values = np.linspace(0, 1, 5)[None, None].repeat(3, axis=1)

    def svg() -> str:
        figure = figures.curves(DOSE, values, np.zeros((1, 5)), ["fear"], "#0072B2")
        return figures.svg(figure, "curves", "about <fear>")

    text = svg()
    assert text.startswith("<svg viewBox=") and text.endswith("</svg>\n")
    assert "currentColor" in text and figures.INK not in text
    assert ">fear<" in text and "about &lt;fear&gt;" in text  # text stays text
    assert text == svg()


def test_misclassification_is_hatched_where_most_are_wrong() -> None:
    values = np.full((1, 3, 5), 0.5)

    def text(rate: float) -> str:
        share = np.array([[rate, rate, 0.0, 0.0, 0.0]])
        return figures.svg(figures.curves(DOSE, values, share, ["fear"], "#0072B2"), "curves")

    assert "<pattern" in text(0.6) and "<pattern" not in text(0.5)


def test_error_rates_count_people_whose_top_class_is_another(fake_run: AuditResult) -> None:
    """The fake classifiers are right at symmetry 1 alone."""
    errors = figure_data.error_rates(fake_run)
    np.testing.assert_array_equal(errors[:, :2], np.tile([1.0, 1.0, 1.0, 1.0, 0.0], (2, 2, 1)))


def test_unknown_cells_are_left_out_of_figures() -> None:
    nothing = np.full((2, 3, 5), np.nan)
    curves = figures.curves(DOSE, nothing, np.zeros((2, 5)), ["one", "two"], "red")
    assert ">unknown<" in figures.svg(curves, "nothing")
    row = np.array([[0.1, np.nan]])
    assert "<svg" in figures.svg(figures.forest(row, row, row, ["fear", "anger"]), "forest")


def test_a_sheet_puts_every_image_in_its_place() -> None:
    images = np.zeros((2, 3, 8, 8, 3))
    images[1, 2] = 1.0
    page = image_encoding.sheet(images)
    assert page.shape == (8 + 4 + 8, 3 * 8 + 2 * 4, 3)
    assert (page[12:, 24:] == 255).all()
    assert (page[:8, :8] == 0).all()


def test_a_sheet_with_names_is_larger_and_keeps_its_images() -> None:
    images = np.full((1, 2, 16, 16, 3), 0.5)
    page = image_encoding.sheet(images, rows=["happiness"], columns=["s = 1", "s = 0"])
    assert page.shape[0] > 16 and page.shape[1] > 36
    assert (page[-16:, -16:] == 128).all()


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [((2, 8, 8, 3), (), "images must be"), ((1, 2, 8, 8, 3), ("a",), "do not match")],
)
def test_a_sheet_refuses_what_is_none(shape: tuple[int, ...], names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        image_encoding.sheet(np.zeros(shape), columns=names)
