"""What the three THIN benchmarks share: train exogenous networks and variants, measure them, write rows down.

Everything of a seed follows from it: the split, angles or grid points, first parameters, order of the batches.
Nothing is chosen by the test images: no early stopping, the last parameters count.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.bench.harness import append, results_file, stamp
from jaxface.data import Dataset
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.thin import FRAMEWORK, ThinConfig
from jaxface.frameworks.thin.networks import ExogenousNetwork
from jaxface.frameworks.thin.train import forward, insert_exogenous

SEEDS = (0, 1, 2)
ASKED_AT_ONCE = 500


class Part(NamedTuple):
    """Training and test images with their columns, on the device."""

    train: dict[str, Any]
    test: dict[str, Any]


class Trained(NamedTuple):
    """A trained network: its structure and state, how often it is right on the test images, and to how many
    experts it listens at a time (exp of the gate's entropy, the mean over the test images)."""

    graphdef: nnx.GraphDef
    state: nnx.State
    accuracy: float
    train_accuracy: float
    experts_heard: float


def part(train: Dataset, test: Dataset) -> Part:
    train_rows, test_rows = (data.rows(np.arange(len(data))) for data in (train, test))
    return Part(jax.tree.map(jnp.asarray, train_rows), jax.tree.map(jnp.asarray, test_rows))


class Program(NamedTuple):
    """Of a config: (key) -> state, (state, data, order, key) -> trained, (state, batch) -> (logits, gate)."""

    begin: Callable[..., Any]
    steps: Callable[..., Any]
    answers: Callable[..., Any]
    structure: nnx.GraphDef


class Trainer:
    """Trains variants on one kind of data; what is compiled for a config serves all seeds."""

    def __init__(self, task: Task, train: TrainConfig) -> None:
        self.task, self.train = task, train
        self._programs: dict[ThinConfig, Program] = {}

    def __call__(
        self, config: ThinConfig, data: Part, seed: int, exogenous: Sequence[nnx.State] = ()
    ) -> Trained:
        """Train one network from a seed, on trained networks of the exogenous variables if it looks at them."""
        task = self.task
        if config.variant == "exogenous":  # its variable is the label, as in a training of its own
            task = dataclasses.replace(task, labels=tuple(map(str, range(task.classes(config.exogenous[0])))))
            data = Part(*({**images, "label": images[config.exogenous[0]]} for images in data))
        if config not in self._programs:
            self._programs[config] = self._compiled(config, task)
        program = self._programs[config]
        state = program.begin(jax.random.key(seed))
        if exogenous:
            state = insert_exogenous(
                config, state, jax.tree.map(jnp.array, list(exogenous))
            )  # a step uses them up
        state = program.steps(
            state, data.train, self._order(len(data.train["image"]), seed), jax.random.key(seed)
        )
        shares, heard = [], 0.0
        for images in (jax.tree.map(lambda leaf: leaf[:2000], data.train), data.test):
            logits, gate = in_parts(program.answers, state, images)
            shares.append(float(np.mean(logits.argmax(-1) == np.asarray(images["label"]))))
            heard = float(np.exp(-(gate * np.log(np.maximum(gate, 1e-12))).sum(1)).mean())
        return Trained(program.structure, state, shares[1], shares[0], heard)

    def _order(self, count: int, seed: int) -> np.ndarray:
        """(steps, batch) rows: every image once, in a new order each time all have been."""
        rows_in_all = self.train.steps * self.train.batch
        passes = np.tile(np.arange(count, dtype=np.int32), (-(-rows_in_all // count), 1))
        rows = np.random.default_rng(seed).permuted(passes, axis=1).reshape(-1)[:rows_in_all]
        return rows.reshape(self.train.steps, self.train.batch)

    def _compiled(self, config: ThinConfig, task: Task) -> Program:
        structure = nnx.graphdef(nnx.eval_shape(lambda: FRAMEWORK.build(config, task, nnx.Rngs(0))))
        step = FRAMEWORK.make_step(config, task, self.train, structure)

        def begin(key: jax.Array) -> nnx.State:
            return nnx.state(FRAMEWORK.build(config, task, nnx.Rngs(key)))

        def one(state: Any, data: Mapping[str, jax.Array], rows: jax.Array, key: jax.Array) -> Any:
            batch = {name: column[rows] for name, column in data.items()}
            return step.update(state, batch, jax.random.fold_in(key, state.step))[0]

        one = jax.jit(one, donate_argnums=0)

        def run(
            state: nnx.State, data: Mapping[str, jax.Array], order: np.ndarray, key: jax.Array
        ) -> nnx.State:
            state = step.init(state)
            for rows in order:  # XLA takes several times as long for the steps of a loop of its own on a CPU
                state = one(state, data, rows, key)
            return state.eval_state()

        def ask(state: nnx.State, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
            module = nnx.merge(structure, state)
            if isinstance(module, ExogenousNetwork):
                logits = FRAMEWORK.predict(config, task, module, batch["image"].astype(jnp.float32) / 255)
                return logits, jnp.ones_like(logits[:, :1])
            answer = forward(config, module, batch)
            return answer.logits, answer.gate

        return Program(jax.jit(begin), run, jax.jit(ask), structure)


def in_parts(answers: Callable[..., Any], state: nnx.State, data: Mapping[str, jax.Array]) -> Any:
    """`answers` of all images, in calls of one size."""
    count = len(data["image"])
    parts = [
        answers(state, {name: column[first : first + ASKED_AT_ONCE] for name, column in data.items()})
        for first in range(0, count, ASKED_AT_ONCE)
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


class Sheet:
    """Accuracies by row and seed; writes means and deviations down, with what they were made by."""

    def __init__(self, suite: str, out: Path, settings: Mapping[str, Any]) -> None:
        self.file, self.settings, self.suite = results_file(out, suite), dict(settings), suite
        self.rows: dict[str, list[Trained]] = {}
        self.more: dict[str, list[Mapping[str, float]]] = {}
        self._start = time.process_time()

    def add(self, name: str, network: Trained, **more: float) -> None:
        self.rows.setdefault(name, []).append(network)
        self.more.setdefault(name, []).append(more)
        shares = f"{100 * network.accuracy:.2f} (training {100 * network.train_accuracy:.2f})"
        print(f"{self.suite} {name}: {shares}", file=sys.stderr)

    def write(self) -> None:
        for name, each in self.rows.items():
            shares = 100 * np.array([network.accuracy for network in each])
            row = {
                "name": name,
                "accuracy": float(shares.mean()),
                "deviation": float(shares.std(ddof=1)) if len(shares) > 1 else 0.0,
                "by_seed": [round(float(share), 3) for share in shares],
                "experts_heard": float(np.mean([network.experts_heard for network in each])),
                "training_accuracy": float(100 * np.mean([network.train_accuracy for network in each])),
                **{key: float(np.mean([more[key] for more in self.more[name]])) for key in self.more[name][0]},
                **self.settings,
                "cpu_s": time.process_time() - self._start,
                "command": " ".join([f"python -m benchmarks.{self.suite}", *_told()]),
            }
            append(self.file, stamp(row))


def _told() -> list[str]:
    """The command's arguments, without the place of its results."""
    argv = sys.argv[1:]
    place = argv.index("--out") if "--out" in argv else len(argv)
    return argv[:place] + argv[place + 2 :]


def arguments(about: str | None, rows: Sequence[str], **defaults: int) -> argparse.Namespace:
    """`--out`, `--seeds`, `--rows` and whole numbers by name."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--rows", nargs="+", choices=rows, default=list(rows))
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def adam(steps: int, rate: float = 1e-3, batch: int = 32) -> TrainConfig:
    """Return the paper's optimizer, with a rate that falls to zero: these trainings are short."""
    return TrainConfig(steps=steps, batch=batch, optimizer=OptimizerConfig("adam", rate, "cosine"))
