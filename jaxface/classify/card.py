"""The card of a classifier: its labels, its preprocessing, its licence. Weights never travel without it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal

import tomli_w

from jaxface.core.checks import Ge, Gt, check, require
from jaxface.core.config import load_toml, to_dict
from jaxface.core.errors import CheckpointError, ConfigError, LabelError
from jaxface.core.io import write_text
from jaxface.core.types import EXPRESSIONS, action_unit, answer_name, is_examined

CARD_FILE = "card.toml"


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """From an image to the input of a net: `(image * value_range - mean) / std`, image in [0, 1].

    Attributes:
        size: pixels along an edge of the (square) input; None = any.
        resize_to: pixels along an edge before the middle is cropped to `size`; None = no crop.
        channels: "rgb", "bgr", "grey" for luma (.299, .587, .114), or "grey3" for three equal channels of it.
        value_range, mean, std: normalisation; one number a channel.
        resize: filter that brings other sizes to `size`, pixel centres aligned.
        antialias: widen the filter where the image is made smaller.
    """

    size: Annotated[int, Ge(1)] | None = None
    resize_to: Annotated[int, Ge(1)] | None = None
    channels: Literal["rgb", "bgr", "grey", "grey3"] = "rgb"
    value_range: Annotated[float, Gt(0)] = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    antialias: bool = False

    def __post_init__(self) -> None:
        check(self, "card")
        if self.resize_to is not None:
            require(
                self.size is not None and self.resize_to >= self.size,
                "card.resize_to",
                self.resize_to,
                "at least size",
            )
        counts = f"1 or {self.depth} numbers long" if self.depth > 1 else "1 number long"
        for name in ("mean", "std"):
            numbers = getattr(self, name)
            require(len(numbers) in (1, self.depth), f"card.{name}", numbers, counts)
        require(all(math.isfinite(number) for number in self.mean), "card.mean", self.mean, "finite")
        usable = all(math.isfinite(number) and number > 0 for number in self.std)
        require(usable, "card.std", self.std, "finite and more than 0")

    @property
    def depth(self) -> int:
        """Channels of the input: 3 or 1."""
        return 1 if self.channels == "grey" else 3


@dataclass(frozen=True)
class Card(Preprocessing):
    """What is known of a classifier beside its weights; the schema of `card.toml`.

    Attributes:
        name: its name in commands and results.
        native_labels: a class for each output, in order, spelled as its authors do; or action units, "AU12",
            whose outputs are independent of each other. Classes beyond the vocabulary ("calm") stay in the
            softmax and are not examined; two classes of one expression ("happy", "joy") are one answer.
        architecture: a key of `architectures.ARCHITECTURES`; "stablehlo" for what `jaxface train` writes; an
            ONNX file needs none.
        dataset: the training data.
        licence, source: of the weights; the source is where their authors publish them.
        published_file: its name there; empty = unknown, or not published.
        weights: file beside the card; empty = not included.
        sha256: of that file; empty = not checked.
        parameters: how many numbers the weights are.
        note: what a reader of its scores should know, such as tensors of the checkpoint that were left out.
    """

    name: str
    native_labels: tuple[str, ...]
    architecture: str = "custom"
    dataset: str = "unknown"
    licence: str = "unknown"
    source: str = "unknown"
    published_file: str = ""
    weights: str = "weights.npz"
    sha256: str = ""
    parameters: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.native_labels:
            raise ConfigError(f"classifier {self.name!r} has no labels; give one for each output")
        self._check_labels()
        is_hash = not self.sha256 or re.fullmatch("[0-9a-f]{64}", self.sha256) is not None
        require(is_hash, "card.sha256", self.sha256, "64 hexadecimal digits")

    def _check_labels(self) -> None:
        labels, units = self.labels, [name for name in self.labels if action_unit(name) is not None]
        if not any(map(is_examined, labels)):
            raise LabelError(
                f"classifier {self.name!r}: none of its labels {', '.join(labels[:8])} is an expression "
                f"({', '.join(EXPRESSIONS)}) or an action unit (AU12)"
            )
        if units and any(name in EXPRESSIONS for name in labels):
            raise ConfigError(
                f"classifier {self.name!r} has both expressions and action units for labels; use one kind"
            )
        if units and len(labels) < len(self.native_labels):
            raise LabelError(
                f"classifier {self.name!r}: labels {list(self.native_labels)} have an action unit twice; the "
                "probabilities of units cannot be summed"
            )

    @property
    def preprocessing(self) -> Preprocessing:
        """The input of the net alone."""
        return Preprocessing(**{field.name: getattr(self, field.name) for field in fields(Preprocessing)})

    def with_preprocessing(self, preprocessing: Preprocessing) -> Card:
        """Return the same card with another input."""
        return replace(self, **vars(preprocessing))

    @property
    def outputs(self) -> int:
        """How many outputs the net has: at least as many as it has answers."""
        return len(self.native_labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The K answers in the vocabulary's names, in the order of their first outputs; each appears once."""
        return tuple(dict.fromkeys(map(answer_name, self.native_labels)))

    @property
    def unexamined_labels(self) -> tuple[str, ...]:
        """The answers that are neither an expression nor an action unit: they stay in the softmax."""
        return tuple(name for name in self.labels if not is_examined(name))

    @property
    def output_groups(self) -> tuple[tuple[int, ...], ...]:
        """For each of `labels`, its outputs; more than one where several mean the same."""
        names = tuple(map(answer_name, self.native_labels))
        return tuple(
            tuple(index for index, name in enumerate(names) if name == label) for label in dict.fromkeys(names)
        )

    @property
    def label_notes(self) -> tuple[str, ...]:
        """What readers of its scores should know of the labels: a line for each fact."""
        notes = []
        for label, group in zip(self.labels, self.output_groups, strict=True):
            if len(group) > 1:
                native = " and ".join(repr(self.native_labels[index]) for index in group)
                notes.append(f"its outputs {native} are one answer, {label}: their probabilities are summed")
        if others := self.unexamined_labels:
            verb = "is not examined; it stays" if len(others) == 1 else "are not examined; they stay"
            place = "an output of its own" if self.multilabel else "in the softmax"
            notes.append(f"{', '.join(others)} {verb} {place}")
        return tuple(notes)

    @property
    def multilabel(self) -> bool:
        """Whether the outputs are action units, any number of which may be present."""
        return any(action_unit(label) is not None for label in self.native_labels)


def read_card(folder: str | Path) -> Card:
    """Read the card of a classifier's folder.

    Raises:
        CheckpointError: no card, or one that cannot be used.
    """
    path = Path(folder) / CARD_FILE
    if not path.is_file():
        raise CheckpointError(
            f"no {CARD_FILE} in {folder}; a classifier's folder contains {CARD_FILE} and its weights"
        )
    try:
        return load_toml(Card, path)
    except (ConfigError, LabelError) as error:
        raise CheckpointError(str(error)) from None


def write_card(card: Card, folder: str | Path) -> Path:
    """Write `card.toml` into `folder`, atomically. Return its path."""
    path, table = Path(folder) / CARD_FILE, to_dict(card)
    names = sorted(table, key=lambda name: name in Preprocessing.__dataclass_fields__)  # the name comes first
    write_text(path, tomli_w.dumps({name: table[name] for name in names}))
    return path
