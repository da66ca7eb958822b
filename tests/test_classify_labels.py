"""Labels beyond the eight expressions, and several outputs of one expression."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import audit, classify, frameworks, report
from jaxface.audit import AuditConfig
from jaxface.audit.layout import VARIABLES, answer_names
from jaxface.cli.classifiers import card_text
from jaxface.core.errors import ConfigError, FunctionError, LabelError
from jaxface.data import ArraySource, Dataset
from tests import fake_audit

IMAGES = np.random.default_rng(2).random((3, 20, 20, 3), np.float32)
LABELS = ("Happy", "calm", "surprised", "joy", "Happily  Surprised", "neutral")
ANSWERS = ("happiness", "calm", "surprise", "happily surprised", "neutral")


def six_outputs(images: jax.Array) -> jax.Array:
    """Logits of `LABELS`, by where the picture is bright."""
    happy, surprise, neutral = jnp.moveaxis(fake_audit.bright_corners(images), -1, 0)
    calm = 2 * images[:, :4].mean((1, 2, 3))
    return jnp.stack([happy, calm, surprise, happy - 1, 0.5 * surprise, neutral], axis=-1)


def toy(on_host: bool, fn: Any = six_outputs) -> classify.Classifier:
    host_fn = (lambda images: np.asarray(fn(jnp.asarray(images)))) if on_host else fn
    return classify.from_function(host_fn, LABELS, name="six", on_host=on_host)


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("are_probabilities", [False, True])
def test_outputs_of_one_expression_are_summed_and_others_stay(on_host: bool, are_probabilities: bool) -> None:
    softmax = lambda images: jax.nn.softmax(six_outputs(images))  # noqa: E731
    classifier = toy(on_host, softmax if are_probabilities else six_outputs)
    assert classifier.labels == ANSWERS and classifier.card.outputs == 6
    raw = np.asarray(softmax(jnp.asarray(IMAGES)))
    sums = np.stack([raw[:, 0] + raw[:, 3], raw[:, 1], raw[:, 2], raw[:, 4], raw[:, 5]], axis=-1)
    np.testing.assert_allclose(classifier.probabilities(IMAGES), sums, atol=1e-6)
    notes = (
        "its outputs 'Happy' and 'joy' are one answer, happiness: their probabilities are summed",
        "calm, happily surprised are not examined; they stay in the softmax",
    )
    assert classifier.notes[:2] == notes


@pytest.mark.parametrize(
    ("labels", "others"),
    [
        ("neutral happiness surprise sadness anger disgust fear contempt unknown NF", ("unknown", "nf")),
        ("Neutral Anger Disgust Fear Happiness Sadness Surprise Other", ("other",)),
        ("neutral calm happy sad angry fearful disgust surprised", ("calm",)),
        ("AU1 AU12 pain", ("pain",)),
    ],
    ids=["FER+", "Aff-Wild2", "RAVDESS", "units"],
)
def test_labels_of_published_data_sets(labels: str, others: tuple[str, ...]) -> None:
    card = classify.Card(name="net", native_labels=tuple(labels.split()))
    assert card.unexamined_labels == others and card.multilabel == ("AU1" in labels)
    place = "an output of its own" if card.multilabel else "in the softmax"
    assert card.label_notes[0].startswith(", ".join(others)) and card.label_notes[0].endswith(place)


def test_other_labels_have_a_position() -> None:
    classifier = toy(False)
    assert classifier.index("Calm") == 1 and classifier.index("joy") == 0
    with pytest.raises(LabelError, match="no output for 'other'"):
        classifier.index("other")


def test_sums_are_exact_in_half_precision() -> None:
    classifier = classify.in_bfloat16(toy(False))
    sharp = np.asarray(classifier.probabilities(IMAGES))
    np.testing.assert_allclose(sharp, toy(False).probabilities(IMAGES), atol=0.02)


def test_the_sum_has_a_gradient() -> None:
    classifier = toy(False)

    def probability(images: jax.Array) -> jax.Array:
        return jax.nn.softmax(classifier.apply(classifier.state, images))[0, 0]

    gradient = jax.grad(probability)(jnp.asarray(IMAGES))
    step = 1e-2 * np.sign(gradient)
    change = probability(jnp.asarray(IMAGES) + step) - probability(jnp.asarray(IMAGES) - step)
    np.testing.assert_allclose(change, 2e-2 * np.abs(gradient).sum(), rtol=1e-2)


@pytest.mark.parametrize("on_host", [False, True])
def test_an_audit_says_what_is_not_examined(on_host: bool, tmp_path: Path) -> None:
    config = AuditConfig(**{**vars(fake_audit.CONFIG), "classifiers": (toy(on_host),)})
    result = audit.run(config, tmp_path, searcher_factory=fake_audit.build)
    assert result.failures == 0 and list(result.data["answer"].values[-2:]) == ["calm", "happily surprised"]
    probe = result.data["probe_probability"].sum("answer", skipna=True).values
    np.testing.assert_allclose(probe, 1, atol=1e-5)
    table = report.score_table(result)
    assert "six: calm, happily surprised are not examined; they stay in the softmax" in table
    assert "six: its outputs 'Happy' and 'joy' are one answer" in table
    page = report.write(result, saliency="occlusion").read_text()
    assert "are not examined; they stay in the softmax" in page


def test_a_top_class_beyond_the_vocabulary_is_kept(tmp_path: Path) -> None:
    def calm(images: jax.Array) -> jax.Array:
        return six_outputs(images).at[:, 1].add(50.0)

    config = AuditConfig(**{**vars(fake_audit.CONFIG), "classifiers": (toy(False, calm),)})
    result = audit.run(config, tmp_path, searcher_factory=fake_audit.build)
    answers = list(map(str, result.data["answer"].values))
    assert {answers[index] for index in result.data["top_class"].values.ravel()} == {"calm"}
    assert "calm" in report.write(result, saliency="none").read_text()


def test_hundreds_of_labels_have_room_in_the_store(tmp_path: Path) -> None:
    labels = ("happy", "surprise", *(f"mood {index}" for index in range(300)))

    def last_wins(images: jax.Array) -> jax.Array:
        rest = jnp.zeros((len(images), 300)).at[:, -1].set(9.0)
        return jnp.concatenate([fake_audit.bright_corners(images)[:, :2], rest], axis=-1)

    classifier = classify.from_function(last_wins, labels, name="moods")
    config = AuditConfig(**{**vars(fake_audit.CONFIG), "classifiers": (classifier,)})
    result = audit.run(config, tmp_path, searcher_factory=fake_audit.build)
    top = result.data["top_class"]
    assert top.dtype == np.int16 and set(map(str, result.data["answer"].values[top.values.ravel()])) == {
        "mood 299"
    }
    assert VARIABLES["top_class"].dtype == "int8"


def test_the_order_of_answers_does_not_depend_on_the_order_of_classifiers() -> None:
    labels = [("happiness", "calm", "AU12"), ("AU1", "bored", "calm")]
    assert answer_names(labels) == answer_names(labels[::-1])
    assert answer_names(labels)[8:] == ("AU1", "AU12", "bored", "calm")


def test_a_card_shows_what_is_not_examined(tmp_path: Path) -> None:
    classify.write_card(toy(True).card, tmp_path)
    card = classify.read_card(tmp_path)
    assert card.labels == ANSWERS
    assert "calm, happily surprised are not examined" in card_text(card)


def test_evaluation_matches_classes_by_name() -> None:
    """Images of "calm" and "joyful" folders: the first is an answer, the second is left out."""
    images = np.zeros((4, 20, 20, 3), np.uint8)
    columns = {"label": np.array([0, 1, 2, 1], np.int32)}
    dataset = Dataset("moods", ArraySource(images), columns, ("Joy", "Calm", "tired"), ())
    metrics = frameworks.evaluate(toy(False), dataset)
    assert metrics["images"] == 3 and metrics["left_out"] == 1
    with pytest.raises(Exception, match="moods has images of none of happiness"):
        frameworks.evaluate(
            toy(False), Dataset("moods", ArraySource(images), columns, ("tired", "bored", "sad"), ())
        )


@pytest.mark.parametrize("use", [classify.load, lambda fn: AuditConfig(classifiers=(fn,))])
def test_a_function_in_place_of_a_classifier_is_told_what_to_do(use: Any) -> None:
    with pytest.raises(ConfigError, match=r"the function 'six_outputs'.*from_function\(six_outputs, labels="):
        use(six_outputs)
    with pytest.raises(ConfigError, match="got a int for a classifier; give a name"):
        use(3)


def test_classifiers_may_be_given_to_a_run(tmp_path: Path) -> None:
    result = audit.run(
        fake_audit.CONFIG, tmp_path / "a", classifiers=[toy(False)], searcher_factory=fake_audit.build
    )
    assert list(result.data["classifier"].values) == ["six"]
    with pytest.raises(ConfigError, match="the function 'six_outputs'"):
        audit.run(fake_audit.CONFIG, tmp_path / "b", classifiers=[six_outputs])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="got one Classifier, must be a list"):
        audit.run(fake_audit.CONFIG, tmp_path / "b", classifiers=toy(False))  # type: ignore[arg-type]


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(on_host: bool, value: float) -> None:
    classifier = toy(on_host, lambda images: six_outputs(images).at[1, 2].set(value))
    with pytest.raises(
        FunctionError, match=r"'six' answered 1 of 3 images \(the first: 1\) with NaN or infinity"
    ):
        classifier.logits(IMAGES)
    with pytest.raises(FunctionError, match="NaN or infinity"):
        classifier(IMAGES)
    assert not np.isfinite(classifier.logits(IMAGES, allow_nan=True)).all()


def test_a_class_that_is_ruled_out_is_an_answer() -> None:
    classifier = toy(False, lambda images: six_outputs(images).at[:, 1].set(-np.inf))
    assert (classifier.probabilities(IMAGES)[:, 1] == 0).all()
