"""What every framework in the registry keeps to."""

import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from jaxface import audit, classify, frameworks
from jaxface.core.errors import LabelError
from jaxface.core.sharding import mesh_for, replicate, shard_batch
from jaxface.frameworks.common.framework import Framework, TrainState, programs
from jaxface.frameworks.common.loop import TrainResult, fit
from jaxface.frameworks.common.run_folder import read_log
from jaxface.frameworks.common.training import export, export_obstacle
from tests import fake_audit
from tests.framework_fixtures import FIXTURES, Fixture

REPOSITORY = Path(__file__).parent.parent
STEPS = 4

EIGHT = """
import pickle, sys
import jax
from tests.test_frameworks_contract import case, few_steps
jax.config.update("jax_numpy_rank_promotion", "raise")
assert jax.local_device_count() == 8
with open(sys.argv[2], "wb") as file:
    one, devices = case(sys.argv[1]), jax.local_devices()
    pickle.dump((few_steps(one, devices[:1], 1), few_steps(one, devices, 1)), file)
"""


class Case(NamedTuple):
    framework: Framework
    fixture: Fixture


class Turning:
    """A stream that draws its batches from one; the place is a counter."""

    def __init__(self, batch: Any, end: int | None = None) -> None:
        self.batch, self.next, self.end = batch, 0, end

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        if self.next == self.end:
            raise ConnectionError("killed")
        size = len(next(iter(self.batch.values())))
        rows = np.random.default_rng(self.next).integers(0, size, size)
        self.next += 1
        return {name: np.asarray(column)[rows] for name, column in self.batch.items()}

    def get_state(self) -> dict[str, Any]:
        return {"next": self.next}

    def set_state(self, state: dict[str, Any]) -> None:
        self.next = state["next"]


def case(name: str) -> Case:
    framework = frameworks.load(name)
    fixture = FIXTURES[name](jax.random.key(0))
    train = dataclasses.replace(
        fixture.train, steps=STEPS, checkpoint_every=2, evaluate_every=STEPS, log_every=1
    )
    return Case(framework, fixture._replace(train=train))


@pytest.fixture(scope="module", params=sorted(frameworks.REGISTRY))
def one(request: pytest.FixtureRequest) -> Case:
    return case(request.param)


def few_steps(one: Case, devices: list[jax.Device], steps: int) -> dict[str, Any]:
    """Steps on one batch: the state's arrays before and after the first, and what every step told."""
    framework, fixture = one
    run = programs(framework, fixture.config, fixture.task, fixture.train)
    mesh = mesh_for(fixture.train.batch // fixture.train.accumulate, devices)
    root = replicate(jax.random.key(0), mesh)
    batch = shard_batch({name: np.asarray(column) for name, column in fixture.batch.items()}, mesh)

    def follow(state: TrainState, steps: int) -> tuple[list[Any], list[Any]]:
        states, infos = [jax.device_get(state)], []
        for _ in range(steps):
            state, info = run.update(state, batch, root)
            states.append(jax.device_get(state))
            infos.append(jax.device_get(dict(info)))
        return states, infos

    states, infos = follow(replicate(run.init(0), mesh), steps)
    shaken, _ = follow(replicate(shake(run.init(0)), mesh), 1)
    leaves = jax.tree.leaves
    result = {"first": leaves(states[0]), "second": leaves(states[1]), "infos": infos}
    # without the parameters: the first step of an Adam is the sign of the gradient, even where that is zero
    return result | {"rest": leaves(states[1][1:3]), "shaken": leaves(shaken[1][1:3])}


def shake(state: TrainState) -> TrainState:
    """The state with the last bit of its parameters up or down."""
    random = np.random.default_rng(0)

    def moved(leaf: Any) -> Any:
        return leaf * (1 + 2.0**-23 * random.choice([-1, 1], leaf.shape)).astype(np.float32)

    return state._replace(params=jax.tree.map(moved, state.params))


@pytest.fixture(scope="module")
def steps_result(one: Case) -> dict[str, Any]:
    return few_steps(one, jax.local_devices()[:1], 3)


@pytest.fixture(scope="module")
def training(one: Case, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Path]:
    """A whole training on one device, without interruption."""
    folder = tmp_path_factory.mktemp(one.framework.name) / "whole"
    return train(one, folder), folder


def train(one: Case, folder: Path, end: int | None = None) -> TrainResult:
    framework, fixture = one
    stream = Turning(fixture.batch, end)
    device = jax.local_devices()[:1]
    return fit(
        framework, fixture.config, fixture.train, fixture.task, stream, None, folder, seed=0, devices=device
    )


def test_steps_lower_the_loss_and_keep_types(steps_result: dict[str, Any]) -> None:
    losses = [info["loss"] for info in steps_result["infos"]]
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert all(np.shape(value) == () for info in steps_result["infos"] for value in info.values())
    for before, after in zip(steps_result["first"], steps_result["second"], strict=True):
        assert before.dtype == after.dtype and before.shape == after.shape
        assert before.dtype in (np.float32, np.int32)
    assert any((a != b).any() for a, b in zip(steps_result["first"], steps_result["second"], strict=True))


def test_resumed_is_bit_identical_and_nothing_is_traced_twice(
    one: Case, steps_result: dict[str, Any], training: tuple[TrainResult, Path], tmp_path: Path
) -> None:
    with pytest.raises(ConnectionError):
        train(one, tmp_path, end=3)
    assert max(line["step"] for line in read_log(tmp_path)) == 3
    again = train(one, tmp_path)
    whole, folder = training
    assert again.step == whole.step == STEPS
    for ours, theirs in zip(jax.tree.leaves(again.state), jax.tree.leaves(whole.state), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (tmp_path / "log.jsonl").read_bytes() == (folder / "log.jsonl").read_bytes()
    run = programs(one.framework, one.fixture.config, one.fixture.task, one.fixture.train)
    assert run.update._cache_size() == 1  # type: ignore[attr-defined]


def test_one_device_and_eight_give_the_same_numbers(one: Case, tmp_path: Path) -> None:
    """Where a ReLU or a maximum is near its kink, the last bit decides, and the gradient jumps: numbers may
    differ by a few times as much as they do when the last bits of the parameters change. Both are compiled with
    all optimisations, as for users."""
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
    }
    command = [sys.executable, "-c", EIGHT, one.framework.name, str(tmp_path / "eight")]
    process = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    alone, eight = pickle.loads((tmp_path / "eight").read_bytes())
    for name, value in eight["infos"][0].items():
        np.testing.assert_allclose(value, alone["infos"][0][name], rtol=1e-4, err_msg=name)
    for ours, theirs in zip(eight["first"], alone["first"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs, shaken in zip(eight["rest"], alone["rest"], alone["shaken"], strict=True):
        rounding = np.abs(shaken - theirs).max(initial=0) + 1e-6 * np.abs(theirs).max(initial=0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=4 * rounding)


def test_what_was_trained_can_be_audited(one: Case, training: tuple[TrainResult, Path], tmp_path: Path) -> None:
    framework, fixture = one
    whole, folder = training
    if export_obstacle(framework, fixture.task):
        with pytest.raises(LabelError, match="no classifier to export"):
            export(framework, fixture.config, fixture.task, whole.graphdef, whole.state, folder)
        return
    classifier = export(framework, fixture.config, fixture.task, whole.graphdef, whole.state, folder)
    units = tuple(f"AU{number}" for number in fixture.task.units)
    assert classifier.labels == (fixture.task.labels if framework.output == "labels" else units)
    images = np.asarray(fixture.batch["image"], np.float32) / 255
    run = programs(framework, fixture.config, fixture.task, fixture.train)
    inputs = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
    np.testing.assert_allclose(
        classifier.logits(inputs), run.predict(whole.state, fixture.batch["image"]), rtol=1e-4, atol=1e-4
    )
    config = dataclasses.replace(
        fake_audit.CONFIG,
        classifiers=(str(folder),),
        identities=1,
        expressions=classifier.labels[:1],
        symmetry_steps=2,
        time_steps=2,
    )
    result = audit.run(config, tmp_path / "audit", searcher_factory=fake_audit.build)
    assert bool(result.data["done"].all()) and np.isfinite(result.data["probability"]).all()
    assert classify.load(folder).card == classifier.card
