"""The card of a classifier: its labels, what it wants to see, whose it is. Weights never travel without."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Literal

from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import CheckpointError, ConfigError, LabelError
from jaxface.core.io import write_text
from jaxface.core.types import action_unit, expression_names

CARD_FILE = "card.toml"


@dataclasses.dataclass(frozen=True)
class Card:
    """What is known of a classifier beside its weights; the schema of `card.toml`.

    The net sees `(image * value_range - mean) / deviation`, image in [0, 1].

    Attributes:
        name: how it is called in commands and results.
        architecture: a key of `registry.ARCHITECTURES`, or "custom".
        native_labels: the classes in the order of the outputs, spelled as its authors do; or action units,
            "AU12", whose outputs are independent of each other.
        size: pixels along an edge of its (square) input; None = whatever comes.
        resized: pixels along an edge before `size` is cut out of the middle; None = nothing is cut.
        channels: "rgb", "bgr", "grey" for luma (.299, .587, .114), or "grey3" for three equal channels of it.
        value_range, mean, deviation: normalisation; one number a channel.
        resize: filter that brings other sizes to `size`, pixel centres aligned.
        antialias: widen the filter where the image is made smaller.
        dataset: what it was trained on.
        licence, source: of the weights; the source is where their authors publish them.
        published_file: what the file is called there; empty = unknown, or not published.
        weights: file beside the card; empty = they do not come with it.
        sha256: of that file; empty = not checked.
        parameters: how many numbers the weights are.
    """

    name: str
    architecture: str
    native_labels: tuple[str, ...]
    size: int | None = None
    resized: int | None = None
    channels: Literal["rgb", "bgr", "grey", "grey3"] = "rgb"
    value_range: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    resize: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    antialias: bool = False
    dataset: str = "unknown"
    licence: str = "unknown"
    source: str = "unknown"
    published_file: str = ""
    weights: str = "weights.npz"
    sha256: str = ""
    parameters: int = 0

    def __post_init__(self) -> None:
        if not self.native_labels:
            raise ConfigError(f"classifier {self.name!r} has no labels; give one for each output")
        units = [action_unit(label) is not None for label in expression_names(self.native_labels)]
        if any(units) and not all(units):
            raise ConfigError(
                f"classifier {self.name!r} has both expressions and action units for labels; wanted one kind"
            )
        if self.size is not None and self.size < 1:
            raise ConfigError(f"classifier {self.name!r}: size = {self.size}; wanted pixels >= 1")
        if self.resized is not None and (self.size is None or self.resized < self.size):
            raise ConfigError(f"classifier {self.name!r}: resized = {self.resized}; wanted at least size")
        for field in ("mean", "deviation"):
            count = len(getattr(self, field))
            if count not in (1, self.depth):
                raise ConfigError(
                    f"classifier {self.name!r}: {field} has {count} numbers; wanted 1 or {self.depth} "
                    f"({self.channels})"
                )
        if 0.0 in self.deviation:
            raise ConfigError(f"classifier {self.name!r}: a deviation of 0 cannot divide")
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ConfigError(
                f"classifier {self.name!r}: sha256 = {self.sha256!r}; wanted 64 hexadecimal digits"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in the vocabulary's names, in the order of the outputs."""
        return expression_names(self.native_labels)

    @property
    def independent(self) -> bool:
        """Whether outputs are of action units, any number of which may be there; of expressions one is."""
        return action_unit(self.native_labels[0]) is not None

    @property
    def depth(self) -> int:
        """Channels of the input: 3 or 1."""
        return 1 if self.channels == "grey" else 3


def read_card(folder: str | Path) -> Card:
    """The card that lies in a classifier's folder.

    Raises:
        CheckpointError: no card, or one that cannot be used; the message says what is wrong with it.
    """
    path = Path(folder) / CARD_FILE
    if not path.is_file():
        raise CheckpointError(
            f"no {CARD_FILE} in {folder}; a classifier's folder holds {CARD_FILE} and its weights"
        )
    try:
        return load_toml(Card, path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    except LabelError as error:
        raise CheckpointError(f"{path}: {error}") from None


def write_card(card: Card, folder: str | Path) -> Path:
    """Write `card.toml` into `folder`, atomically; returns its path."""
    path = Path(folder) / CARD_FILE
    write_text(path, dump_toml(card))
    return path
