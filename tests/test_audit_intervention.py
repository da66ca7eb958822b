"""A second intervention and another permutation scheme run an audit that knows nothing of either."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import audit, classify, interventions, render
from jaxface.audit import AuditConfig
from jaxface.audit.inputs import build_intervention, serializable_config
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import ConfigError, StoreError
from jaxface.interventions import Axis, Wording
from jaxface.stats import SCHEMES, symmetry_score
from jaxface.stats.schemes import Scheme
from tests import fake_audit

YAW = Axis("yaw", (0.0, 0.2, 0.4, 0.6), 0.0, "y", ("frontal", "turned"))
TIME = Axis("phase", (0.0, 0.5, 1.0), 1.0, "t", ("neutral", "full expression"))


@dataclasses.dataclass(frozen=True)
class Turn:
    """Turn the head by the dose, radians, while the expression unfolds."""

    name: ClassVar[str] = "turn"
    axes: ClassVar[tuple[Axis, Axis]] = (YAW, TIME)
    probe_levels: ClassVar[tuple[float, ...]] = (0.6, 0.0)
    wording: ClassVar[Wording] = Wording("head turn", "depends on head turn", "frontal", "turned away")

    joint: int = 0

    def require(self, head, scene) -> None:
        pass

    def image(self, head, prepared, params, scene, levels):
        pose = params.pose.at[self.joint, 1].set(levels[0])
        return render.render_expression(head, prepared, levels[1] * params.expression, pose, scene)

    def affine_fields(self, head, params) -> None:
        return None

    def coefficients(self, dose, time):
        raise AssertionError("never called without affine fields")

    def description(self) -> Mapping[str, Any]:
        return {"name": self.name, "joint": self.joint}


CONFIG = dataclasses.replace(fake_audit.CONFIG, intervention=Turn())


def run(config: AuditConfig, folder: Path) -> audit.AuditResult:
    return audit.run(config, folder, searcher_factory=fake_audit.build)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> audit.AuditResult:
    return run(CONFIG, tmp_path_factory.mktemp("turned"))


def test_store_statistics_and_tables_take_the_axes_from_the_intervention(result: audit.AuditResult) -> None:
    assert result.surfaces.dims == ("classifier", "expression", "identity", "yaw", "phase")
    np.testing.assert_array_equal(result.data["yaw"], YAW.values)
    np.testing.assert_array_equal(result.data["probe"], np.float32([0.6, 0.0]))
    np.testing.assert_allclose(result.scores, symmetry_score(result.surfaces.values.astype(np.float64)))
    activations = result.surfaces.isel(yaw=0, phase=-1).mean("identity").values.ravel()
    np.testing.assert_allclose([cell.activation for cell in result.summary.cells], activations, rtol=1e-6)
    np.testing.assert_allclose(
        [row.probability for row in result.summary.cross_predictions], activations, rtol=1e-4
    )
    assert [row.probe for row in result.summary.accuracies[:2]] == [pytest.approx(0.6), 0.0]
    assert result.summary.effects[0].effect.steps == 3
    header = (result.folder / "accuracy.csv").read_text().splitlines()[0]
    assert header == "classifier,expression,yaw,accuracy,low,high"
    text = " ".join(path.read_text() for path in result.folder.glob("*.csv"))
    assert "symmetry" not in text and "symmetry" not in str(result.data)


def test_its_pictures_are_those_of_the_protocol(result: audit.AuditResult) -> None:
    scene = render.scene(CONFIG.render)
    params = result.face_params(1, "happiness")
    picture = interventions.image(Turn(), CONFIG.head, params, scene, 0.4, 1.0)
    expected = fake_audit.CLASSIFIER.probabilities(picture[None])[0, 0]
    # 1e-5: two programs that sum pixels in another order, times the classifier's weights of up to 9
    np.testing.assert_allclose(result.surfaces[0, 0, 1, 2, 2], expected, atol=1e-5)


def test_a_run_is_read_without_the_intervention(result: audit.AuditResult) -> None:
    """Its name in the run's file is not in the registry, and need not be."""
    again = audit.load(result.folder)
    assert again.config.intervention == "turn" and again.inputs is None
    assert again.intervention.axes == Turn.axes and again.intervention.wording == Turn.wording
    assert again.intervention.settings == {"name": "turn", "joint": 0}
    np.testing.assert_equal(again.summary.to_json(), result.summary.to_json())
    assert result.inputs is not None and result.inputs.intervention is CONFIG.intervention
    with pytest.raises(ConfigError, match="intervention = 'turn'"):
        build_intervention(again.config)


def test_other_settings_of_the_same_intervention_are_refused(result: audit.AuditResult) -> None:
    other = dataclasses.replace(CONFIG, intervention=Turn(joint=1))
    with pytest.raises(
        StoreError, match=r"another intervention: intervention\.settings\.joint was 0, is now 1"
    ):
        run(other, result.folder)


def test_a_registered_intervention_runs_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(interventions.REGISTRY, "turn", Turn)
    (tmp_path / "run.toml").write_text(dump_toml(serializable_config(CONFIG)))
    config = load_toml(AuditConfig, tmp_path / "run.toml")
    assert config.intervention == "turn" and build_intervention(config) == Turn()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": (dataclasses.replace(YAW, name="identity"), TIME)}, "a name that is not one of"),
        ({"axes": (dataclasses.replace(YAW, name="phase"), TIME)}, "two different names"),
        ({"axes": (dataclasses.replace(YAW, levels=(0.0,)), TIME)}, "levels of yaw = .*: must be at least two"),
        ({"axes": (dataclasses.replace(YAW, levels=(0.0, 0.0)), TIME)}, "must be increasing"),
        ({"axes": (dataclasses.replace(YAW, levels=(0.1, 0.2)), TIME)}, "with the unchanged level, 0.0"),
        ({"probe_levels": (0.6,)}, "probe_levels = .*with the unchanged level"),
    ],
)
def test_an_intervention_that_cannot_be_stored_is_refused(changes: dict[str, Any], message: str) -> None:
    broken = type("Broken", (Turn,), changes)()
    with pytest.raises(ConfigError, match=message):
        build_intervention(dataclasses.replace(CONFIG, intervention=broken))


def test_another_scheme_is_tested_stored_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two rows that count, exchanged as whole curves: 12 ways of dealing out 1 and -1 over 4 doses."""
    scheme = Scheme(
        whole_curve=True,
        description="Whole curves are exchanged, and the ends are compared.",
        methods_text="whole curves were exchanged, and their ends compared",
        estimator="endpoints",
    )
    monkeypatch.setitem(SCHEMES, "ends", scheme)

    def darker(images):
        return jnp.stack([4 * images.mean((1, 2, 3)), jnp.zeros(len(images))], axis=-1)

    classifier = classify.from_function(darker, ("happy", "neutral"), name="darker")
    config = dataclasses.replace(CONFIG, classifiers=(classifier,), expressions=("happiness",), scheme="ends")
    result = run(config, tmp_path)
    assert list(result.data["scheme"].values) == [*SCHEMES] and "ends" in SCHEMES
    np.testing.assert_array_equal(result.p_values, result.data["scheme_p_value"].sel(scheme="ends"))
    np.testing.assert_allclose(result.p_values * 12, np.round(result.p_values * 12), atol=1e-9)
    row = result.summary.schemes_of("darker", "happiness")[-1]
    assert row.scheme == "ends" and row.median_p == pytest.approx(float(result.p_values.median()))
    assert ",ends," in (tmp_path / "schemes.csv").read_text()
