"""An audit accuses nobody by chance, acquits no dead model, and answers for no other head or classifier."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface import audit, classify
from jaxface.audit import AuditConfig, AuditResult, gates
from jaxface.audit.changes import changes_between
from jaxface.audit.summarizing import summarize
from jaxface.core.errors import ConfigError, StoreError
from jaxface.report import first_lines, loading, verdict
from tests import fake_audit, runs
from tests.test_audit_run import PAINTED


def run(config: AuditConfig, folder: Path) -> AuditResult:
    return audit.run(config, folder, searcher_factory=fake_audit.build)


def painted(name: str, first: float, slope: float):
    """A classifier of `PAINTED` pictures: happiness has probability first + slope s t, neutral the rest."""

    def answer(images):
        p = first + slope * images[:, 0, 0, 0] * images[:, 0, 0, 1]
        return jnp.stack([p, jnp.zeros_like(p) + 1e-6, 1 - p], axis=-1)

    return classify.from_function(answer, fake_audit.LABELS, name=name, scores="probabilities")


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    """Eight people before a classifier that depends on symmetry, one that does not, and a dead one."""
    classifiers = painted("leaning", 0.1, 0.8), painted("even", 0.9, 0.0), painted("dead", 0.008, 0.001)
    config = dataclasses.replace(
        PAINTED, classifiers=classifiers, identities=8, expressions=("happiness",), permutations=999
    )
    return run(config, tmp_path_factory.mktemp("eight"))


def with_scores(result: AuditResult, scores: np.ndarray) -> AuditResult:
    """The run with other scores (C, X, N)."""
    data = result.data.load().assign(score=(("classifier", "expression", "identity"), scores))
    return dataclasses.replace(result, data=data, summary=summarize(data, result.config))


def test_noise_gets_no_verdict(eight: AuditResult) -> None:
    """200 samples of noise for two classifiers: at most .05 and three standard errors are called an effect."""
    random = np.random.default_rng(0)
    directions, comparisons, failures = [], [], []
    for _ in range(200):
        scores = random.normal(size=eight.data["score"].shape)
        noise = with_scores(eight, scores)
        directions.append(noise.summary.effect("even").effect.direction != 0)
        comparisons.append(any(row.direction for row in noise.summary.comparisons))
        limit = gates.parse("score>0")
        failures.append(any("even" in line for line in gates.check([limit], noise.summary, True)))
    for rejections in (directions, comparisons, failures):
        assert np.mean(rejections) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("people", [1, 2, 3, 5])
def test_few_people_are_too_few_to_tell(eight: AuditResult, people: int) -> None:
    """Even a perfect effect, and a gate does not pass on it either."""
    data = eight.data.load().isel(identity=slice(people))
    few = dataclasses.replace(eight, data=data, summary=summarize(data, eight.config))
    verdicts = {one.name: one for one in verdict.classifier_verdicts(few)}
    assert verdicts["leaning"].label == "too few people to tell" and verdicts["leaning"].direction == 0
    comparison = first_lines.comparison(few, list(verdicts.values()))
    assert first_lines.headline(list(verdicts.values()), few).startswith("Too few people to tell")
    assert comparison is not None and comparison.direction == 0
    lines = gates.check([gates.parse("score>0.5")], few.summary)
    assert "leaning, happiness: not measurable, or too few people for score" in lines
    assert gates.check([gates.parse("score>0.5")], few.summary, allow_unmeasured=True) == []


def test_six_people_with_one_effect_are_enough(eight: AuditResult) -> None:
    verdicts = {one.name: one for one in verdict.classifier_verdicts(eight)}
    assert verdicts["leaning"].label == "depends on symmetry"
    assert verdicts["even"].label == "no effect of facial symmetry found"
    assert eight.summary.comparison("leaning", "even").direction == 1  # type: ignore[union-attr]


def test_a_dead_model_is_not_measurable(eight: AuditResult) -> None:
    """It is right for nobody on the unchanged face; its score is near zero, and no gate may pass on it."""
    cell = eight.summary.cell("dead", "happiness")
    assert (cell.reached, cell.measurable, cell.identities) == (0, False, 8)
    assert cell.activation == pytest.approx(0.009, abs=1e-3)
    row = eight.summary.effect("dead")
    assert not row.effect.is_valid and (row.expressions, row.not_measurable) == (0, 1)
    assert all("dead" not in (one.more, one.less) for one in eight.summary.comparisons)
    dead = verdict.classifier_verdicts(eight)[-1]
    assert (dead.name, dead.label) == ("dead", "not measurable")
    assert f"fewer than half of the {eight.intervention.wording.unchanged_face} faces reach it" in dead.sentence
    lines = gates.check([gates.parse("score>0.5")], eight.summary)
    assert lines == ["dead, happiness: not measurable: the target was reached for 0 of 8 people"]
    assert gates.check([gates.parse("score>0.5")], eight.summary, allow_unmeasured=True) == []
    table = jf.report.score_table(eight)
    assert "(not measurable: the unchanged face reached the target for 0 of 8 people)" in table
    alone = dataclasses.replace(eight.summary, cells=(cell,))
    assert gates.check([], alone, allow_unmeasured=True) == ["no classifier and expression is measurable"]


def test_a_score_is_shown_beside_what_it_starts_from(eight: AuditResult) -> None:
    cell = eight.summary.cell("leaning", "happiness")
    assert cell.activation == pytest.approx(0.9, abs=1e-5)
    assert cell.share == pytest.approx(0.4 / 0.9, abs=1e-5)  # .8 s t loses .4 over all doses, mean over time
    assert eight.summary.effect("leaning").share == pytest.approx(cell.share)
    leaning = verdict.classifier_verdicts(eight)[0]
    assert "44 % of the 90 % that it starts from" in leaning.sentence


def test_the_dose_at_which_the_answer_flips(eight: AuditResult) -> None:
    """.1 + .8 s falls below neutral's .9 - .8 s under s = .5; the levels are 0, 1/3, 2/3, 1."""
    cell = eight.summary.cell("leaning", "happiness")
    assert cell.flip_dose == pytest.approx(1 / 3) and cell.flipped == 1.0
    even = eight.summary.cell("even", "happiness")
    assert np.isnan(even.flip_dose) and even.flipped == 0.0
    doses = [row for row in eight.summary.doses if row.classifier == "leaning"]
    np.testing.assert_allclose([row.dose for row in doses], [0, 1 / 3, 2 / 3, 1], atol=1e-6)
    np.testing.assert_allclose(
        [row.probability for row in doses], [0.1, 0.1 + 0.8 / 3, 0.1 + 1.6 / 3, 0.9], atol=1e-5
    )
    assert [row.accuracy for row in doses] == [0.0, 0.0, 1.0, 1.0]
    assert all(row.low <= row.probability <= row.high for row in doses)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("score", "is no limit: must be score>NUMBER, score high>NUMBER"),
        ("scores>1", "unknown measure, did you mean 'score'"),
        ("fear: score>0.5", "no expression 'fear' to limit"),
    ],
)
def test_limits_that_are_none_are_refused(eight: AuditResult, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gates.check([gates.parse(text)], eight.summary)


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("score>0.1", True),  # .8 s t over three steps: .1333 a step
        ("score>0.14", False),
        ("happiness: score>0.1", True),
        ("score high>0.1", True),
        ("score high>0.14", False),
        ("score mean>0.13", True),
        ("significant>0.5", True),
        ("accuracy drop>0.5", True),
        ("activation<0.95", True),
        ("activation<0.85", False),
        ("failures>0", False),
    ],
)
def test_limits_of_one_run(eight: AuditResult, text: str, fails: bool) -> None:
    lines = gates.check([gates.parse(text)], eight.summary, allow_unmeasured=True)
    assert any(line.startswith("leaning, happiness: ") for line in lines) == fails


def test_limits_between_two_runs(eight: AuditResult, tmp_path: Path) -> None:
    """The second release depends on symmetry more, by .05 a step for everybody; the dead one stays dead."""
    scores = eight.data["score"].values
    after = with_scores(eight, scores + np.array([0.05, 0.0, 0.0])[:, None, None])
    names = tuple(gates.CHANGES)
    limit = gates.parse("score increase>0.005", names)
    lines = gates.check_changes([limit], changes_between(eight, after))
    assert lines[0] == "leaning, happiness: score increase 0.05 > 0.005"
    assert any(line.startswith("dead, happiness: not measurable") for line in lines)
    assert not any(line.startswith("even") for line in lines)
    assert gates.check_changes([limit], changes_between(eight, eight), allow_unmeasured=True) == []
    drop = gates.parse("happiness: activation drop>0.1", names)
    assert gates.check_changes([drop], changes_between(eight, after), allow_unmeasured=True) == []
    other = dataclasses.replace(eight, config=dataclasses.replace(eight.config, render=runs.CONFIG.render))
    with pytest.raises(ConfigError, match=r"cannot be compared: render\.supersample is 1 and 2"):
        changes_between(eight, other)


@pytest.mark.usefixtures("without_drawings")
def test_the_command_is_a_gate_between_releases(
    fake_run: audit.AuditResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jaxface.cli.main import run as jaxface

    folder = fake_run.folder
    command = ["report", str(folder), str(folder), "--out", str(tmp_path), "--fail-on"]
    assert jaxface([*command, "score increase>0.005"]) == 0
    assert jaxface([*command, "score increase>-0.005"]) == 1
    assert "jaxface: gate: one, happiness: score increase 0 > -0.005" in capsys.readouterr().err
    assert jaxface([*command, "score>0"]) == 2
    assert "unknown measure" in capsys.readouterr().err
    assert jaxface(["report", str(folder), "--out", str(tmp_path), "--fail-on", "score>0.01"]) == 1


def test_another_head_of_the_same_name_is_another_run(tmp_path: Path) -> None:
    config = dataclasses.replace(fake_audit.CONFIG, identities=1, expressions=("happiness",))
    run(config, tmp_path)
    assert 'head = "python:' in (tmp_path / "run.toml").read_text()
    other = dataclasses.replace(config.head, template=config.head.template * 1.01)
    with pytest.raises(StoreError, match=r"begun with another head: head\.sha256"):
        run(dataclasses.replace(config, head=other), tmp_path)


def test_an_edited_function_of_the_same_name_is_another_run(tmp_path: Path) -> None:
    """It has no arrays: its answers to fixed pictures tell it apart."""
    config = dataclasses.replace(fake_audit.CONFIG, identities=1, expressions=("happiness",))
    run(config, tmp_path)
    edited = classify.from_function(
        lambda images: 2 * fake_audit.bright_corners(images), fake_audit.LABELS, name="corners"
    )
    with pytest.raises(
        StoreError, match="another classifiers: corners: it answers otherwise to the same pictures"
    ):
        run(dataclasses.replace(config, classifiers=(edited,)), tmp_path)
    result = audit.load(tmp_path)
    with pytest.raises(ConfigError, match="the classifier 'corners' was an object of a Python program"):
        audit.run(result.config, tmp_path)


def test_a_report_does_not_draw_another_head(fake_run: audit.AuditResult) -> None:
    same = dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, head=runs.toy_head()))
    assert loading.load_face_inputs(same)[0] is not None
    head = runs.toy_head()
    other = dataclasses.replace(head, template=head.template * 1.01)
    inputs, error = loading.load_face_inputs(
        dataclasses.replace(fake_run, config=dataclasses.replace(fake_run.config, head=other))
    )
    assert inputs is None and "is not the one that the run was made with" in error


def test_a_modified_bundled_head_is_not_called_bundled() -> None:
    from jaxface import face
    from jaxface.audit.inputs import serializable_config

    head = face.load("bundled")
    assert serializable_config(AuditConfig(head=head)).head == "bundled"
    modified = dataclasses.replace(head, left_weight=head.left_weight * 0.5)
    assert serializable_config(AuditConfig(head=modified)).head == "python:bundled"
    known = classify.load("face-api")
    assert serializable_config(AuditConfig(classifiers=(known,))).classifiers == ("face-api",)
    renamed = classify.from_function(fake_audit.bright_corners, fake_audit.LABELS, name="face-api")
    assert serializable_config(AuditConfig(classifiers=(renamed,))).classifiers == ("python:face-api",)


def test_effects_within_groups_of_people_and_of_classifiers(eight: AuditResult) -> None:
    """Four women with twice the effect of four men; two of three classifiers of one data set."""
    data = eight.data.load()
    head = {**data.attrs["head"], "identity_names": ["age"]}
    facts = {name: {"dataset": "A" if name != "dead" else "B"} for name in ("leaning", "even", "dead")}
    attributes = {"populations": ["female, light", "male, light"], "head": head, "classifiers": facts}
    data = data.assign_attrs(attributes).assign(population=("identity", np.array([0, 1] * 4)))
    scores = np.array([[[0.2, 0.1] * 4], [[0.0] * 8], [[0.0] * 8]])
    data = data.assign(score=(("classifier", "expression", "identity"), scores))
    rows = {(row.kind, row.group, row.classifier): row.effect for row in summarize(data, eight.config).groups}
    assert rows["sex", "female", "leaning"].mean == pytest.approx(0.2)
    assert rows["sex", "male", "leaning"].mean == pytest.approx(0.1)
    assert rows["sex", "male", "leaning"].identities == 4
    assert not rows["sex", "male", "leaning"].has_enough_people
    assert ("skin_tone", "light", "leaning") not in rows, "everybody is"
    assert {group for kind, group, _ in rows if kind == "age"} == {"younger half", "older half"}
    assert rows["data set", "A", ""].mean == pytest.approx(0.075)
    assert ("data set", "B", "") not in rows, "one classifier is no group"
