"""Mending: a planted dependence goes, what the net was good for stays, and what was stopped goes on."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import jaxface as jf
from jaxface import classify
from jaxface.classify import exported
from jaxface.cli.main import run
from jaxface.core.config import dump_toml, from_dict, to_dict
from jaxface.core.errors import ConfigError, FunctionError, JaxfaceError, StoreError
from jaxface.core.progress import NullProgress
from jaxface.mending import METHODS, Answers, MendConfig, MendResult
from jaxface.mending import ground as grounds
from jaxface.mending import runner
from jaxface.mending.losses import distillation
from jaxface.mending.measures import Utility, bias, utility
from jaxface.mending.result import Measurement, judge
from jaxface.mending.student import trainable_names, weights_of
from jaxface.search import SearchConfig
from tests.heads import toy_head
from tests.planted import RENDER, SIZE

LABELS = ("happy", "surprise", "angry", "neutral")
CELLS = 8
CONFIG = MendConfig(
    head=toy_head(),
    part="last",
    alpha=(0.3, 0.9),
    expressions=("happiness", "surprise", "anger"),
    people=16,
    choosing_people=6,
    audit_people=4,
    max_loss_of_accuracy=0.05,
    steps=150,
    batch=16,
    learning_rate=0.05,
    checkpoint_every=40,
    symmetry_steps=3,
    permutations=99,
    reached_probability=0.0,
    search=SearchConfig(method="prototype"),
    render=RENDER,
)


def cells(images: Any) -> Any:
    """Return (B, CELLS^2) differences of the red channel, in a grid of cells, from the background."""
    block = SIZE // CELLS
    grid = images[..., 0].reshape(-1, CELLS, block, CELLS, block).mean((2, 4))
    return 10.0 * (grid.reshape(-1, CELLS**2) - 0.35)


def forward(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    return cells(images) @ weights["head/kernel"] + weights["head/bias"][None]


def one_sided(faces: np.ndarray, label: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of a linear net that sees the subject's left half alone, by ridge regression on faces."""
    features = np.asarray(cells(faces.astype(np.float32) / 255.0))
    is_left = np.tile(np.arange(CELLS) >= CELLS // 2, CELLS)
    inputs = np.concatenate([features * is_left, np.ones((len(features), 1))], axis=1)
    target = 8.0 * np.eye(len(LABELS))[label]
    solution = np.linalg.solve(inputs.T @ inputs + 0.05 * np.eye(inputs.shape[1]), inputs.T @ target)
    return {"head/kernel": solution[:-1].astype(np.float32), "head/bias": solution[-1].astype(np.float32)}


CARD = classify.Card(name="one-sided", native_labels=LABELS, size=SIZE, channels="rgb", weights="")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a net whose answers depend on one side."""
    folder = tmp_path_factory.mktemp("one-sided")
    stand_in = classify.from_function(lambda images: forward(
        {"head/kernel": jnp.zeros((CELLS**2, 4)), "head/bias": jnp.zeros(4)}, images), LABELS, size=SIZE)
    ground = grounds.build_ground(CONFIG, stand_in)
    faces = grounds.plain_faces(ground, 99, 24)
    weights = one_sided(grounds.unchanged_pictures(ground, faces), faces.label)
    exported.write(folder, CARD, forward, weights)
    return folder


@pytest.fixture(scope="module")
def result(classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> MendResult:
    config = dataclasses.replace(CONFIG, classifier=str(classifier))
    return jf.mending.mend(config, tmp_path_factory.mktemp("mend") / "out", NullProgress())


def test_a_dependence_on_one_side_goes_and_accuracy_stays(result: MendResult) -> None:
    for row in result.rows: print(row)
    for row in result.curve: print(row)
    assert 0
