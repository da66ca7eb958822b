"""An ONNX file of one's own: what its input says, how it is imported, and an audit of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxface import audit, classify
from jaxface.classify import onnx_host
from jaxface.cli import main
from jaxface.core.errors import CheckpointError, ConfigError, JaxfaceError
from tests import fake_audit
from tests.onnx_files import write_mean_colours

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

LABELS = ("happy", "calm", "surprised", "joy")
MATRIX = np.array([[3, -1, 0.5, 1], [-2, 1, 2, 0], [0, 1, 1, -1]], np.float32)
IMAGES = np.random.default_rng(0).random((3, 24, 24, 3), np.float32)
FLOAT, HALF, BYTES, LONG = (getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "UINT8", "INT64"))


def write(path: Path, shape: list[Any], kind: int = FLOAT) -> Path:
    """Mean colours (of grey, the grey) times a matrix, as a model of images of this shape and type."""
    return write_mean_colours(path, shape, MATRIX, kind)


def logits_of(means: np.ndarray) -> np.ndarray:
    """Logits of the answers of mean colours (B, C): happy and joy are one."""
    logits = means.astype(np.float64) @ MATRIX[: means.shape[1]]
    happiness = np.log(np.exp(logits[:, 0]) + np.exp(logits[:, 3]))
    return np.stack([happiness, logits[:, 1], logits[:, 2]], axis=-1)


@pytest.mark.parametrize(
    ("shape", "kind", "size", "channels", "scale"),
    [
        (["n", 3, 24, 24], FLOAT, 24, "rgb", 1),
        (["n", 24, 24, 3], FLOAT, 24, "rgb", 1),
        ([1, 24, 24, 3], FLOAT, 24, "rgb", 1),
        (["n", "c", "h", "w"], FLOAT, None, "rgb", 1),
        (["n", "h", "w", 3], FLOAT, None, "rgb", 1),
        (["n", 3, 24, "w"], FLOAT, 24, "rgb", 1),
        (["n", 3, 24, 24], HALF, 24, "rgb", 1),
        (["n", 24, 24, 3], BYTES, 24, "rgb", 255),
        (["n", 3, 24, 24], LONG, 24, "rgb", 255),
        (["n", 1, 24, 24], FLOAT, 24, "grey", 1),
    ],
)
def test_the_input_is_read_from_the_file(
    shape: list[Any], kind: int, size: int | None, channels: str, scale: int, tmp_path: Path
) -> None:
    classifier = classify.load(write(tmp_path / "mine.onnx", shape, kind), labels=LABELS)
    card = classifier.card
    assert (card.name, card.size, card.channels, card.value_range) == ("mine", size, channels, scale)
    assert classifier.labels == ("happiness", "calm", "surprise") and classifier.on_host
    colours = IMAGES @ np.array([0.299, 0.587, 0.114], np.float32) if channels == "grey" else IMAGES
    pixels = np.rint(255 * colours) if scale == 255 else colours
    means = pixels.mean((1, 2)).reshape(3, -1)
    tolerance = 3e-3 if kind == HALF else 2e-5
    np.testing.assert_allclose(classifier.logits(IMAGES), logits_of(means), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (["n", 3, 24, 32], r"takes images \[3, 24, 32\]; must be square"),
        (["n", 4, 24, 24], "must be square, with 3 channels or 1"),
        ([8, 3, 24, 24], "takes 8 images at once"),
    ],
)
def test_other_inputs_are_refused(shape: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        classify.load(write(tmp_path / "mine.onnx", shape), labels=LABELS)


def test_what_is_missing_or_wrong_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "mine.onnx", ["n", 3, 24, 24])

    def refused(*arguments: Any, **options: Any) -> str:
        with pytest.raises(JaxfaceError) as caught:
            classify.load(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "give a label for each, in order, as --labels" in refused(path)
    assert "no ONNX model at" in refused(tmp_path / "absent.onnx", labels=LABELS)
    assert "has 3 labels" in refused(path, labels=LABELS[:3])
    assert "labels are for an .onnx file" in refused("face-api", labels=LABELS)
    assert "is a file, no classifier's folder" in refused(write(tmp_path / "mine.pth", ["n", 3, 24, 24]))
    with pytest.raises(ConfigError, match=r"without an \.onnx file among classifiers"):
        audit.AuditConfig(labels=LABELS)
    (tmp_path / "mine.onnx.data").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"keeps its weights in mine\.onnx\.data; save it as one file"):
        classify.import_onnx(path, LABELS, tmp_path / "out")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert "pip install onnxruntime" in refused(path, labels=LABELS)


def test_a_card_by_hand_needs_little(tmp_path: Path) -> None:
    write(tmp_path / "mine.onnx", ["n", 3, 64, 64])
    card = tmp_path / "card.toml"
    card.write_text('name = "mine"\nnative_labels = ["happy", "calm", "sad", "joy"]\nweights = "mine.onnx"\n')
    assert classify.load(tmp_path).card.size == 64
    card.write_text('native_labels = ["happy"]\n')
    with pytest.raises(CheckpointError, match=r"card\.toml: missing 'name'"):
        classify.load(tmp_path)
    write(tmp_path / "mine.onnx", ["n", 64, 64, 3], BYTES)
    card.write_text('name = "mine"\nnative_labels = ["happy", "calm", "sad", "joy"]\nweights = "mine.onnx"\n')
    with pytest.raises(CheckpointError, match=r"takes uint8 images in 0 \.\.\. 255; .* value_range = 255"):
        classify.load(tmp_path)


def test_it_is_imported_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write(tmp_path / "my.onnx", ["n", 3, 24, 24]), tmp_path / "models" / "mine"
    command = ["classifiers", "import", str(path), "--out", str(out)]
    assert main.run(command) == 2
    assert "give --labels, one for each" in capsys.readouterr().err
    flags = ["--labels", "happy,calm,surprised,joy", "--mean", "0.5", "--std", "0.5"]
    assert main.run([*command, *flags]) == 0
    text = capsys.readouterr().out
    assert "its outputs 'happy' and 'joy' are one answer" in text
    assert "its input: rgb, 24 x 24 pixels, (image * 1 - 0.5) / 0.5" in text
    classifier = classify.load(out)
    assert classifier.name == "mine" and classifier.card.sha256
    means = (IMAGES.mean((1, 2)) - 0.5) / 0.5
    np.testing.assert_allclose(classifier.logits(IMAGES), logits_of(means), rtol=1e-4, atol=1e-4)


def test_it_is_audited_by_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "my.onnx", ["n", 3, 24, 24])
    options = {"classifiers": (str(path),), "labels": ("happy,calm", "surprised,joy")}
    config = audit.AuditConfig(**{**vars(fake_audit.CONFIG), **options})
    result = audit.run(config, tmp_path / "run", searcher_factory=fake_audit.build)
    assert list(result.data["classifier"].values) == ["my"] and result.failures == 0
    assert audit.load(tmp_path / "run").config.labels == LABELS
    again = audit.run(config, tmp_path / "run", searcher_factory=fake_audit.build)
    np.testing.assert_array_equal(again.surfaces, result.surfaces)


def test_the_flag_reaches_the_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "my.onnx", ["n", 3, 24, 24])
    command = ["audit", "--classifiers", str(path), "--dry-run", "--expressions", "happiness", "surprise"]
    assert main.run([*command, "--labels", "happy,calm,surprised,joy", "--identities", "3"]) == 0
    assert "6 (classifier x expression x person)" in capsys.readouterr().out
    assert main.run(command) == 2
    assert "as --labels happiness,sadness,neutral" in capsys.readouterr().err


def test_sizes_are_what_the_session_says(tmp_path: Path) -> None:
    assert onnx_host.card_of(write(tmp_path / "a.onnx", ["n", 3, 24, 24]), LABELS, size=None).size is None
