"""Labels, whatever a data set calls them, have one name; errors name the closest."""

import pytest

from jaxface.core import errors
from jaxface.core.errors import JaxfaceError, LabelError, suggestion
from jaxface.core.types import BASE_EXPRESSIONS, EXPRESSIONS, action_unit, expression_name, expression_names


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Happy", "happiness"),
        ("happiness", "happiness"),
        ("joy", "happiness"),
        (" Angry ", "anger"),
        ("FEARFUL", "fear"),
        ("sad", "sadness"),
        ("surprised", "surprise"),
        ("disgusted", "disgust"),
        ("Neutral", "neutral"),
        ("contempt", "contempt"),
    ],
)
def test_synonyms(label: str, name: str) -> None:
    assert expression_name(label) == name
    assert name in EXPRESSIONS


def test_every_name_means_itself() -> None:
    assert expression_names(EXPRESSIONS) == EXPRESSIONS
    assert set(BASE_EXPRESSIONS) == set(EXPRESSIONS) - {"neutral", "contempt"}


def test_an_unknown_label_names_the_closest() -> None:
    with pytest.raises(LabelError, match=r"unknown expression label 'hapiness', did you mean 'happiness'\?"):
        expression_name("hapiness")


def test_two_labels_of_one_expression() -> None:
    with pytest.raises(LabelError, match="twice"):
        expression_names(["happy", "joy"])


def test_suggestion_lists_what_is_known_when_nothing_is_close() -> None:
    assert suggestion("zzz", ["render", "audit"]) == "; known: audit, render"
    assert suggestion("rendr", ["render", "audit"]) == ", did you mean 'render'?"


def test_every_error_is_one_that_the_command_line_knows() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == errors.__name__
    ]
    assert len(classes) > 5
    assert all(issubclass(value, JaxfaceError) for value in classes)


def test_action_units_are_written_one_way() -> None:
    assert expression_names(["au 6", "AU12", "AU_04"]) == ("AU6", "AU12", "AU4")
    assert action_unit("AU0") is None and action_unit("aura") is None and action_unit("AU25") == 25
