"""`jaxface classifiers`: list them, show their cards, and import published checkpoints."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

import jaxface as jf
from jaxface.classify import registry
from jaxface.cli import columns, options, preflight
from jaxface.core.errors import ConfigError
from jaxface.core.types import split_labels

LEGEND = """\
weights: bundled = in this package; download = from its authors, by hand;
train = its authors publish none. `jaxface classifiers show NAME` says where."""


@dataclass(frozen=True)
class Classifiers:
    """List the known classifiers, show cards, or import a published checkpoint.

    `import NAME FILE` converts a file from a classifier's authors (PyTorch, safetensors, HDF5, ONNX ...) to a
    folder with `weights.safetensors` and `card.toml`, which every command takes in place of a name.
    `import my.onnx --labels happiness,sadness,other` does so with an ONNX file of your own.
    """

    action: tyro.conf.Positional[Literal["list", "show", "import"]] = "list"
    """What to do."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names or folders to show; or the name and the file to import."""

    checkpoint: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Weights of the classifier to show, if it comes without."""

    out: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for the imported classifier; none = its name."""

    labels: tuple[str, ...] = ()
    """Of an ONNX file of your own: a label for each output, in order, such as happiness,sadness,other."""

    size: int | None = None
    """Its pixels along an edge; none = read from the file."""

    channels: Literal["rgb", "bgr", "grey", "grey3"] | None = None
    """Its channels; none = rgb, or grey if the file has one channel."""

    value_range: float | None = None
    """What it takes is (image * value_range - mean) / std, image in [0, 1]; none = 1, or 255 for integers."""

    mean: tuple[float, ...] | None = None
    """One number, or one a channel; none = 0."""

    std: tuple[float, ...] | None = None
    """One number, or one a channel; none = 1."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse_flags(Classifiers(), "classifiers", argv)
    if command.action == "list":
        if command.names:
            raise ConfigError(f"list takes no name; to show one: jaxface classifiers show {command.names[0]}")
        print(table())
        return 0
    if command.action == "import" and len(command.names) == 1 and command.names[0].lower().endswith(".onnx"):
        return _import_onnx(command)
    if command.action == "import":
        if len(command.names) != 2:
            raise ConfigError(
                "import needs a name and a file: jaxface classifiers import dan-affectnet7 FILE.pth"
            )
        name, file = command.names
        preflight.check_import(name, file)
        out = command.out or Path(name).name
        classifier = jf.classify.import_checkpoint(name, file, out)
        print(f"{classifier.name}: {out}/{classifier.card.weights}, {classifier.card.parameters:,} parameters")
        return 0
    if not command.names:
        raise ConfigError(f"show needs a name: {', '.join(jf.classify.names())}")
    for name in command.names:
        for card in cards(name, command.checkpoint):
            print(card_text(card))
    return 0


def _import_onnx(command: Classifiers) -> int:
    """Import an ONNX file of the user's own, and return the exit code."""
    (file,) = command.names
    labels = split_labels(command.labels)
    if not labels:
        raise ConfigError(
            f"{file} does not say what its outputs are: give --labels, one for each, such as "
            "--labels happiness,sadness,other"
        )
    fields = {name: getattr(command, name) for name in ("size", "channels", "value_range", "mean", "std")}
    preprocessing = {name: value for name, value in fields.items() if value is not None}
    out = command.out or Path(file).stem
    card = jf.classify.import_onnx(file, labels, out, **preprocessing).card
    mean, std = plain(card.mean), plain(card.std)
    print(f"{card.name}: {out}/{card.weights}, answers: {', '.join(card.labels)}")
    for note in card.label_notes:
        print(f"  {note}")
    size = f"{card.size} x {card.size} pixels" if card.size else "any size"
    print(f"  its input: {card.channels}, {size}, (image * {card.value_range:g} - {mean}) / {std}")
    print(f"  an ONNX file does not say how images are prepared: check the last line, or edit {out}/card.toml")
    return 0


def cards(name: str, checkpoint: str | None) -> "list[jf.classify.Card]":
    """Return the card of a classifier as it loads; without weights, as it comes with the package."""
    if checkpoint is None:
        package_cards = [jf.classify.read_card(folder) for folder in registry.folders(name)]
        if not package_cards[0].weights:
            return package_cards
    return [jf.classify.load(name, checkpoint=checkpoint).card]


def table(width: int | None = None) -> str:
    """Return a line for each classifier in columns of `width` letters, by default the terminal's; then what
    the words of one of them mean."""
    rows = jf.classify.describe()

    def column(name: str, key: str, least: int = 0) -> columns.Column:
        return columns.Column(name, [str(row[key]) for row in rows], least)

    text = columns.table(
        [
            column("name", "name"),
            column("weights", "weights"),
            columns.Column("labels", [str(len(row["labels"])) for row in rows], right=True),
            column("input", "input"),
            columns.Column("size", [f"{row['parameters'] / 1e6:.2f} M" for row in rows], right=True),
            column("dataset", "dataset", 11),
            column("licence", "licence", 28),
            column("file", "file", 28),
            column("source", "source", 28),
        ],
        columns.terminal_width() if width is None else width,
    )
    return f"{text}\n\n{LEGEND}"


def card_text(card: "jf.classify.Card") -> str:
    """Return a card as text, one field a line."""
    values = {field.name: getattr(card, field.name) for field in dataclasses.fields(card)}
    values["answers"] = card.labels
    values |= {"of the labels": "; ".join(card.label_notes)} if card.label_notes else {}
    width = max(map(len, values)) + 2
    return "\n".join(f"{name:{width}}{plain(value)}" for name, value in values.items()) + "\n"


def plain(value: object) -> str:
    """Return a value as plain text."""
    return ", ".join(map(plain, value)) if isinstance(value, tuple | list) else str(value)
