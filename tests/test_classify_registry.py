"""Cards and weights as files: round trip, and one clear line for each way they can be wrong."""

import dataclasses
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from jaxface import classify
from jaxface.classify import registry
from jaxface.classify.checkpoints.array_files import read_npz
from jaxface.classify.registry import ASSETS
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.core.io import sha256
from tools.bundled_classifiers import write_weights

NAME = "fer-mini-xception"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ASSETS / NAME, tmp_path / "mine"))


def read_weights(path: Path) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in read_npz(path).items()}


def rewrite(folder: Path, **arrays: np.ndarray | None) -> None:
    """Replace arrays (None: drop) and sign the card anew."""
    path = folder / "weights.npz"
    entries = {name: value for name, value in {**read_weights(path), **arrays}.items() if value is not None}
    write_weights(path, entries)
    classify.write_card(dataclasses.replace(classify.read_card(folder), sha256=sha256(path)), folder)


def test_card_survives_the_round_trip(tmp_path: Path) -> None:
    card = classify.Card(
        name="mine",
        architecture="custom",
        native_labels=("Happy", "sad"),
        size=None,
        channels="grey",
        value_range=255.0,
        mean=(1.5,),
        std=(2.0,),
        resize="nearest",
        antialias=True,
    )
    classify.write_card(card, tmp_path)
    assert classify.read_card(tmp_path) == card


def test_same_arrays_make_the_same_file(folder: Path) -> None:
    write_weights(folder / "again.npz", read_weights(folder / "weights.npz"))
    assert (folder / "again.npz").read_bytes() == (folder / "weights.npz").read_bytes()


def test_checkpoint_takes_the_place_of_the_weights(folder: Path) -> None:
    rewrite(folder, **{"head/bias": np.arange(7, dtype=np.float32)})
    classifier = classify.load(NAME, checkpoint=folder / "weights.npz")
    np.testing.assert_array_equal(classifier.state["head"]["bias"][...], np.arange(7))
    assert classifier.card.sha256 == sha256(folder / "weights.npz")
    assert classifier.card.licence == "unknown"


def test_unknown_names_suggest_the_closest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown classifier 'faceapi', did you mean 'face-api'"):
        classify.load("faceapi")
    with pytest.raises(CheckpointError, match="no classifier's folder at"):
        classify.load(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"no card\.toml in"):
        classify.load(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_weights(folder: Path, share: float) -> None:
    path = folder / "weights.npz"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CheckpointError, match=r"not a readable \.npz|is empty"):
        classify.load(folder)


def test_a_changed_byte_is_noticed(folder: Path) -> None:
    path = folder / "weights.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match=r"not a readable \.npz|SHA-256"):
        classify.load(folder)


def test_other_weights_than_the_card_tells(folder: Path) -> None:
    arrays = read_weights(folder / "weights.npz")
    write_weights(folder / "weights.npz", arrays | {"head/bias": arrays["head/bias"] + 1})
    with pytest.raises(CheckpointError, match="not the file its card describes"):
        classify.load(folder)


def test_renamed_weights(folder: Path) -> None:
    (folder / "weights.npz").rename(folder / "model.npz")
    with pytest.raises(CheckpointError, match=r"no weights at .*weights\.npz"):
        classify.load(folder)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"head/bias": None}, "missing 'head/bias'; 80 arrays expected, 79 present"),
        ({"head/bios": np.zeros(7, np.float32)}, "unknown 'head/bios'"),
        ({"head/bias": np.zeros(8, np.float32)}, r"'head/bias' has shape \(8,\), the net has \(7,\)"),
        ({"head/bias": np.zeros(7, np.int32)}, "'head/bias' has type int32"),
        ({"head/bias": np.full(7, np.nan, np.float32)}, "'head/bias' holds NaN"),
    ],
)
def test_weights_that_do_not_fit(folder: Path, arrays: dict, message: str) -> None:
    rewrite(folder, **arrays)
    with pytest.raises(CheckpointError, match=message):
        classify.load(folder)


def test_weights_of_another_net(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"does not fit the net: missing 'block0/.* and \d+ more; unknown"
    ):
        classify.load(folder, checkpoint=ASSETS / "face-api" / "weights.npz")


def test_pickled_arrays_are_refused(folder: Path) -> None:
    np.savez(folder / "weights.npz", thing=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match=r"not a readable \.npz"):
        classify.load(folder)


def test_a_bare_array_is_refused(folder: Path) -> None:
    with (folder / "weights.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(CheckpointError, match="one array without a name"):
        classify.load(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'architecture = "mini-xception"',
            "unknown architecture 'mini-xception', did you mean 'fer-mini-xception'",
        ),
        ('native_labels = ["hapy"]', r"card\.toml: unknown expression label 'hapy', did you mean 'happy'"),
        ("mean = [1.0, 2.0]", r"card.mean = \(1.0, 2.0\): must be 1 number long"),
        ("std = [0.0]", r"card.std = \(0.0,\): must be finite and more than 0"),
        ("value_range = 0.0", "card.value_range = 0.0: must be more than 0"),
        ("value_range = inf", "card.value_range = inf: must be more than 0"),
        ("value_range = -1.0", "card.value_range = -1.0: must be more than 0"),
        ('weights = "../weights.npz"', "must be the name of a file beside it"),
        ('sha256 = "abc"', "64 hexadecimal digits"),
        ('size = "big"', "size = 'big': must be int"),
        ("sizes = 3", "unknown key 'sizes', did you mean 'size'"),
        ("size = ", "not valid TOML"),
    ],
)
def test_cards_that_cannot_be_used(folder: Path, line: str, message: str) -> None:
    path = folder / "card.toml"
    card = dataclasses.asdict(classify.read_card(folder))
    key = line.split(" = ")[0]
    entries = {name: value for name, value in card.items() if name != key and value is not None}
    path.write_text(tomli_w.dumps(entries) + line + "\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        classify.load(folder)


def test_the_docs_count_what_is_published() -> None:
    """Of the paper's classifiers twelve can be downloaded and five have to be trained; a family is one."""
    families = {part for parts in registry._FAMILIES.values() for part in parts}
    rows = {row["name"]: row for row in classify.describe() if row["name"] not in families}
    weights = Counter(row["weights"] for row in rows.values())
    assert weights == {"bundled": 2, "download": 12, "train": 5}
    text = " ".join((Path(__file__).parents[1] / "docs" / "classifiers.md").read_text().split())
    assert "All seventeen networks are here" in text
    assert "**Twelve have published weights**" in text and "**Five have none**" in text
    for name, row in rows.items():
        assert bool(row["file"]) == (row["weights"] == "download"), name
        assert ("publishes no weights" in row["source"]) == (row["weights"] == "train"), name
