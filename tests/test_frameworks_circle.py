"""The circle: faces are rendered, a network learns from them, and what it has become is searched and
audited."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from jaxface import audit, classify, frameworks
from jaxface.data import rendered
from jaxface.frameworks.common.config import OptimizerConfig
from jaxface.frameworks.common.inputs import DataConfig, recipe_at
from tests import fake_audit
from tests.toy_framework import PLAIN, TOY, TRAIN

RECIPE = """
name = "two"
supersample = 1
[people]
identities = 1
[expressions]
labels = ["happiness", "surprise"]
strength = [1.0, 1.0]
mixing = 0.0
[pose]
yaw = 0.0
pitch = 0.0
roll = 0.0
[light]
ambient = [0.5, 0.5]
key = [0.5, 0.5]
azimuth = 0.0
elevation = [20.0, 20.0]
[camera]
height = [3.0, 3.0]
eye_line = [0.4, 0.4]
shift = 0.0
[sensor]
exposure = 0.0
noise = [0.0, 0.0]
[background]
level = [0.5, 0.5]
contrast = [0.0, 0.0]
"""
"""One person, always lit and framed alike: what differs is the expression."""


@pytest.mark.slow
def test_rendered_trained_audited(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(RECIPE)
    data = DataConfig(root=tmp_path / "two.toml", validation_images=64)
    fast = OptimizerConfig(learning_rate=0.03)
    train = dataclasses.replace(TRAIN, steps=60, batch=64, evaluate_every=30, log_every=5, optimizer=fast)
    run = frameworks.train(TOY, PLAIN, train, data, out=tmp_path / "net", seed=0)
    losses = [json.loads(line).get("loss") for line in (tmp_path / "net/log.jsonl").read_text().splitlines()]
    values = [loss for loss in losses if loss is not None]
    assert np.mean(values[-3:]) < np.mean(values[:3])

    classifier = classify.load(tmp_path / "net")
    assert run.classifier is not None and classifier.card == run.classifier.card
    assert classifier.labels == ("happiness", "surprise") and classifier.card.architecture == "stablehlo"
    assert classifier.card.dataset == "rendered faces, recipe two"
    network = frameworks.load_network(tmp_path / "net")
    recipe = recipe_at(tmp_path / "two.toml", frameworks.input_size(network))
    metrics = frameworks.evaluate(network, rendered.dataset(recipe, 64, 1))  # the validation set of seed 0
    assert metrics["images"] == 64 and metrics["left_out"] == 0
    assert metrics["accuracy"] == pytest.approx(run.result.metrics["accuracy"])

    config = dataclasses.replace(
        fake_audit.CONFIG,
        classifiers=(str(tmp_path / "net"),),
        identities=1,
        expressions=("happiness",),
    )
    result = audit.run(config, tmp_path / "audit", searcher_factory=fake_audit.build)
    assert bool(result.data["done"].all()) and np.isfinite(result.data["probability"]).all()
