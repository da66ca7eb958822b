"""An observation from a table to verdicts: what is found, what is lost, what is kept."""

import csv
import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxface import classify
from jaxface.audit import observe
from jaxface.audit.observe import ObserveConfig, ObserveResult, measurements
from jaxface.audit.observe.analysis import association, combination_key
from jaxface.audit.observe.analysis import test_independence as independence_row
from jaxface.audit.observe.sampling import Samples
from jaxface.core.errors import ConfigError, StoreError
from jaxface.report import observation_tables, write_observation
from jaxface.report.tables_of_paper import observed_accuracy
from jaxface.stats import chsic
from jaxface.stats.independence._chsic import Form
from tests.holding import held_by_another
from tests.photographs import CLASSIFIER, SIZE, write_table


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ObserveResult:
    """80 people, one photograph each, two of which are lost."""
    folder = tmp_path_factory.mktemp("observed")
    config = write_table(folder / "in", 80)
    (folder / "in" / "003-0.png").unlink()
    (folder / "in" / "010-0.png").write_bytes(b"not a picture")
    return observe.run(config, folder / "out")


def table(result: ObserveResult, name: str) -> list[dict[str, str]]:
    with (result.folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_what_is_there_is_found_and_the_rest_is_counted_and_named(result: ObserveResult) -> None:
    assert [(path, reason.partition(":")[0]) for path, reason in result.left_out] == [
        ("003-0.png", "missing"),
        ("010-0.png", "unreadable"),
    ]
    verdicts = {(v.feature, v.subset): v for v in result.rows}
    assert set(verdicts) == {(f, a) for f in ("group", "pixel", "column:grade") for a in ("matching", "all")}
    assert all(v.dependent for v in verdicts.values())
    assert {v.samples for key, v in verdicts.items() if key[1] == "all"} == {78}
    assert {v.conditioned_on for key, v in verdicts.items() if key[1] == "matching"} == {"nothing"}
    assert {v.conditioned_on for key, v in verdicts.items() if key[1] == "all"} == {"label"}
    assert (
        verdicts["group", "matching"].association > 0.9
    )  # probands, the second group, are answered more strongly
    assert verdicts["pixel", "matching"].association < -0.9


def test_logits_and_features_are_those_of_the_pictures(result: ObserveResult) -> None:
    with Image.open(result.photographs.folder / "004-0.png") as file:
        image = np.asarray(file, np.float32) / 255
    logits = np.asarray(CLASSIFIER.logits(image[None]))[0]
    np.testing.assert_allclose(result.measurements.logits["brightness"][4], logits, rtol=1e-5)
    difference = image[:, : SIZE // 2] - image[:, : SIZE // 2 - 1 : -1]
    np.testing.assert_allclose(
        result.measurements.features["pixel"][4], np.sqrt((difference**2).mean()), rtol=1e-5
    )
    assert np.isnan(result.measurements.logits["brightness"][[3, 10]]).all()


def test_a_verdict_is_the_test_of_logit_and_feature(result: ObserveResult) -> None:
    (verdict,) = [v for v in result.rows if (v.feature, v.subset) == ("pixel", "all")]
    mask = result.measurements.used
    codes = np.unique(result.photographs.label, return_inverse=True)[1][mask].astype(float)
    logit, pixel = (
        result.measurements.logits["brightness"][mask, 0],
        result.measurements.features["pixel"][mask],
    )
    keys = jax.random.split(combination_key(0, "brightness/happiness/pixel/all"), 4)
    truth = chsic(pixel, logit, codes, keys[0], discrete=True)
    assert (verdict.statistic["chsic"], verdict.p_value["chsic"]) == (truth.statistic, truth.p_value)


def test_accuracy_by_group_counts_first_answers(result: ObserveResult) -> None:
    rows = {(row.label, row.group): row for row in result.accuracy}
    first = np.where(result.measurements.logits["brightness"][:, 0] > 10, "happiness", "sadness")
    for (label, group), row in rows.items():
        own = (np.array(result.photographs.label) == label) & (np.array(result.photographs.group) == group)
        own &= result.measurements.used
        assert (row.photographs, row.right) == (own.sum(), (first[own] == label).sum())
        assert row.low <= row.accuracy <= row.high
    assert rows["happiness", "proband"].accuracy == 1 and rows["happiness", "patient"].accuracy == 0


def test_tables_hold_it_all(result: ObserveResult) -> None:
    photographs = table(result, "photographs")
    assert len(photographs) == 80 and photographs[3]["left_out"].startswith("missing")
    assert photographs[3]["logit brightness happiness"] == photographs[3]["first brightness"] == ""
    assert photographs[6]["first brightness"] == "sadness" and photographs[5]["first brightness"] == "happiness"
    independence = table(result, "independence")
    assert len(independence) == 6 and {row["dependent"] for row in independence} == {"True"}
    assert all(0 < float(row["chsic_p"]) <= 0.02 for row in independence)
    assert [row["path"] for row in table(result, "left_out")] == ["003-0.png", "010-0.png"]
    assert {row["group"] for row in table(result, "distributions")} == {"patient", "proband"}
    curve = [row for row in table(result, "regression") if row["feature"] == "pixel" and row["mean"]]
    assert float(curve[0]["mean"]) > float(curve[-1]["mean"]) + 3


def test_a_second_call_measures_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(write_table(tmp_path, 70), tests=("kci",))
    (tmp_path / "001-0.png").unlink()
    began = observe.run(config, tmp_path / "out")
    calls: list[range] = []
    original = measurements._cut
    monkeypatch.setattr(
        measurements, "_cut", lambda table, rows, *rest: calls.append(rows) or original(table, rows, *rest)
    )
    again = observe.run(config, tmp_path / "out")
    assert not calls and again.rows == began.rows
    fewer = observe.run(dataclasses.replace(config, subset=("matching",)), tmp_path / "out")
    assert not calls and fewer.rows == tuple(v for v in began.rows if v.subset == "matching")
    Image.new("RGB", (SIZE, SIZE), "white").save(tmp_path / "001-0.png")
    (tmp_path / "out" / "measured" / "00000064.npz").write_bytes(b"cut off")
    repair = observe.run(config, tmp_path / "out")
    assert sorted(calls, key=min) == [range(0, 32), range(64, 70)]
    assert not repair.left_out and repair.measurements.logits["brightness"][1, 0] == pytest.approx(20)


def test_a_folder_of_other_photographs_is_refused(tmp_path: Path) -> None:
    config = dataclasses.replace(write_table(tmp_path, 24), tests=("kci",))
    observe.run(config, tmp_path / "out")
    smaller = dataclasses.replace(config, crop=dataclasses.replace(config.crop, size=8))
    with pytest.raises(StoreError, match=r"another observation \(crop\.size was \d+, is now 8\)"):
        observe.run(smaller, tmp_path / "out")
    with (tmp_path / "table.csv").open("a") as file:
        file.write("000-0.png,happy,patient,p0,1\n")
    with pytest.raises(StoreError, match=r"another observation \(table was "):
        observe.run(config, tmp_path / "out")


def test_another_classifier_of_the_same_name_is_refused(tmp_path: Path) -> None:
    config = dataclasses.replace(write_table(tmp_path, 24), tests=("kci",))
    observe.run(config, tmp_path / "out")

    def other(images: jax.Array) -> jax.Array:
        return jax.numpy.stack([3.0 - images.mean((1, 2, 3)), images.max((1, 2, 3))], axis=-1)

    impostor = classify.from_function(other, labels=CLASSIFIER.labels, name=CLASSIFIER.name)
    with pytest.raises(StoreError, match=f"another observation .{CLASSIFIER.name}: it answers otherwise"):
        observe.run(dataclasses.replace(config, classifiers=(impostor,)), tmp_path / "out")


def test_a_flipped_bit_of_a_finished_observation_is_named_or_measured_again(tmp_path: Path) -> None:
    config, out = dataclasses.replace(write_table(tmp_path, 24), tests=("kci",)), tmp_path / "out"
    observe.run(config, out)
    accuracy = observed_accuracy(out)
    for name in ("accuracy.csv", "measured/00000000.npz", "inputs.toml"):
        content = bytearray((out / name).read_bytes())
        content[len(content) // 2] ^= 1
        (out / name).write_bytes(content)
        with pytest.raises(StoreError, match=f"{out / name} has changed; observe again"):
            observed_accuracy(out)
        if name != "inputs.toml":  # whose photographs are of a classifier that nobody knows
            observe.run(config, out)
            assert observed_accuracy(out) == accuracy


def test_people_are_the_samples_where_that_is_asked(tmp_path: Path) -> None:
    config = dataclasses.replace(write_table(tmp_path, 40, 4), unit="person", tests=("kci",))
    result = observe.run(config, tmp_path / "out")
    counts = {(v.feature, v.subset): v.samples for v in result.rows}
    assert counts["group", "matching"] == 40 and counts["group", "all"] == 80  # of 80 and 160 photographs
    text = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text(text.replace("patient", "proband", 1))
    with pytest.raises(ConfigError, match="person 'p0' is in two groups: patient, proband"):
        observe.run(config, tmp_path / "other")


def test_too_few_samples_are_no_verdict(tmp_path: Path) -> None:
    config = dataclasses.replace(write_table(tmp_path, 30), tests=("kci",))
    result = observe.run(config, tmp_path / "out")
    own = [v for v in result.rows if v.subset == "matching"]
    assert all(v.dependent is None and "the tests need 20" in v.note for v in own)
    assert all(v.dependent is not None for v in result.rows if v.subset == "all")
    assert "–" in observation_tables.significance_text(result)


def test_two_classifiers_one_of_which_lacks_the_expression(tmp_path: Path) -> None:
    other = classify.from_function(lambda images: images[:, 0, 0, :2], ["sad", "fear"], name="other")
    config = dataclasses.replace(write_table(tmp_path, 24), classifiers=(CLASSIFIER, other), tests=("kci",))
    result = observe.run(config, tmp_path / "out")
    assert result.skipped == (("other", "happiness"),) and {v.classifier for v in result.rows} == {"brightness"}
    assert {row.classifier for row in result.accuracy} == {"brightness", "other"}
    with pytest.raises(ConfigError, match="none of other knows happiness"):
        observe.run(dataclasses.replace(config, classifiers=(other,)), tmp_path / "third")


def test_a_classifier_with_a_larger_input_gets_larger_crops(tmp_path: Path) -> None:
    shapes: list[tuple[int, ...]] = []

    def notes(images: np.ndarray) -> np.ndarray:
        shapes.append(images.shape)
        return images[:, 0, 0, :2]

    large = classify.from_function(notes, ["happy", "sad"], name="large", size=40, on_host=True)
    config = dataclasses.replace(write_table(tmp_path, 4), classifiers=(large,), tests=("kci",))
    observe.run(config, tmp_path / "out")
    assert shapes[-1] == (measurements.CHUNK, 40, 40, 3) and {shape[1:] for shape in shapes} == {(40, 40, 3)}
    assert config.crop.size_for(40) == 40 and config.crop.size_for(None) == config.crop.size_for(8) == SIZE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ("column:grad",)}, "no column of numbers 'grad', did you mean 'grade'"),
        ({"features": ("landmarks",)}, "two pairs or more, got 0"),
        ({"classifiers": (CLASSIFIER, CLASSIFIER)}, "two classifiers are called 'brightness'"),
        ({"table": None}, "no photographs"),
    ],
)
def test_what_cannot_be_observed_is_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    config = dataclasses.replace(write_table(tmp_path, 4), **change)
    with pytest.raises(ConfigError, match=message):
        observe.run(config, tmp_path / "out")


def test_no_photograph_at_all_is_an_error(tmp_path: Path) -> None:
    config = write_table(tmp_path, 2)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    with pytest.raises(
        ConfigError, match=r"none of the 2 photographs .* can be used; the first, 000-0\.png: missing"
    ):
        observe.run(config, tmp_path / "out")


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.0},
        {"window": 0.0},
        {"unit": "people"},
        {"tests": ("fcti",)},
        {"chsic_form": "normalized"},
        {"subset": ("none",)},
        {"features": "pixel"},
        {"expressions": ()},
        {"labels": ("hapy",)},
        {"repeats": 0},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ObserveConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["hilbert-schmidt", "normalised", "residuals"])
def test_the_form_of_chsic_is_the_configs(form: Form) -> None:
    logit, feature = np.random.default_rng(1).normal(size=(2, 40))
    label = np.repeat(["happiness", "sadness"], 20)
    config = ObserveConfig(table="t.csv", tests=("chsic",), chsic_form=form)
    data = Samples(logit, feature, label, label)
    row = independence_row("column:hb", "one", "happiness", "all", data, config)
    key = jax.random.split(combination_key(0, "one/happiness/column:hb/all"), 4)[0]
    condition = np.repeat([0.0, 1.0], 20)
    expected = chsic(feature, logit, condition, key, form=form, discrete=True)
    assert row.statistic == {"chsic": expected.statistic} and row.p_value == {"chsic": expected.p_value}


def test_association_is_within_labels() -> None:
    label = np.repeat(["a", "b"], 3)
    feature = np.array([1.0, 2, 3, 11, 12, 13])
    logit = np.array([3.0, 2, 1, 30, 29, 28])  # falls within each, rises between them
    assert association(Samples(logit, feature, label, label)) == pytest.approx(-1)
    assert association(Samples(np.ones(6), feature, label, label)) == 0


def test_the_report_is_one_file_with_figures(result: ObserveResult) -> None:
    page = write_observation(result)
    text = page.read_text(encoding="utf-8")
    for word in ("80 photographs", "2 of them left out", "003-0.png", "✓", "<svg", "grade"):
        assert word in text
    assert "<img" not in text and "http://" not in text.replace("http://www.w3.org", "")
    names = {path.name for path in (result.folder / "figures").iterdir()}
    assert {"distribution-happiness.svg", "distribution-happiness.png"} <= names
    assert "regression-brightness-happiness-pixel.png" in names and not (result.folder / "crops.png").exists()
    with_pictures = dataclasses.replace(result, config=dataclasses.replace(result.config, pictures=True))
    assert "data:image/png" in write_observation(with_pictures).read_text(encoding="utf-8")
    with Image.open(result.folder / "crops.png") as sheet:
        assert sheet.size[0] > 8 * SIZE


def test_terminal_tables(result: ObserveResult) -> None:
    significance = observation_tables.significance_text(result)
    assert "all (78), given the label" in significance and "✓ +0.9" in significance
    assert "100 % of 19" in observation_tables.accuracy_text(result)
    assert observation_tables.left_out_text(result).startswith(
        "2 of 80 photographs left out:\n  003-0.png: missing"
    )


def test_crops_that_may_show_no_face_are_a_warning(result: ObserveResult) -> None:
    """Raw photographs without eyes or boxes turned a finding upside down without a word."""
    assert result.photographs.unframed == 80
    text = observation_tables.framing_text(result)
    assert text.startswith("WARNING: 80 of 80 photographs have neither eyes nor a box.")
    boxes = np.tile([0.0, 0.0, 16.0, 16.0], (80, 1))
    boxes[:3, 1] = np.nan
    some = dataclasses.replace(result.photographs, boxes=boxes)
    assert some.unframed == 3
    eyes = {name: np.ones((80, 2)) for name in ("left_eye", "right_eye")}
    every = dataclasses.replace(result, photographs=dataclasses.replace(some, landmarks=eyes))
    assert observation_tables.framing_text(every) == ""


def test_a_folder_in_which_another_process_observes_is_refused(tmp_path: Path) -> None:
    config = write_table(tmp_path / "in", 8)
    out = tmp_path / "out"
    with held_by_another(out), pytest.raises(StoreError, match=r"in use: process \d+ .* this observation"):
        observe.run(config, out)
