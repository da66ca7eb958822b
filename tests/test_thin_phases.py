"""Both trainings of THIN, one after another, through their folders."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from jaxface.classify.weights import flat_arrays
from jaxface.core.errors import CheckpointError, StoreError
from jaxface.data import ArraySource, Dataset, batches
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.inputs import task_of
from jaxface.frameworks.common.loop import TrainResult, fit
from jaxface.frameworks.thin import FRAMEWORK, ThinConfig
from tests import thin_reference as reference

TINY = ThinConfig(widths=(2,), depth=1, expert_hidden=(3,), exogenous_hidden=(3,), exogenous=("shade",))
TRAIN = TrainConfig(steps=2, batch=8, log_every=1)


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    random = np.random.default_rng(0)
    columns = {name: random.integers(0, count, 24, np.int32) for name, count in (("label", 2), ("shade", 3))}
    images = random.integers(0, 256, (24, 8, 8, 1), np.uint8)
    return Dataset("pictures", ArraySource(images), columns, ("happiness", "sadness"))


def trained(config: ThinConfig, dataset: Dataset, out: Path) -> TrainResult:
    task, stream = task_of(dataset, None, "labels"), batches(dataset, TRAIN.batch)
    return fit(FRAMEWORK, config, TRAIN, task, stream, None, out)


def test_thin_stands_on_the_folder_of_its_exogenous_network(pictures: Dataset, tmp_path: Path) -> None:
    first = dataclasses.replace(TINY, variant="exogenous")
    shade = trained(first, pictures.labelled_by("shade"), tmp_path / "shade")
    config = dataclasses.replace(TINY, exogenous_weights=(str(tmp_path / "shade"),))
    thin = flat_arrays(trained(config, pictures, tmp_path / "thin").state)
    for name, array in flat_arrays(shade.state).items():
        np.testing.assert_array_equal(thin[f"exogenous/0/{name}"], array)
    wider = dataclasses.replace(config, widths=(5,))
    task = task_of(pictures, None, "labels")
    state = reference.lively(lambda: FRAMEWORK.build(wider, task, nnx.Rngs(0)))[1]
    with pytest.raises(CheckpointError, match=r"has shape \(2,\), the net has \(5,\)"):
        FRAMEWORK.initialize(wider, task, state)
    (tmp_path / "empty").mkdir()
    nowhere = dataclasses.replace(config, exogenous_weights=(str(tmp_path / "empty"),))
    with pytest.raises(StoreError, match="name the folder of a training"):
        FRAMEWORK.initialize(nowhere, task, state)
