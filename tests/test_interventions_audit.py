"""Audits of every intervention: a planted classifier is recovered, and one that looks elsewhere is null."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface import audit, classify
from jaxface.audit import AuditConfig
from jaxface.audit.inputs import build_intervention, load_inputs
from jaxface.core.config import dump_toml, from_dict, load_toml, to_dict
from jaxface.core.errors import ConfigError
from jaxface.interventions import REGISTRY
from tests import fake_audit
from tests.heads import toy_head
from tests.planted import FEATURES, OTHER, RENDER, SETTINGS, corner_noise, named_head


def classifiers(name: str) -> tuple[classify.Classifier, classify.Classifier]:
    """One that answers by what the intervention changes, one by what it does not."""
    planted = FEATURES[name].measure
    other = OTHER.get(name, corner_noise)

    def reading(measure):
        def logits(images: jax.Array) -> jax.Array:
            values = jax.vmap(measure)(images)
            return jnp.stack([values, jnp.zeros_like(values)], axis=-1)

        return logits

    return tuple(
        classify.from_function(reading(measure), ("happy", "neutral"), name=title)
        for title, measure in (("planted", planted), ("other", other))
    )


def config(name: str, **settings: float) -> AuditConfig:
    return dataclasses.replace(
        fake_audit.CONFIG,
        head=named_head(),
        render=RENDER,
        identities=2,
        expressions=("happiness",),
        intervention=name,
        intervention_settings={**SETTINGS.get(name, {}), **settings},
        symmetry_steps=3,
        time_steps=2,
    )


@functools.cache
def run(name: str, folder: Path) -> audit.AuditResult:
    steps = {} if name == "symmetry" else {"steps": 3}
    setup = dataclasses.replace(config(name, **steps), classifiers=classifiers(name))
    return audit.run(setup, folder / name, searcher_factory=fake_audit.build)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


SAMPLE = ("palsy", "skin_tone", "yaw", "blur")
"""One of each family; `python -m benchmarks.planted_interventions` runs all."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_an_audit_recovers_what_was_planted_and_nothing_else(name: str, folder: Path) -> None:
    result, feature = run(name, folder), FEATURES[name]
    dose = result.intervention.axes[0]
    logits = result.data["logit"].transpose("classifier", ..., dose.name).values.astype(np.float64)
    planted, other = logits[0, 0, :, -1], logits[1, 0, :, -1]  # of people and doses, at the full expression
    assert planted.shape == (2, len(dose.levels))
    steps = np.diff(planted, axis=-1)
    assert (feature.sense * steps > 0).all(), planted
    if feature.law is not None:
        law = np.asarray(feature.law(jnp.asarray(dose.values)), np.float64)
        slopes = (planted[:, -1] - planted[:, 0]) / (law[-1] - law[0])
        line = planted[:, :1] + slopes[:, None] * (law - law[0])
        assert np.abs(line - planted).max() < 2 * feature.share * np.ptp(planted)
    assert np.abs(other - other[:, :1]).max() < 0.01 * max(1.0, np.abs(other).max())
    scores = result.scores.sel(classifier="planted").values
    assert (feature.sense * scores > 0).all()  # of probabilities, at every person
    assert np.abs(result.scores.sel(classifier="other").values).max() < 0.003


def test_noise_and_exposure_are_recovered_in_their_own_units(folder: Path) -> None:
    """The logit of the planted classifier is the standard deviation of the noise, and the stops, themselves."""
    for name, tolerance in (("noise", 0.15), ("brightness", 0.01)):
        result = run(name, folder)
        dose = result.intervention.axes[0]
        logits = result.data["logit"].transpose("classifier", ..., dose.name).values[0, 0, :, -1]
        change = logits[:, -1] - logits[:, 0]
        np.testing.assert_allclose(change, dose.levels[-1] - dose.levels[0], rtol=tolerance)


def test_null_is_null_for_every_planted_classifier(folder: Path) -> None:
    """Of those that answer by brightness, colour and place: one percent of what they see elsewhere."""
    names = ("brightness", "grey", "roll", "light")

    def logits(images: jax.Array) -> jax.Array:
        values = [jax.vmap(FEATURES[name].measure)(images) for name in names]
        return jnp.stack([values[0] + values[1] + values[3], jnp.zeros_like(values[0])], axis=-1)

    model = classify.from_function(logits, ("happy", "neutral"), name="several")
    setup = dataclasses.replace(config("null", steps=3), classifiers=(model,))
    result = audit.run(setup, folder / "null", searcher_factory=fake_audit.build)
    values = result.data["logit"].values.astype(np.float64)
    assert np.ptp(values, axis=3).max() < 0.03 and result.intervention.name == "null"


@pytest.mark.slow
def test_a_report_is_written_for_an_intervention_that_moves_no_vertex(folder: Path) -> None:
    result = run("skin_tone", folder)
    page = jf.report.write(result, saliency="none").read_text()
    assert "skin tone" in page and "typology angle is 10 degrees (-1)" in page


def test_settings_are_a_table_of_the_file_and_pairs_of_a_flag(tmp_path: Path) -> None:
    text = 'intervention = "yaw"\ntime_steps = 7\n[intervention_settings]\nlargest = 20\nsteps = 5\n'
    (tmp_path / "run.toml").write_text(text)
    setup = load_toml(AuditConfig, tmp_path / "run.toml")
    dose, time = build_intervention(setup).axes
    np.testing.assert_allclose(dose.levels, [-20, -10, 0, 10, 20])
    assert len(time.levels) == 7
    assert from_dict(AuditConfig, to_dict(setup)) == setup and "largest = 20" in dump_toml(setup)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_intervention_is_named_by_a_config(name: str) -> None:
    intervention = build_intervention(AuditConfig(intervention=name, time_steps=5, side="right"))
    assert intervention.name == name and len(intervention.axes[1].levels) == 5
    assert intervention.description().get("side", "right") == "right"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intervention": "yaww"}, "did you mean 'yaw'"),
        ({"intervention": "yaw", "intervention_settings": {"larges": 3}}, "yaw.larges, did you mean 'largest'"),
        ({"intervention": "yaw", "intervention_settings": {"largest": 90}}, r"yaw.largest = 90.0: must be in"),
        ({"intervention": REGISTRY["yaw"](), "intervention_settings": {"largest": 9}}, "build it with them"),
    ],
)
def test_settings_that_an_intervention_does_not_have_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_intervention(AuditConfig(**options))


def test_a_head_that_lacks_what_is_changed_is_refused_before_any_work() -> None:
    setup = dataclasses.replace(config("age"), head=toy_head())
    with pytest.raises(ConfigError, match="intervention age: head 'toy' has no identity direction 'age'"):
        load_inputs(setup)
