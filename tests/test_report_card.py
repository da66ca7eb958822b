"""The card of a classifier: what is lost at the full expression, in agreement with its picture."""

import dataclasses
import html
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray

import jaxface as jf
from jaxface.audit import AuditResult
from jaxface.audit.observe.analysis import AccuracyRow
from jaxface.report import (
    faces,
    first_lines,
    losses,
    observation_tables,
    page_text,
    search_notes,
    tables,
    verdict,
)
from jaxface.report.losses import ClassifierLosses, LossComparison


@pytest.fixture(scope="module")
def page(fake_page: str) -> str:
    return html.unescape(fake_page)


def test_losses_are_those_of_the_full_expression(fake_run: AuditResult) -> None:
    """`one` loses .6 of happiness and nothing of surprise; the score, a mean over the movement, says half."""
    own = losses.classifier_losses(fake_run)["one"]
    happy, surprise = own.expressions
    peak = fake_run.surfaces.isel(time=-1).sel(classifier="one", expression="happiness")
    changed, unchanged = peak.sel(symmetry=0), peak.sel(symmetry=1)
    assert happy.unchanged == pytest.approx(float(unchanged.mean()), rel=1e-5)
    assert happy.changed == pytest.approx(float(changed.mean()), rel=1e-5)
    assert happy.change.mean == pytest.approx(-0.6, abs=0.01) and happy.change.high < 0
    assert surprise.change.mean == pytest.approx(0.0, abs=0.01)
    assert own.strongest is happy and happy.recognised == (1.0, 0.0)
    assert own.mean is not None and own.rows[-1] is own.mean
    assert own.mean.change.mean == pytest.approx((happy.change.mean + surprise.change.mean) / 2)
    distance = np.abs((changed - unchanged).values - happy.change.mean)
    assert distance[happy.typical] == distance.min()


def test_the_picture_is_of_the_typical_person(fake_run: AuditResult) -> None:
    own = losses.classifier_losses(fake_run)
    typical = dataclasses.replace(own["two"].expressions[1], typical=4)
    by_name = {"two": ClassifierLosses((typical,), None)}

    class Renderer:
        def person(self, identity: int, expression: np.ndarray) -> int:
            assert np.isfinite(expression).all()
            return identity

        def render(self, people: list[int], dose: np.ndarray) -> np.ndarray:
            return np.full((len(people), 2, 2, 3), people[0], np.uint8)

    strips = faces.cards(fake_run, Renderer(), by_name)  # type: ignore[arg-type]
    assert list(strips) == ["two"] and strips["two"].expression == "surprise"
    assert strips["two"].faces[0].picture[0, 0, 0] == 4 and strips["two"].faces[0].dose == "1"


def test_a_card_leads_with_each_expression_and_the_score_is_explained_once(page: str) -> None:
    card = re.search(r'<article class="verdict".*?</article>', page, re.DOTALL)[0]  # type: ignore[index]
    rows = re.findall(r'class="what">(\w+)<.*?class="big">([^<]+)<', card, re.DOTALL)
    assert [name for name, _ in rows] == ["happiness", "surprise", "mean"]
    assert rows[0][1] == "−60" and rows[2][1] in ("−30", "−29", "−31")
    assert card.index('class="what"') < card.index("<img") < card.index("score +0.0")
    assert page.count("<b>The score</b> is the mean change of the probability per step of symmetry") == 1
    assert "recognised: 100 % → 0 % of people" in card


def test_the_page_says_whether_it_is_bad_then_which_is_worse(page: str) -> None:
    first = page.index("<h1>Both classifiers recognise half frozen faces worse</h1>")
    how_bad = page.index("At the full expression, the probability of the right answer goes from")
    assert first < how_bad < page.index("Which is worse? No difference between") < page.index("By the score, ")
    for words in ("unbiased", "forwards", "excess", "leans", "cpu:cpu", "left 5"):
        assert words not in re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL), words


@pytest.fixture(scope="module")
def larger(fake_run: AuditResult) -> AuditResult:
    """`one` loses all of both expressions, `two` half as much of one."""
    symmetry = fake_run.data["symmetry"]
    factor = xarray.where(fake_run.data["classifier"] == "one", 0.9 * symmetry + 0.05, 1.0)
    surfaces = (factor * xarray.ones_like(fake_run.surfaces)).where(np.isfinite(fake_run.surfaces), np.nan)
    noise = 0.01 * fake_run.data["score"].fillna(0) + 0.001 * fake_run.data["identity"] * symmetry
    data = fake_run.data.assign(probability=(surfaces - noise).transpose(*fake_run.surfaces.dims))
    return dataclasses.replace(fake_run, data=data.assign(top_class=fake_run.top_class))


def test_which_is_worse_is_tested_within_people(larger: AuditResult) -> None:
    row = losses.extremes(larger)
    assert row is not None and (row.more, row.less, row.expressions) == ("one", "two", 2)
    changes = {
        name: (peak.sel(symmetry=0) - peak.sel(symmetry=1)).mean("expression")
        for name in ("one", "two")
        for peak in [larger.surfaces.isel(time=-1).sel(classifier=name, expression=["happiness", "surprise"])]
    }
    assert row.difference.mean == pytest.approx(float((changes["one"] - changes["two"]).mean()), abs=1e-5)
    assert row.adjusted_p == 2 / 2**6 and row.difference.high < 0
    sentence = first_lines.which_is_worse(row, larger)
    assert sentence.startswith("Which is worse? one loses 90 points more than two (95 % interval ")
    effect = row.difference
    close = LossComparison("one", "two", effect, 2, 0.4)
    assert "No difference between one and two was found" in first_lines.which_is_worse(close, larger)
    few = LossComparison("one", "two", effect._replace(low=float("nan"), high=float("nan")), 2, 0.4)
    assert first_lines.which_is_worse(few, larger) == (
        "Which is worse? Too few people to tell one from two (6 people)."
    )


def test_how_bad_it_is_names_three_or_the_ends(larger: AuditResult) -> None:
    own, verdicts = losses.classifier_losses(larger), verdict.classifier_verdicts(larger)
    sentence = first_lines.losses_sentence(verdicts, own)
    assert re.search(r"goes from \d+ % to \d+ % for \w+ and \d+ % to \d+ % for \w+\.$", sentence)
    many = [dataclasses.replace(one, name=f"{one.name}{i}") for one in verdicts for i in range(2)]
    by_name = {f"{name}{i}": loss for name, loss in own.items() for i in range(2)}
    sentence = first_lines.losses_sentence(many, by_name)
    assert "for one0, which loses most" in sentence and "which loses least" in sentence


def test_a_search_that_fell_short_is_said_beside_the_score(fake_run: AuditResult) -> None:
    short = fake_run.data["search_probability"].load().copy()
    short.loc[{"classifier": "two", "expression": "surprise", "identity": [0, 1, 2]}] = 0.6
    other = dataclasses.replace(fake_run, data=fake_run.data.assign(search_probability=short))
    words = "the search reached 90 % for only 3 of 6 people"
    assert search_notes.search_note(other, "two", "surprise") == words
    assert search_notes.search_note(other, "two", "happiness") == ""
    assert search_notes.search_note(other, "two", "contempt") == ""
    page = html.unescape(jf.report.page(other, saliency="none"))
    card = page[page.index("<h2>two</h2>") : page.index("</section>")]
    assert card.index('class="what">surprise') < card.index(f"⚠ {words}")
    assert f"⚠ two, surprise: {words}" in page and re.search(r"\+0\.0\d+ ⚠<small>", page)
    assert f"two, surprise: {words}" in tables.score_table(other)
    assert other.to_dataframe()["note"].tolist().count(words) == 1
    search = dataclasses.replace(fake_run.config.search, method="prototype")
    prototype = dataclasses.replace(other, config=dataclasses.replace(fake_run.config, search=search))
    assert search_notes.search_note(prototype, "two", "surprise").startswith("the hand-set expression reached")


def test_names_and_quantities_do_not_break() -> None:
    quantities = page_text.whole_names("from 99 % to 5 % (95 % interval 1 to 2, p = 0.03, n = 6 people)", [])
    assert quantities.replace("\N{NO-BREAK SPACE}", "_") == (
        "from 99_% to 5_% (95_% interval 1 to 2, p_=_0.03, n_=_6 people)"
    )
    text = page_text.whole_names("face-api and not my-face-api, a & b", ["face-api", "a & b", "one"])
    assert (
        text == '<span class="whole">face-api</span> and not my-face-api, <span class="whole">a &amp; b</span>'
    )
    assert page_text.whole_names("<x-y>", ["<x-y>"]) == '<span class="whole">&lt;x-y&gt;</span>'
    long = "a-" * 30
    assert page_text.whole_names(long, [long]) == long, "it would leave a phone's screen"


def test_cells_are_labelled_for_narrow_screens(page: str) -> None:
    table = (
        "<table><thead><tr><th>a <b>b</b></th><th>&quot;c</th></tr></thead><tbody><tr><th>1</th><td>2</td></tr>"
    )
    table += '<tr><th>3</th><td colspan="2">4</td><td>5</td></tr></tbody></table>'
    text = page_text.label_cells(f"<p>{table}</p><table><tr><td>x</td></tr></table>")
    assert '<th data-label="a b">1</th><td data-label="&quot;c">2</td>' in text
    assert '<td data-label="&quot;c" colspan="2">4</td><td data-label="">5</td>' in text
    assert text.endswith("<table><tr><td>x</td></tr></table>")
    assert 'data-label="significant"' in page and 'data-label="happiness"' in page


def test_every_panel_is_a_figure_of_its_own(page: str) -> None:
    """So that a page lays them out as its width allows; one scale of colours serves all maps."""
    labels = re.findall(r'<svg [^>]*aria-label="([^"]+)"', page)
    for kind in ("probability of {} at its peak", "probability of {} over time", "change per step of {}"):
        for name in ("happiness", "surprise"):
            assert sum(kind.format(name) in label for label in labels) == 2
    assert page.count('class="scale"') == 2 and "linear-gradient(to right, #440154" in page
    widths = [int(width) for width in re.findall(r'style="--wide:(\d+)px"', page)]
    assert max(widths) <= 470


def test_the_report_of_photographs_leads_with_its_finding() -> None:
    """Means over the labels that both groups have, of the classifier with the largest gap."""

    def row(classifier: str, label: str, group: str, accuracy: float) -> AccuracyRow:
        return AccuracyRow(classifier, label, group, 10, round(10 * accuracy), accuracy, 0.0, 1.0)

    rows = [
        *(row("a", "happiness", "patient", 0.5), row("a", "happiness", "proband", 0.6)),
        *(row("b", "happiness", "patient", 0.1), row("b", "happiness", "proband", 0.7)),
        *(
            row("b", "fear", "patient", 0.3),
            row("b", "fear", "proband", 0.5),
            row("b", "anger", "patient", 1.0),
        ),
    ]
    measurements = SimpleNamespace(logits=("a", "b"))
    result = SimpleNamespace(measurements=measurements, accuracy=rows)
    assert observation_tables.finding(result) == (  # type: ignore[arg-type]
        "b recognises 20 % of the patient photographs, and 60 % of the proband ones"
    )
    alone = SimpleNamespace(measurements=measurements, accuracy=rows[:1])
    assert observation_tables.finding(alone) == ""  # type: ignore[arg-type]
