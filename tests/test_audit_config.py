import dataclasses

import jax
import numpy as np
import pytest

from jaxface.audit import AuditConfig, Intervention, plan
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
        ({"identities": 0}, "identities = 0 wants to be at least 1"),
        ({"symmetry_steps": 1}, "a change needs two"),
        ({"time_steps": 1}, "neutral and the full expression"),
        ({"permutations": 0}, "permutations = 0"),
        ({"alpha": 1.0}, "between 0 and 1"),
        ({"seed": -1}, "seed = -1"),
        ({"side": "lfet"}, "did you mean 'left'"),
        ({"estimate": "papers"}, "did you mean 'paper'"),
        ({"scheme": "per_time"}, "did you mean 'per-time'"),
        ({"expressions": ("happines",)}, "did you mean 'happiness'"),
        ({"expressions": ("happy", "joy")}, "names one twice"),
        ({"expressions": ()}, "is empty"),
        ({"expressions": "happy"}, "wants several, got one string"),
        ({"classifiers": ("face-api", "face-api")}, "holds 'face-api' twice"),
    ],
)
def test_config_refuses(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AuditConfig(**options)


def test_grids_are_equidistant_and_end_at_whole() -> None:
    intervention = Intervention("left", 10, 90)
    assert intervention.symmetry.shape == (10,) and intervention.time.shape == (90,)
    assert intervention.symmetry[0] == 0 and intervention.symmetry[-1] == 1 == intervention.time[-1]
    np.testing.assert_allclose(np.diff(intervention.time), 1 / 89, rtol=1e-5)


def test_groups_hold_what_the_classifier_knows() -> None:
    config = AuditConfig(identities=2, expressions=("anger", "fear", "contempt"))
    groups = plan.groups(config, [("fear", "contempt", "neutral"), ("anger",)])
    assert groups == ((0, 0, (1, 2)), (0, 1, (1, 2)), (1, 0, (0,)), (1, 1, (0,)))


def test_people_are_those_of_sample_population() -> None:
    from jaxface.face import sample_population
    from jaxface.face.population import sample_person

    head = toy_head()
    people = sample_population(plan.population_root(7), head, 3)
    third, _ = sample_person(plan.population_key(7, 2), head)
    np.testing.assert_allclose(people.identity[2], third.identity, rtol=1e-6)


def test_search_keys_are_all_different() -> None:
    keys = [plan.search_key(seed, name, i) for seed in (0, 1) for name in ("a", "b") for i in range(3)]
    assert len({tuple(np.asarray(jax.random.key_data(key))) for key in keys}) == len(keys)


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AuditConfig().seed = 1  # type: ignore[misc]
