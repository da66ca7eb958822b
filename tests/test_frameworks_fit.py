"""The loop, on a framework that compiles in a second."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import ConfigError, StoreError, TrainingError
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import TrainState, programs
from jaxface.frameworks.common.loop import TrainResult, fit
from jaxface.frameworks.common.run_folder import read_log
from jaxface.frameworks.common.training import restore
from tests.holding import held_by_another
from tests.toy_framework import PLAIN, TASK, TOY, TOY_CONFIG, TRAIN, ToyConfig, examples


@pytest.fixture(scope="module")
def dataset() -> data.Dataset:
    return examples(40)


def train(
    folder: Path, dataset: data.Dataset, config: ToyConfig = TOY_CONFIG, wrap: Any = iter, **changes: Any
) -> TrainResult:
    settings = dataclasses.replace(TRAIN, **changes)
    stream = wrap(data.batches(dataset, settings.batch, seed=1))
    return fit(TOY, config, settings, TASK, stream, examples(20, seed=1), folder, seed=3)


def same(one: TrainResult, other: TrainResult) -> None:
    for ours, theirs in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.metrics == other.metrics and one.step == other.step


class Meddled:
    """A stream to which something happens before batch `when`."""

    def __init__(self, stream: data.Stream, when: int, event: Callable[[dict[str, Any]], None]) -> None:
        self.stream, self.left, self.event = stream, when, event
        self.get_state, self.set_state = stream.get_state, stream.set_state

    def __iter__(self) -> "Meddled":
        return self

    def __next__(self) -> dict[str, Any]:
        batch = dict(next(self.stream))
        self.left -= 1
        if self.left == 0:
            self.event(batch)
        return batch


def meddled(when: int, event: Callable[[dict[str, Any]], None]) -> Any:
    return lambda stream: Meddled(stream, when, event)


def test_it_learns_and_tells(tmp_path: Path, dataset: data.Dataset) -> None:
    result = train(tmp_path, dataset, steps=60, evaluate_every=20)
    assert result.steps == 60 and result.metrics["accuracy"] > 0.6
    log = read_log(tmp_path)
    looks = [line for line in log if "validation_accuracy" in line]
    assert [line["step"] for line in looks] == [20, 40, 60]
    best = max(looks, key=lambda line: line["validation_accuracy"])
    assert result.step == best["step"] and result.metrics["accuracy"] == best["validation_accuracy"]
    losses = [line["loss"] for line in log if "loss" in line]
    assert len(losses) == 60 and np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert {"run.toml", "environment.json", "log.jsonl", "checkpoints", "best"} <= set(os.listdir(tmp_path))


@pytest.mark.parametrize("when", [1, 4, 5])
def test_killed_and_resumed_ends_with_the_same_bits(tmp_path: Path, dataset: data.Dataset, when: int) -> None:
    """Before the first checkpoint, right after one, and between two; shuffled input, dropout, statistics,
    average."""

    def die(batch: dict[str, Any]) -> None:
        raise SystemError("killed")

    whole = train(tmp_path / "whole", dataset, ema=0.9)
    with pytest.raises(SystemError):
        train(tmp_path / "killed", dataset, wrap=meddled(when, die), ema=0.9)
    same(whole, train(tmp_path / "killed", dataset, ema=0.9))
    assert (tmp_path / "whole/log.jsonl").read_bytes() == (tmp_path / "killed/log.jsonl").read_bytes()
    same(whole, train(tmp_path / "killed", dataset, ema=0.9))  # it was complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_a_checkpoint_and_goes_on(
    tmp_path: Path, dataset: data.Dataset, number: signal.Signals
) -> None:
    whole = train(tmp_path / "whole", dataset)
    usual = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    stop = meddled(5, lambda batch: os.kill(os.getpid(), number))
    with pytest.raises(KeyboardInterrupt, match=r"stopped after 5 of 8 steps; the same command goes on"):
        train(tmp_path / "stopped", dataset, wrap=stop)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == usual
    assert (tmp_path / "stopped/checkpoints/5").is_dir()
    same(whole, train(tmp_path / "stopped", dataset))


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, dataset: data.Dataset
) -> None:
    def spoil(batch: dict[str, Any]) -> None:
        batch["image"] = np.full(batch["image"].shape, np.nan, np.float32)

    with pytest.raises(TrainingError, match=r"loss is nan at step 5; the checkpoint of step 4 is kept"):
        train(tmp_path, dataset, wrap=meddled(5, spoil))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["3", "4"]
    assert train(tmp_path, dataset).steps == 8


def test_patience_ends_training_and_the_best_is_kept(tmp_path: Path, dataset: data.Dataset) -> None:
    still = OptimizerConfig(name="sgd", learning_rate=1e-12, weight_decay=0.0)
    result = train(
        tmp_path, dataset, PLAIN, steps=50, evaluate_every=2, patience=3, monitor="loss", optimizer=still
    )
    assert result.steps == 2 * (1 + 3) and result.step == 2


def test_another_config_is_refused_in_one_line(tmp_path: Path, dataset: data.Dataset) -> None:
    train(tmp_path, dataset)
    with pytest.raises(
        StoreError, match=r"another training \(train.batch was 16, is now 8\); name another"
    ) as e:
        train(tmp_path, dataset, batch=8)
    assert "\n" not in str(e.value)


def test_a_damaged_checkpoint_is_told(tmp_path: Path, dataset: data.Dataset) -> None:
    train(tmp_path, dataset)
    for path in (tmp_path / "checkpoints/8/state").rglob("*"):
        if path.is_file():
            path.write_bytes(b"?")
    with pytest.raises(TrainingError, match="has changed"):
        train(tmp_path, dataset)
    (tmp_path / "sums.json").unlink()  # as where a training was killed
    with pytest.raises(TrainingError, match=r"checkpoint of step 8 in .* cannot be read"):
        train(tmp_path, dataset)


def test_a_damaged_description_of_a_checkpoint_is_told(tmp_path: Path, dataset: data.Dataset) -> None:
    train(tmp_path, dataset)
    (tmp_path / "checkpoints/6/_CHECKPOINT_METADATA").write_text("[1]")
    (tmp_path / "sums.json").unlink()
    with pytest.raises(TrainingError, match=r"checkpoints in .* cannot be read \(Metadata dict must"):
        train(tmp_path, dataset)


FULL = """
import resource, sys
from pathlib import Path
from jaxface import data
from jaxface.cli import main
from tests.test_frameworks_fit import examples, meddled, train

def fill(batch):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))

def command(argv):
    train(Path(sys.argv[1]), examples(40), wrap=meddled(5, fill))

sys.modules["jaxface.cli.train"] = type("Command", (), {"main": command})
main.main(["train"])
"""


@pytest.mark.parametrize(("size", "file"), [(1, "log.jsonl"), (2000, "checkpoints/6")])
def test_a_full_disk_is_one_line_and_the_training_goes_on(
    tmp_path: Path, dataset: data.Dataset, size: int, file: str
) -> None:
    """A limit on the size of files stands for the disk."""
    whole, folder = train(tmp_path / "whole", dataset), tmp_path / "full"
    command = [sys.executable, "-c", FULL, str(folder), str(size)]
    output = subprocess.run(command, capture_output=True, text=True)
    assert output.returncode == 1
    (line,) = output.stderr.splitlines()
    assert line.startswith(f"jaxface: error: {folder / file}: cannot be written (")
    assert line.endswith("; the same command goes on from the last checkpoint")
    same(whole, train(folder, dataset))
    assert (folder / "log.jsonl").read_bytes() == (tmp_path / "whole/log.jsonl").read_bytes()


@pytest.mark.parametrize("line", ["", "{}", "[1]", "{", '{"step": "1"}', "[" * 100_000])
def test_a_damaged_log_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "log.jsonl").write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    with pytest.raises(StoreError, match=r"log\.jsonl: line 2 is damaged; remove it"):
        read_log(tmp_path)


@pytest.mark.parametrize("text", ["", "framework = 3", "framework = 'classifier'\nseed = 0\nmodel = 3"])
def test_settings_that_are_of_no_training_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(StoreError, match=r"run\.toml is not of a training: it has no"):
        restore(tmp_path)


def test_a_folder_in_which_another_process_trains_is_refused(tmp_path: Path, dataset: data.Dataset) -> None:
    with held_by_another(tmp_path), pytest.raises(StoreError, match=r"in use: process \d+ .* this training"):
        train(tmp_path, dataset)
    assert train(tmp_path, dataset).steps == 8


def test_an_unknown_measure_is_refused_before_anything_is_done(tmp_path: Path, dataset: data.Dataset) -> None:
    with pytest.raises(ConfigError, match=r"train.monitor = 'acuracy', did you mean 'accuracy'"):
        train(tmp_path, dataset, monitor="acuracy")
    assert not list(tmp_path.iterdir())


def stepped(config: ToyConfig, **changes: Any) -> tuple[TrainState, dict[str, float]]:
    """The state after two steps on one batch, and what the second told."""
    run = programs(TOY, config, TASK, dataclasses.replace(TRAIN, **changes))
    state, batch = run.init(0), examples(16).rows(range(16))
    for _ in range(2):
        state, info = run.update(state, batch, jax.random.key(0))
    return state, jax.device_get(dict(info))


def test_a_gradient_in_parts_is_the_whole_gradient() -> None:
    whole, info = stepped(PLAIN)
    parts, info_in_parts = stepped(PLAIN, accumulate=4)
    np.testing.assert_allclose(info["loss"], info_in_parts["loss"], rtol=1e-5)
    np.testing.assert_allclose(info["gradient_norm"], info_in_parts["gradient_norm"], rtol=1e-5)
    for ours, theirs in zip(jax.tree.leaves(whole.params), jax.tree.leaves(parts.params), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_bfloat16_computes_so_and_keeps_float32_parameters() -> None:
    exact, info = stepped(ToyConfig(dropout=0.0))
    rough, info_rough = stepped(ToyConfig(dropout=0.0), dtype="bfloat16")
    assert info["loss"] != info_rough["loss"]
    np.testing.assert_allclose(info["loss"], info_rough["loss"], rtol=0.05)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(rough)} == {"float32", "int32"}
    assert jax.tree.structure(exact) == jax.tree.structure(rough)


def test_what_is_frozen_stays_and_statistics_of_the_rest_move() -> None:
    run = programs(TOY, TOY_CONFIG, TASK, TRAIN)
    before = jax.device_get(run.init(0))
    after, _ = stepped(TOY_CONFIG)
    for name in ("frozen", "frozen_norm"):
        for ours, theirs in zip(
            jax.tree.leaves(before.non_trainable[name]), jax.tree.leaves(after.non_trainable[name]), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert (before.non_trainable["norm"]["mean"][...] != after.non_trainable["norm"]["mean"][...]).all()
    assert (before.params["head"]["kernel"][...] != after.params["head"]["kernel"][...]).any()


def test_dropout_follows_the_key_and_is_off_in_answers() -> None:
    run = programs(TOY, TOY_CONFIG, TASK, TRAIN)
    batch = examples(16).rows(range(16))
    losses = [float(run.update(run.init(0), batch, jax.random.key(seed))[1]["loss"]) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    state = run.init(0).eval_state()
    np.testing.assert_array_equal(run.predict(state, batch["image"]), run.predict(state, batch["image"]))


def test_the_average_follows_the_parameters() -> None:
    run = programs(TOY, TOY_CONFIG, TASK, dataclasses.replace(TRAIN, ema=0.9))
    state, batch = run.init(0), examples(16).rows(range(16))
    average = np.asarray(state.params["head"]["kernel"][...])
    for step in range(3):
        state, _ = run.update(state, batch, jax.random.key(0))
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * np.asarray(state.params["head"]["kernel"][...])
    np.testing.assert_allclose(state.eval_state()["head"]["kernel"][...], average, rtol=1e-5)


def test_schedules_and_rules() -> None:
    from jaxface.frameworks.common.step import make_optimizer, make_schedule

    for schedule, last in (("constant", 0.1), ("cosine", 0.0), ("linear", 0.0)):
        config = OptimizerConfig(learning_rate=0.1, schedule=schedule, warmup=5)  # type: ignore[arg-type]
        rate = make_schedule(config, 25)
        np.testing.assert_allclose([rate(0), rate(5), rate(25)], [0.0, 0.1, last], atol=1e-6)
    params = {"kernel": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}
    for name, decays in (("adam", False), ("adamw", True), ("sgd", True)):
        config = OptimizerConfig(name, learning_rate=0.1, weight_decay=0.5)  # type: ignore[arg-type]
        optimizer = make_optimizer(config, 10)
        still = jax.tree.map(np.zeros_like, params)
        moves, _ = optimizer.update(still, optimizer.init(params), params)
        assert (np.asarray(moves["kernel"]) < 0).all() == decays and not np.asarray(moves["bias"]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 10, "accumulate": 3}, "train.batch = 10: must be divisible by train.accumulate = 3"),
        ({"steps": 0}, "train.steps = 0: must be at least 1"),
        ({"ema": 1.0}, r"train.ema = 1.0: must be in \[0, 1\)"),
    ],
)
def test_settings_without_sense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**change)


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1}) + "\n" + '{"step": 2, "lo')
    assert read_log(tmp_path) == [{"step": 1}]
