"""The simulated cohort: balanced, as true as its table says, and known where it matters; and the command."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface.audit import observe
from jaxface.audit.observe import CohortConfig, ObserveConfig, cohort
from jaxface.cli import main, options, preflight
from jaxface.core import runtime
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import NullProgress
from tests.heads import toy_head
from tests.photographs import write_table

CONFIG = CohortConfig(people=40, expressions=("happiness",), size=32, noise=0.01, pose=2.0)


def test_groups_are_balanced_within_labels_and_people_independent_of_their_number() -> None:
    config = dataclasses.replace(
        CONFIG, people=24, photographs=2, expressions=("happiness", "surprise", "anger")
    )
    shots = cohort.plan(config, toy_head(), 3)
    assert len(shots) == 48
    for label in config.expressions:
        groups = [shot.group for shot in shots if shot.label == label]
        assert groups.count("patient") == groups.count("proband") == 8
    fewer = cohort.plan(dataclasses.replace(config, people=12), toy_head(), 3)
    assert [(s.group, s.side, s.severity) for s in fewer] == [(s.group, s.side, s.severity) for s in shots[:24]]
    assert {shot.side for shot in shots} == {"left", "right"}


def test_palsy_is_drawn_as_it_is_written_down_and_a_null_cohort_only_writes_it_down() -> None:
    shots = cohort.plan(CONFIG, toy_head(), 0)
    null = cohort.plan(dataclasses.replace(CONFIG, null=True), toy_head(), 0)
    for ill, well in zip(shots, null, strict=True):
        assert ill.symmetry == 1 - ill.severity and (ill.severity >= 0.4) == (ill.group == "patient")
        assert well.symmetry == 1 and (well.severity, well.group, well.side) == (
            ill.severity,
            ill.group,
            ill.side,
        )
        np.testing.assert_array_equal(well.turn, ill.turn)


def test_landmarks_follow_the_face() -> None:
    head = toy_head()
    marks = {"left_mouth": 5, "right_mouth": int(head.mirror[5])}
    shot = cohort.plan(dataclasses.replace(CONFIG, pose=0.0), head, 0)[0]
    shot = dataclasses.replace(shot, symmetry=1.0, strength=0.0)
    params = cohort.posed(head, jf.face.neutral(head), shot)
    points = cohort.landmarks(head, params, shot, 64, jnp.asarray(list(marks.values())))
    middle, across = points[:2].mean(0), points[0] - points[1]
    np.testing.assert_allclose(middle, [32, 64 * cohort.EYE_LINE], atol=0.7)
    np.testing.assert_allclose(across, [64 / cohort.HEIGHT, 0], atol=0.7)
    np.testing.assert_allclose(points[2] * [-1, 1] + [64, 0], points[3], atol=1e-3)


def test_marks_are_what_units_move_on_both_sides() -> None:
    head = jf.face.load("bundled")
    marks = cohort.mark_vertices(head)
    assert set(marks) == {
        f"{side}_{name}" for side in ("left", "right") for name in ("mouth", "brow", "lid", "nose")
    }
    at = {name: np.asarray(head.template)[vertex] for name, vertex in marks.items()}
    for name in ("mouth", "brow", "lid", "nose"):
        assert at[f"left_{name}"][0] > 0.004
        np.testing.assert_allclose(at[f"left_{name}"] * [-1, 1, 1], at[f"right_{name}"], atol=1e-4)
    assert at["left_mouth"][1] < at["left_lid"][1] < at["left_brow"][1]
    assert cohort.mark_vertices(dataclasses.replace(head, mirror=None)) == {}


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> observe.Demonstration:
    """The toy head before a classifier that dislikes a lopsided mouth: redness, whatever the light."""

    def symmetry(images: jax.Array) -> jax.Array:
        red = images[..., 0] / images.sum(-1)
        difference = jnp.square(red - red[:, :, ::-1])[:, 16:, 8:24].mean((1, 2))
        return jnp.stack([-1e4 * difference, jnp.zeros(len(images))], axis=-1)

    weak = jf.classify.from_function(symmetry, ["happy", "sad"], name="symmetry")
    config = ObserveConfig(
        classifiers=(weak,),
        features=("group", "column:severity"),
        subset=("matching",),
        tests=("kci",),
        demo=True,
        crop=observe.CropConfig(size=32),
        cohort=dataclasses.replace(
            CONFIG, light=0.0, noise=0.0, pose=0.0, strength=(1.0, 1.0), symmetry=(0.0, 0.1)
        ),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxface.face.load", lambda *_, **options: toy_head())
        patch.setattr(cohort, "_MARK_NOISE", 0.0)
        return observe.demonstrate(config, tmp_path_factory.mktemp("demo"))


def test_the_tests_find_palsy_and_do_not_find_it_where_there_is_none(
    demonstration: observe.Demonstration,
) -> None:
    rates = {(rate.cohort, rate.feature, rate.test): rate.found for rate in demonstration.rates}
    assert rates["palsy", "group", "majority"] == rates["palsy", "column:severity", "majority"] == 1
    assert rates["null", "group", "majority"] == rates["null", "column:severity", "majority"] == 0


def test_the_truth_lies_beside_the_table(demonstration: observe.Demonstration) -> None:
    folder = demonstration.folder / "palsy-0" / "cohort"
    texts = [(folder / name).read_text().splitlines() for name in (cohort.TABLE, cohort.TRUTH)]
    rows = [list(csv.DictReader(text)) for text in texts]
    assert len(rows[0]) == 40 and "left_eye_x" in rows[0][0]
    for row, true in zip(*rows, strict=True):
        assert float(true["symmetry"]) == pytest.approx(1 - float(row["severity"]))
    with pytest.raises(StoreError, match="holds another cohort"):
        cohort.make(CONFIG, toy_head(), folder, 0, NullProgress())


def test_expressions_without_a_prototype_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no hand-set disgust \(it has: anger, happiness, surprise\)"):
        cohort.plan(dataclasses.replace(CONFIG, expressions=("disgust",)), toy_head(), 0)


@pytest.mark.parametrize("wrong", [{"people": 3}, {"size": 8}, {"symmetry": (0.5, 0.2)}, {"expressions": ()}])
def test_cohorts_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"cohort.{next(iter(wrong))}"):
        CohortConfig(**wrong)  # type: ignore[arg-type]


def test_the_bundled_config_is_a_demonstration() -> None:
    config = load_toml(ObserveConfig, options.find_config("observe"))
    assert config == ObserveConfig(demo=True)  # it writes the defaults out


def command(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    monkeypatch.setattr(runtime, "enable_compile_cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    return main.run(["observe", *arguments])


def test_the_command_observes_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_table(tmp_path / "in", 44)
    monkeypatch.setattr(jf.classify, "load", lambda name, **_: config.classifiers[0])
    monkeypatch.setattr(preflight, "check_classifiers", lambda names: None)
    (tmp_path / "in" / "001-0.png").unlink()
    flags = "--table in/table.csv --classifiers brightness --features group pixel --tests kci"
    flags += " --crop.size 16 --faces centre"
    assert command([*flags.split(), "--quiet"], monkeypatch, tmp_path) == 0
    output = capsys.readouterr()
    assert "1 of 44 photographs left out:\n  001-0.png: missing" in output.out and output.err == ""
    assert (
        "Accuracy: the top class is the label" in output.out
        and "report: runs/observe/observe.html" in output.out
    )
    assert (tmp_path / "runs" / "observe" / "independence.csv").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "observe needs a folder of photographs"),
        ("--table absent.csv", "no table of photographs at absent.csv"),
        ("--table absent.csv --demo", "demo simulates its own photographs"),
        ("--demo --cohort.people 7", "cohort.people = 7"),
    ],
)
def test_bad_commands_are_told_in_one_line(
    flags: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command([*flags.split(), "--quiet"], monkeypatch, tmp_path) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
