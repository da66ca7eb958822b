"""Rows of Table 3, settings of Table 1, mixed inputs, and what a study reports."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from jaxface import data
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, DataError
from jaxface.core.sharding import mesh_for
from jaxface.frameworks.causal_affect import CausalAffectConfig, inputs, rows, train, variant
from jaxface.frameworks.causal_affect.config import (
    BottleneckConfig,
    CounterfactualConfig,
    GraphConfig,
    PartsConfig,
    SmallConfig,
)
from jaxface.frameworks.causal_affect.inputs import MixedConfig
from jaxface.frameworks.causal_affect.networks import GraphOutputs, Outputs
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import evaluate_dataset, metric_names
from jaxface.frameworks.common.framework import Programs
from jaxface.frameworks.common.init_weights import replace_subtree, subtree
from studies.causal_affect import halves
from studies.seeds import aggregate_seeds

PAPER = (
    "backbone", "dis", "gc", "gc dis", "gc cf", "gc dis cf", "sac", "sac dis", "sac cf", "sac dis cf", "gc sac",
    "gc sac dis", "gc sac cf", "gc sac dis cf", "gc sac dis cf",
)  # fmt: skip
"""Table 3, left column."""


def test_rows_have_the_parts_of_the_papers_table() -> None:
    parts = {"dis": "disentangle", "gc": "global_graph", "sac": "sample_graph", "cf": "counterfactual"}
    for row, words in zip(rows(), PAPER, strict=True):
        there = {name for short, name in parts.items() if short in words.split()}
        assert {name for name in parts.values() if getattr(row.parts, name)} == there, row.name
        assert row.parts.acyclic == (row.number != 14)
    base = CausalAffectConfig(encoder="small", width=8)
    assert variant(base, 15) == base and variant(base, "gc-dis") == variant(base, 4) != base
    with pytest.raises(ConfigError, match="did you mean 'backbone'"):
        variant(base, "backbon")
    with pytest.raises(ConfigError, match="no row 16"):
        variant(base, 16)


def test_settings_of_table_1() -> None:
    assert inputs.setting("bp4d+rafdb") == ("bp4d", "rafdb")
    assert inputs.setting("all") == ("bp4d", "disfa", "gft", "emotionet", "rafdb", "affectnet")
    assert {name for name, each in inputs.published().items() if each.learn == "label"} == {
        "rafdb",
        "affectnet",
    }
    with pytest.raises(ConfigError, match="did you mean 'disfa'"):
        inputs.setting("bp4d+disf")
    with pytest.raises(ConfigError, match="twice"):
        inputs.setting("gft+gft")
    with pytest.raises(DataError, match="BP4D"):
        inputs.open_mixture(MixedConfig(setting="bp4d", root=Path("nowhere")), 64, 224, 0)


def folder(path: Path, count: int, units: tuple[int, ...]) -> Path:
    """As `data.rendered.render_dataset` writes it."""
    path.mkdir()
    draw = np.random.default_rng(count)
    np.save(path / "images.npy", draw.integers(0, 255, (count, 64, 64, 3), dtype=np.uint8))
    states = draw.integers(0, 2, (count, len(units))).astype(np.float32)
    who = np.arange(count, dtype=np.int32) // 2
    label = draw.integers(0, 2, count).astype(np.int32)
    np.savez(path / "columns.npz", units=states, units_known=states >= 0, identity=who, label=label)
    about = {"name": path.name, "seed": 0, "labels": ["anger", "happiness"], "units": units}
    (path / "about.json").write_text(json.dumps(about))
    return path


def test_several_data_sets_are_one_input(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", 20, (4, 12)), folder(tmp_path / "other", 40, (1, 12))
    config = MixedConfig(sets=(f"rendered:{one}=units", f"rendered:{other}"), held_out=0.25, weights=(1.0, 3.0))
    mixture = inputs.open_mixture(config, 10, 64, 0)
    assert mixture.task == Task(labels=("anger", "happiness"), units=(1, 4, 12), size=64)
    assert mixture.name == "one + other" and mixture.examples == 46  # a quarter of the people, rounded
    batch = next(mixture.stream)
    mask = np.array([[False, True, True]] * 3 + [[True, False, True]] * 7)
    np.testing.assert_array_equal(batch["units_known"], mask)
    np.testing.assert_array_equal(batch["label"] >= 0, ~mask[:, 1])
    validation = mixture.validation
    assert validation is not None and len(validation) == 14 and (validation.columns["label"] >= 0).sum() == 10
    for wrong, message in (
        ({"sets": ()}, "is empty"),
        ({"weights": (1.0,)}, "1 numbers for 2"),
        ({"sets": (f"rendered:{one}=age",)}, "learn = 'age': must be units, label or both"),
    ):
        with pytest.raises((ConfigError, DataError), match=message):
            inputs.open_mixture(dataclasses.replace(config, **wrong), 10, 64, 0)  # type: ignore[arg-type]


def test_bundled_configs_are_read() -> None:
    names = {"train-causal-small": ("", "small"), "train-causal": ("all", "convnext-b")}
    home = Path(__file__).parent.parent / "configs"
    kinds = [("model", CausalAffectConfig), ("train", TrainConfig), ("data", MixedConfig), ("seed", int)]
    settings = dataclasses.make_dataclass("Settings", kinds)
    for name, (setting, encoder) in names.items():
        config = load_toml(settings, home / f"{name}.toml")
        assert config.data.setting == setting and config.model.encoder == encoder  # type: ignore[attr-defined]


def test_expressions_and_units_are_measured_where_they_are_known() -> None:
    """A network that is right wherever it is asked, of images that tell their answers."""
    states = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    images = np.zeros((5, 4, 4, 3), np.uint8)
    images[:3, 0, 0, :2] = states
    images[3:, 0, 0, 2] = [1, 0]
    one = data.Dataset("units", data.ArraySource(images[:3]), {"units": states}, units=(4, 12))
    label = np.array([1, 0], np.int32)
    other = data.Dataset("faces", data.ArraySource(images[3:]), {"label": label}, labels=("anger", "happiness"))
    both = data.concat([one, other])

    def classes(_: object, images: jax.Array) -> np.ndarray:
        return np.eye(2)[np.asarray(images)[:, 0, 0, 2]]

    def units(_: object, images: jax.Array) -> np.ndarray:
        return 2.0 * np.asarray(images)[:, 0, 0, :2] - 1.0

    task = Task(both.labels, both.units, 4)

    fns = Programs(*4 * (None,), classes, units)

    def ask(dataset: data.Dataset) -> dict[str, float]:
        return evaluate_dataset(fns, None, dataset, task, "labels", 4, mesh_for(4))

    result = ask(both)
    assert tuple(name for name in metric_names(task, "labels", True) if name in result) == tuple(result)
    assert result["accuracy"] == 1.0 and result["units_f1"] == result["units_f1_au12"] == 1.0
    assert "accuracy" not in ask(data.concat([one], both.labels, both.units))
    assert "units_f1" not in ask(data.concat([other], both.labels, both.units))


def test_a_convnext_begins_with_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes alone, without numbers: what is handed over, and where it comes back to."""
    config = CausalAffectConfig(start="convnext_base.safetensors")
    task = Task(("anger", "happiness"), (4, 12), 224)
    state = nnx.state(nnx.eval_shape(lambda: train.FRAMEWORK.build(config, task, nnx.Rngs(0))))

    def begin(
        state: nnx.State, prefix: tuple[str, ...], net: nnx.Module, architecture: str, start: str
    ) -> nnx.State:
        assert (architecture, start) == ("convnext-b", config.start)
        inside = subtree(state, prefix)
        assert jax.tree.structure(inside) == jax.tree.structure(nnx.state(net))
        half = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, "float16"), inside)
        return replace_subtree(state, prefix, half)

    monkeypatch.setattr(train, "load_initial_weights", begin)
    for path, leaf in nnx.to_flat_state(train.FRAMEWORK.initialize(config, task, state)):
        assert (leaf.get_raw_value().dtype == "float16") == (path[:2] == ("encoder", "net")), path
    assert train.FRAMEWORK.initialize(dataclasses.replace(config, start=None), task, state) is state


def test_what_a_study_reports() -> None:
    """Three heads of two units, of which the features' are right and the graphs' wrong."""
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 1]], np.float32)
    right = 4.0 * truth - 2.0
    levels = GraphOutputs(np.zeros((4, 2, 2, 2)), np.zeros((4, 2, 2, 3)), np.stack([-right, -0.5 * right], 1))
    label = np.array([0, 1, 1, 0])
    outputs = Outputs(np.zeros((4, 5)), np.zeros((4, 2, 3)), 2.0 * right, levels, None, 3.0 * np.eye(2)[label])
    units, expressions = halves.split_heads(CausalAffectConfig(encoder="small"), outputs)  # type: ignore[arg-type]
    run = halves.HalvesRun(units, expressions, {}, {}, 1.0)
    task = Task(labels=("anger", "happiness"), units=(4, 12))
    columns = {"units": truth, "units_known": truth >= 0, "label": label}
    row = halves.metrics_row(run, task, columns)
    assert row["units_f1_features"] == 1.0 and row["units_f1_sample"] < 0.5
    assert row["units_f1_answer"] == 1.0 and row["accuracy_answer"] == 1.0  # the surest decides the mean
    means = aggregate_seeds([row, row | {"accuracy_answer": 0.5}])
    assert means["accuracy_answer"] == 0.75 and means["accuracy_answer_sd"] == pytest.approx(0.5**1.5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PartsConfig(global_graph=False, sample_graph=False), "needs a graph"),
        (lambda: GraphConfig(start=0.0), r"model.graph.start = 0.0: must be more than 0"),
        (lambda: GraphConfig(layers=0), "layers = 0"),
        (lambda: BottleneckConfig(alignment=-1.0), "alignment = -1.0"),
        (lambda: CounterfactualConfig(threshold=1.0), r"model.counterfactual.threshold = 1.0: must be in"),
        (lambda: SmallConfig(channels=()), "model.small.channels"),
        (lambda: CausalAffectConfig(encoder="small", start="x.pth"), "no published weights"),
        (lambda: MixedConfig(held_out=1.0), "held_out"),
    ],
)
def test_what_does_not_go_together_is_refused(build: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()  # type: ignore[operator]
