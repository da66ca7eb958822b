"""Data sets of different labels as one, and batches mixed of several."""

import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import joining


def pictures(count: int, value: int) -> data.ArraySource:
    return data.ArraySource(
        np.full((count, 2, 2, 3), value, np.uint8) + np.arange(count, dtype=np.uint8)[:, None, None, None]
    )


@pytest.fixture
def units() -> data.Dataset:
    """Three images with AU 12 and 4, of which one code is unknown."""
    columns = {
        "units": np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        "units_known": np.array([[True, True], [True, False], [True, True]]),
        "identity": np.array([0, 0, 1], np.int32),
        "sex": np.array([0, 1, 1], np.int32),
    }
    return data.Dataset("some units", pictures(3, 0), columns, units=(12, 4))


@pytest.fixture
def others() -> data.Dataset:
    columns = {"units": np.array([[0, 1], [1, 0]], np.float32), "sex": np.array([1, 0], np.int32)}
    return data.Dataset("other units", pictures(2, 50), columns, units=(4, 26))


@pytest.fixture
def faces() -> data.Dataset:
    columns = {"label": np.array([1, 0, 1, 1], np.int32), "sex": np.array([1, 1, 0, 0], np.int32)}
    return data.Dataset("faces", pictures(4, 100), columns, labels=("anger", "happiness"))


def test_units_are_joined_by_number_and_classes_by_name(
    units: data.Dataset, others: data.Dataset, faces: data.Dataset
) -> None:
    joint = data.concat([units, others, faces])
    assert joint.units == (4, 12, 26) and joint.labels == ("anger", "happiness") and len(joint) == 9
    assert joint.name == "some units + other units + faces" and joint.report.read == 9
    np.testing.assert_array_equal(joint.columns["label"], [-1] * 5 + [1, 0, 1, 1])
    known_mask = [[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], *[[0, 0, 0]] * 4]
    np.testing.assert_array_equal(joint.columns["units_known"], np.array(known_mask, bool))
    presence = [[0, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0], *[[0, 0, 0]] * 4]
    np.testing.assert_array_equal(joint.columns["units"] * known_mask, np.array(presence) * known_mask)
    assert set(joint.columns) == {"label", "units", "units_known", "sex"}  # people of two sets share no numbers
    assert [int(joint[i]["image"][0, 0, 0]) for i in (0, 2, 3, 8)] == [0, 2, 50, 103]
    part = joint.take([8, 3])
    assert [int(part[i]["image"][0, 0, 0]) for i in (0, 1)] == [103, 50]
    assert joint.source.name(8) == faces.source.name(3)


def test_another_choice_of_classes_and_units(units: data.Dataset, faces: data.Dataset) -> None:
    joint = data.concat([units, faces], ("happiness",), (26, 12))
    np.testing.assert_array_equal(joint.columns["label"], [-1, -1, -1, 0, -1, 0, 0])
    np.testing.assert_array_equal(joint.columns["units"][:3], [[0, 1], [0, 0], [0, 1]])
    np.testing.assert_array_equal(joint.columns["units_known"][:3], [[False, True]] * 3)
    assert "label" not in data.concat([units]).columns
    nothing = joining.align_columns(joint.columns, ((), ()), (("happiness",), (12,)))
    assert (nothing["label"] == -1).all() and not nothing["units_known"].any()
    with pytest.raises(DataError, match="no data sets to join"):
        data.concat([])


def test_what_is_not_to_be_learnt_is_dropped(units: data.Dataset, faces: data.Dataset) -> None:
    both = data.concat([units, faces])
    assert (
        joining.restrict_labels(both, "units").labels == ()
        and "label" not in joining.restrict_labels(both, "units").columns
    )
    assert (
        joining.restrict_labels(both, "label").units == ()
        and "units" not in joining.restrict_labels(both, "label").columns
    )
    assert joining.restrict_labels(both, "both") is both
    with pytest.raises(DataError, match="no column 'units'"):
        joining.restrict_labels(faces, "units")
    with pytest.raises(DataError, match="learn = 'age'"):
        joining.restrict_labels(faces, "age")


def test_mixtures_keep_their_shares_and_go_on_where_they_were(units: data.Dataset, faces: data.Dataset) -> None:
    def begun() -> data.MixtureStream:
        streams = [data.batches(units, 2, 0), data.batches(faces, 3, 1)]
        vocabularies = [(units.labels, units.units), (faces.labels, faces.units)]
        return data.MixtureStream(streams, vocabularies, (("happiness", "anger"), (4, 12)))

    stream = begun()
    batches = [next(stream) for _ in range(2)]
    place = stream.get_state()
    batches += [next(stream) for _ in range(2)]
    for batch in batches:
        assert set(batch) == {"image", "label", "units", "units_known"}
        assert batch["image"].shape == (5, 2, 2, 3) and (batch["label"] >= 0).sum() == 3
        assert (batch["label"][:2] == -1).all() and not batch["units_known"][2:].any()
        label = np.where(batch["image"][2:, 0, 0, 0] == 101, 1, 0)  # the one that is angry
        np.testing.assert_array_equal(batch["label"][2:], label)
    again = begun()
    again.set_state(place)
    for name, column in next(again).items():
        np.testing.assert_array_equal(column, batches[2][name])


def test_shares_of_a_batch() -> None:
    assert joining.split_batch(64, (1.0, 1.0)) == (32, 32)
    assert joining.split_batch(10, (1.0, 1.0, 1.0)) == (4, 3, 3)
    assert joining.split_batch(9, (1.0, 100.0)) == (1, 8)
    assert sum(joining.split_batch(97, (0.3, 2.0, 5.1))) == 97
    for batch, weights in ((1, (1.0, 1.0)), (8, (1.0, 0.0)), (8, ())):
        with pytest.raises(ConfigError, match="cannot be split"):
            joining.split_batch(batch, weights)
