import dataclasses

import jax
import numpy as np
import pytest

from jaxface.audit import AuditConfig, plan
from jaxface.audit.inputs import build_intervention
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import ConfigError
from tests.heads import toy_head


def test_config_survives_a_file(tmp_path) -> None:
    config = AuditConfig(classifiers=("face-api",), expressions=("happy", "sad"), texture="a.png", identities=3)
    assert config.expressions == ("happiness", "sadness")
    path = tmp_path / "run.toml"
    path.write_text(dump_toml(config))
    assert load_toml(AuditConfig, path) == config


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"identities": 0}, "identities = 0: must be at least 1"),
        ({"symmetry_steps": 1}, "symmetry_steps = 1: must be at least 2"),
        ({"time_steps": 1}, "time_steps = 1: must be at least 2"),
        ({"permutations": 0}, "permutations = 0"),
        ({"alpha": 1.0}, r"alpha = 1.0: must be in \(0, 1\)"),
        ({"seed": -1}, "seed = -1"),
        ({"people_rows": (1,)}, r"people_rows = \(1,\): must be \(\) without people"),
        ({"people": "p.npz", "people_rows": (1, 1)}, "different rows: nobody counts twice"),
        ({"people": "p.npz", "people_rows": (-1,)}, "must be at least 0"),
        ({"side": "lfet"}, "did you mean 'left'"),
        ({"p_estimate": "papers"}, "did you mean 'paper'"),
        ({"scheme": "per_time"}, "did you mean 'per-time'"),
        ({"expressions": ("happines",)}, "did you mean 'happiness'"),
        ({"expressions": ("happy", "joy")}, "names one twice"),
        ({"expressions": ()}, "must name at least one"),
        ({"expressions": "happy"}, "must be a list"),
        ({"classifiers": ("face-api", "face-api")}, "holds 'face-api' twice"),
    ],
)
def test_config_refuses(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AuditConfig(**options)


def test_grids_are_equidistant_and_end_at_whole() -> None:
    symmetry, time = build_intervention(AuditConfig(symmetry_steps=10, time_steps=90)).axes
    assert symmetry.values.shape == (10,) and time.values.shape == (90,)
    assert symmetry.values[0] == 0 and symmetry.values[-1] == 1 == time.values[-1]
    np.testing.assert_allclose(np.diff(time.values), 1 / 89, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intervention": "symetry"}, "did you mean 'symmetry'"),
        ({"estimator": "gradient-2", "symmetry_steps": 2}, "'gradient-2' needs at least 3 levels, got 2"),
    ],
)
def test_an_intervention_that_cannot_be_audited_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_intervention(AuditConfig(**options))


def test_items_hold_what_the_classifier_knows() -> None:
    config = AuditConfig(identities=2, expressions=("anger", "fear", "contempt"))
    items = plan.work_items(config, {"a": ("fear", "contempt", "neutral"), "b": ("anger",), "c": ("neutral",)})
    both = "fear", "contempt"
    assert items == (("a", 0, both), ("a", 1, both), ("b", 0, ("anger",)), ("b", 1, ("anger",)))


def test_people_are_those_of_sample_population() -> None:
    from jaxface.face import sample_population
    from jaxface.face.population import sample_person

    head = toy_head()
    people = sample_population(plan.population_root(7), head, 3)
    third, _ = sample_person(plan.population_key(7, 2), head)
    np.testing.assert_allclose(people.identity[2], third.identity, rtol=1e-6)


def test_search_keys_are_all_different() -> None:
    cells = [(identity, position) for identity in range(3) for position in range(2)]
    keys = [plan.search_keys(seed, name, cells) for seed in (0, 1) for name in ("a", "b")]
    numbers = np.concatenate([jax.random.key_data(some) for some in keys])
    assert len(np.unique(numbers, axis=0)) == len(numbers) == 24


def test_a_search_key_belongs_to_its_cell_alone() -> None:
    alone, among = plan.search_keys(3, "a", [(5, 1)]), plan.search_keys(3, "a", [(4, 0), (5, 1), (9, 9)])
    np.testing.assert_array_equal(jax.random.key_data(alone)[0], jax.random.key_data(among)[1])


def test_work_is_partitioned_by_people_and_cut_into_blocks_of_one_classifier() -> None:
    items = [plan.WorkItem(classifier, identity, ("fear",)) for classifier in "ab" for identity in range(5)]
    parts = [plan.partition(items, process, 2) for process in (0, 1)]
    assert sorted(parts[0] + parts[1]) == items
    assert {item.identity for item in parts[1]} == {1, 3}
    blocks = list(plan.blocks(items, 3))
    assert [item for block in blocks for item in block] == items
    assert [len(block) for block in blocks] == [3, 2, 3, 2]
    assert all(len({item.classifier for item in block}) == 1 for block in blocks)


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AuditConfig().seed = 1  # type: ignore[misc]
