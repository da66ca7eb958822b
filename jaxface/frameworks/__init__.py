"""Learning frameworks: train a network that can then be audited, and evaluate any network on a data set.

Each framework is a folder of its own with `config`, `networks`, `losses` and `train`, and one `FRAMEWORK`; what
they share is in `common`. A framework is imported when it is loaded.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxface.core.errors import ConfigError, suggestion
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig

if TYPE_CHECKING:
    from jaxface.core.progress import Progress
    from jaxface.data import Dataset
    from jaxface.frameworks.common.framework import Framework
    from jaxface.frameworks.common.networks import Network
    from jaxface.frameworks.common.training import TrainRun

__all__ = [
    "REGISTRY",
    "Framework",
    "OptimizerConfig",
    "TrainConfig",
    "evaluate",
    "input_size",
    "load",
    "load_network",
    "train",
]

REGISTRY: dict[str, str] = {
    "causal_affect": "CausalAffect: signed causal graphs among action units, and from them to expressions",
    "classifier": "one of the classifiers' architectures, with cross-entropy or its authors' recipe",
    "grefel": "GReFEL: anchors correct predictions under noisy labels; and cross-entropy, POSTER++, SCN",
    "pm2": "PM2: action units from paired synthetic faces, with matched error rates for women and men",
    "thin": "an ensemble gated by an exogenous variable, such as identity, which a loss removes (THIN)",
}
"""Name of each framework, which is also its module here -> a description in a line."""


def load(name: str) -> Framework:
    """Load the framework of this name.

    Raises:
        ConfigError: no such framework; the message suggests the closest.
    """
    if name not in REGISTRY:
        raise ConfigError(f"unknown framework {name!r}{suggestion(name, REGISTRY)}")
    framework: Framework = importlib.import_module(f"jaxface.frameworks.{name}").FRAMEWORK
    return framework


def train(
    framework: str | Framework,
    model: Any = None,
    train_config: TrainConfig | None = None,
    data: Any = None,
    *,
    out: str | Path,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainRun:
    """Train in the folder `out`, or resume there; at the end it holds a classifier that can be audited.

    A training that was stopped continues when it is called again with the same arguments.

    Args:
        framework: its name in `REGISTRY`, or one of your own.
        model: an instance of the framework's `config`; None = its defaults.
        train_config: steps, batch, optimizer; None = the framework's defaults.
        data: an instance of the framework's `data`, which says what it is trained on; None = its defaults.
        out: a folder, created if need be.
        seed: of the first parameters, of every step, and of the order of the examples.
        progress: advanced at each step.

    Returns:
        The best networks with their validation metrics (`result`), and the `classifier`, if they can be one.

    Raises:
        ConfigError: an unknown framework or recipe, or settings that do not go together.
        DataError: the data set is missing, or lacks the labels to learn.
        StoreError: `out` belongs to another training.
        TrainingError: numbers that are not finite, or a checkpoint that cannot be read.
    """
    from jaxface.frameworks.common import training

    return training.train(framework, model, train_config, data, out=out, seed=seed, progress=progress)


def load_network(network: str | Path) -> Network:
    """Load a classifier by its name or folder, or the networks in a training's folder; for `evaluate`."""
    from jaxface.frameworks.common import networks

    return networks.load_network(network)


def input_size(network: Network) -> int | None:
    """Return the pixels along an edge of the images that a network takes; None = any."""
    from jaxface.frameworks.common import networks

    return networks.input_size(network)


def evaluate(network: str | Path | Network, dataset: Dataset, *, batch: int = 64) -> dict[str, Any]:
    """Return the metrics of a network on a data set, by name.

    Accuracy, F1, loss and calibration for expressions; F1 per action unit, and where the data set has the
    column `sex` the equal opportunity and parity difference between women and men. Before them stand `network`,
    `data`, `images` and `left_out`: what was evaluated, and on how many images.

    Args:
        network: a classifier's name or folder, a training's folder, or what `load_network` returned.
        batch: images of one call.

    Raises:
        DataError: the network and the data set have no action unit in common.
    """
    from jaxface.frameworks.common import networks

    return networks.evaluate(network, dataset, batch=batch)
