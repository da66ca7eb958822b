"""Surveys: several interventions, alone and crossed, on the same people and expressions."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface import audit, classify
from jaxface.audit import AuditConfig, gates
from jaxface.audit.designs import design, is_survey
from jaxface.audit.full_expression import ALL
from jaxface.cli.main import run
from jaxface.core.config import dump_toml, from_dict, to_dict
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import NullProgress
from jaxface.report import survey_text
from tests import fake_audit
from tests.planted import RENDER, corner_noise, named_head, stops

BASE = dataclasses.replace(
    fake_audit.CONFIG,
    head=named_head(),
    render=RENDER,
    identities=8,
    expressions=("happiness",),
    symmetry_steps=3,
    time_steps=2,
    reached_probability=0.0,
    permutations=300,
    intervention=("brightness", "null", "brightness x noise", "grey"),
    intervention_settings={"steps": 3, "null.seed": 1},
)


def planted(name: str, product: float) -> classify.Classifier:
    """A logit of half the stops, plus `product` times stops times noise; nearly linear in probability."""

    def logits(images: jax.Array) -> jax.Array:
        light, noise = jax.vmap(stops)(images), jax.vmap(corner_noise)(images)
        values = 0.9 + 0.1 * light + product * light * noise
        return jnp.stack([values, jnp.zeros_like(values)], axis=-1)

    return classify.from_function(logits, ("happy", "neutral"), name=name)


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> audit.SurveyResult:
    config = dataclasses.replace(BASE, classifiers=(planted("additive", 0.0), planted("product", 0.8)))
    out = tmp_path_factory.mktemp("survey") / "out"
    return audit.survey(config, out, searcher_factory=fake_audit.build)


def effect(survey: audit.SurveyResult, name: str, classifier: str = "additive"):
    return next(
        row
        for row in survey.effects
        if (row.intervention, row.classifier, row.expression) == (name, classifier, ALL)
    )


def test_every_run_shows_the_same_people_and_expressions(survey: audit.SurveyResult) -> None:
    first, *others = survey.runs.values()
    assert list(survey.runs) == ["brightness", "null", *survey.design.crosses[0].runs[1:], "grey"]
    for other in others:
        for name in ("identity_parameters", "albedo_parameters", "expression_parameters", "search_probability"):
            np.testing.assert_array_equal(first.data[name], other.data[name])
        assert other.config.expression_from == str(first.folder) and not other.data["search_cpu_seconds"].any()


def test_the_planted_effect_is_recovered_and_the_others_are_null(survey: audit.SurveyResult) -> None:
    """A stop adds .1 to the logit: 2.5 points of probability, a quarter less away from the middle."""
    row = effect(survey, "brightness")
    stop_count = abs(row.level)
    assert row.adjusted_p <= 0.05 and np.sign(row.effect.mean) == np.sign(row.level)
    assert 0.015 * stop_count < abs(row.effect.mean) < 0.025 * stop_count
    assert row.trend == "rises" and row.times_floor > 20
    for name in ("null", "grey"):
        assert abs(effect(survey, name).effect.mean) < 0.05 * abs(row.effect.mean)
    levels = [one for one in survey.levels if one.intervention == "brightness" and one.classifier == "additive"]
    assert [one.level for one in levels if one.expression == ALL] == [-row.level, row.level] or row.level < 0


def test_an_interaction_is_found_where_there_is_one(survey: audit.SurveyResult) -> None:
    contrast = {row.classifier: row for row in survey.interactions if row.expression == ALL}
    assert set(contrast) == {"additive", "product"}
    level, row = contrast["product"].level, contrast["product"]
    law = (
        0.8 * level * effect(survey, "brightness", "product").level / 4
    )  # of the logit, a quarter in probability
    assert row.adjusted_p <= 0.05 and row.contrast.mean == pytest.approx(law, rel=0.25)
    assert abs(contrast["additive"].contrast.mean) < 0.1 * abs(law)


def test_a_survey_is_resumed_loaded_and_reported(survey: audit.SurveyResult, tmp_path: Path) -> None:
    again = audit.survey(survey.config, survey.folder, searcher_factory=fake_audit.build)
    assert again.effects == survey.effects
    loaded = audit.load_survey(survey.folder)
    assert loaded.effects == survey.effects and loaded.interactions == survey.interactions
    page = jf.report.write_survey(survey, tmp_path / "page.html", figures="paper").read_text()
    table = (tmp_path / "figures" / "interventions-all.tex").read_text()
    assert "brightness & " in table and "toprule" in table
    assert {"doses-grey.svg", "cross-brightness-x-noise.png"} <= {
        path.name for path in (tmp_path / "figures").iterdir()
    }
    assert page.count('class="levels"') == 3 and "brightness x noise" in page
    assert "Brightness changes the answers most" in page and ">nan" not in page
    for name in ("interventions", "levels", "interactions"):
        assert (survey.folder / f"{name}.csv").read_text().count("\n") > 2
    assert repr(survey).count("\n") == 0 and len(repr(survey)) < 300
    assert "grey" in repr(survey.runs["grey"]) and len(repr(survey.runs["grey"])) < 300
    table = jf.report.survey_table(survey)
    assert "brightness at noise" in table and "x floor" in table


def test_a_survey_that_is_stopped_says_where_it_goes_on(survey: audit.SurveyResult, tmp_path: Path) -> None:
    class Stopped(NullProgress):
        def start(self, stage: str, total: int, initial: int = 0) -> None:
            if stage.startswith("null"):
                raise KeyboardInterrupt("stopped")

    config = dataclasses.replace(survey.config, expression_from=str(survey.runs["brightness"].folder))
    config = dataclasses.replace(config, intervention=("grey", "null"), intervention_settings={"steps": 3})
    with pytest.raises(
        KeyboardInterrupt, match=r"stopped in null \(2 of 2\); the same command goes on in .*/out$"
    ):
        audit.survey(config, tmp_path / "out", Stopped())
    assert list(audit.survey(config, tmp_path / "out").runs) == ["grey", "null"]


def test_a_few_people_are_too_few_to_tell(tmp_path: Path) -> None:
    config = dataclasses.replace(
        BASE, identities=3, intervention=("grey", "null"), classifiers=(planted("few", 0.0),)
    )
    config = dataclasses.replace(config, intervention_settings={"steps": 3})
    few = audit.survey(config, tmp_path / "out", searcher_factory=fake_audit.build)
    assert survey_text.headline(few) == "Too few people to tell any effect from chance"
    assert survey_text.sentences(few) == ["few: too few people to tell; 2 tests take at least 7."]


def test_gates_are_of_an_intervention(survey: audit.SurveyResult) -> None:
    measures = gates.survey_measures(survey.design.names)
    rows = survey.effects
    limit = gates.parse("brightness>0.005", measures)
    assert len(gates.check_survey([limit], rows)) == 4  # two classifiers, happiness and the mean
    assert not gates.check_survey([gates.parse("brightness>0.5", measures)], rows)
    assert not gates.check_survey([gates.parse("grey high>0.01", measures)], rows)
    assert len(gates.check_survey([gates.parse("all: brightness flips<0.001", measures)], rows)) in (0, 1, 2)
    with pytest.raises(ConfigError, match="did you mean 'brightness'"):
        gates.parse("brightnes>0.1", measures)


def test_the_runs_of_another_survey_are_refused(survey: audit.SurveyResult, tmp_path: Path) -> None:
    config = dataclasses.replace(survey.config, seed=1)
    with pytest.raises(StoreError, match="belongs to another survey"):
        audit.survey(config, survey.folder, searcher_factory=fake_audit.build)
    first = next(iter(survey.runs.values())).folder
    alone = dataclasses.replace(
        survey.config, intervention="grey", intervention_settings={"steps": 3}, expression_from=str(first)
    )
    with pytest.raises(ConfigError, match="other people"):
        audit.run(dataclasses.replace(alone, seed=1), tmp_path / "one")
    with pytest.raises(ConfigError, match="no expression neutral"):
        audit.run(dataclasses.replace(alone, expressions=("neutral",)), tmp_path / "two")
    with pytest.raises(StoreError, match="holds no run"):
        audit.run(dataclasses.replace(alone, expression_from=str(tmp_path)), tmp_path / "three")
    shared = dataclasses.replace(alone, classifiers=(planted("additive", 0.3),))
    with pytest.raises(ConfigError, match="additive has changed"):
        audit.run(shared, tmp_path / "four")


def test_designs_are_read_from_files_and_flags() -> None:
    config = AuditConfig(intervention=("symmetry", "x", "skin_tone", "blur"), time_steps=3)
    plan = design(config)
    assert list(plan.configs) == ["symmetry", "symmetry at skin_tone -1", "symmetry at skin_tone 1", "blur"]
    assert (
        plan.alone == ("blur",) and plan.names == ("blur", "symmetry") and plan.crosses[0].levels == (0, -1, 1)
    )
    assert from_dict(AuditConfig, to_dict(config)) == config and "intervention = [" in dump_toml(config)
    assert is_survey(AuditConfig(intervention="symmetry x yaw")) and not is_survey(AuditConfig())
    nested = {"intervention": ["yaw", "blur"], "intervention_settings": {"yaw": {"largest": 20}, "steps": 3}}
    configs = design(from_dict(AuditConfig, nested)).configs
    assert configs["yaw"].intervention_settings == {"largest": 20, "steps": 3}
    assert configs["blur"].intervention_settings == {"steps": 3}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("symmetry", "symmetry"), "twice"),
        (("yaw x symmetry",), "symmetry cannot be held at a level; write it first"),
        (("a x b x c",), "two factors"),
        (("symmetry", "yawn"), "did you mean 'yaw'"),
        ((), "must name at least one"),
    ],
)
def test_bad_designs_are_one_clear_line_before_any_work(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        audit.survey(dataclasses.replace(BASE, intervention=names, intervention_settings={}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_plans_a_survey(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["audit", "--config", "smoke", "--intervention", "symmetry", "x", "skin_tone", "--dry-run"]
    assert run(argv) == 0
    out = capsys.readouterr().out
    assert "3 audits" in out and "(estimated from measurements on another machine)" in out
    assert run(["audit", "--config", "smoke", "--intervention", "symmetry", "yawn", "--dry-run"]) == 2
    assert run([*argv, "--fail-on", "skin_tone>0.1"]) == 2
    assert "symmetry high" in capsys.readouterr().err


def test_a_fixed_expression_is_the_first_prototype_for_everyone(tmp_path: Path) -> None:
    config = dataclasses.replace(
        fake_audit.CONFIG,
        head=named_head(),
        render=RENDER,
        intervention="grey",
        intervention_settings={"steps": 2},
        time_steps=2,
        search=dataclasses.replace(fake_audit.CONFIG.search, method="prototype"),
    )
    head = named_head()
    result = audit.run(config, tmp_path / "run")
    row = list(head.expressions.prototype_labels).index("happiness")
    shown = result.data["expression_parameters"].sel(expression="happiness").values
    assert (shown == shown[0, 0]).all()  # within the bounds of the search, which the prototype nearly is
    assert np.corrcoef(shown[0, 0], np.asarray(head.expressions.prototypes[row]))[0, 1] > 0.97
    assert (result.data["search_forward_calls"] == 1).all()
    with pytest.raises(ConfigError, match="has no hand-set happiness"):
        audit.run(dataclasses.replace(config, head=without_prototypes(head)), tmp_path / "other")


def without_prototypes(head: jf.face.FaceModel) -> jf.face.FaceModel:
    empty = jnp.zeros((0, head.expression_basis.shape[-1]))
    expressions = dataclasses.replace(head.expressions, prototypes=empty, prototype_labels=())
    return dataclasses.replace(head, expressions=expressions)


def test_more_tests_take_more_people(survey: audit.SurveyResult) -> None:
    """A correction for many tests may leave no p-value that is small enough, however large the effects are."""
    assert "no change was found for" in " ".join(survey_text.sentences(survey))
    strict = dataclasses.replace(survey, config=dataclasses.replace(survey.config, alpha=1e-4))
    assert survey_text.headline(strict).startswith("Too few people to tell")
    assert all("too few people to tell; " in line for line in survey_text.sentences(strict))
