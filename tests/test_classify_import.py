"""From a published file to a folder, on the command line too; ONNX on the host; an audit over such folders."""

import dataclasses
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface import audit, classify
from jaxface.classify import preprocess, registry
from jaxface.classify.weights import flat_arrays
from jaxface.cli import main
from jaxface.core import runtime
from jaxface.core.config import dump_toml
from jaxface.core.errors import CheckpointError
from jaxface.core.io import sha256
from jaxface.core.types import EXPRESSIONS
from tests import fake_audit, random_weights
from tests.heads import toy_head

IMPORTED = {"dan-rafdb": 0, "dan-affectnet8": 1, "hsemotion-b0-affectnet7": 2}
"""Name -> seed of its generated weights: those that XLA compiles soonest."""
AUDITED = "hsemotion-b0-affectnet7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the seventeen with generated weights, as the command line imports them."""
    root = tmp_path_factory.mktemp("imported")
    for name, seed in IMPORTED.items():
        file = random_weights.checkpoint(name, str(root / f"{name}.file"), seed)
        assert main.run(["classifiers", "import", name, file, "--out", str(root / name)]) == 0
    return root


@pytest.mark.parametrize("name", IMPORTED)
def test_round_trip_through_import_and_card(name: str, folder: Path) -> None:
    classifier = classify.load(folder / name)
    arrays = flat_arrays(classifier.state)
    for key, array in random_weights.arrays(name, IMPORTED[name]).items():
        np.testing.assert_array_equal(arrays[key], array, err_msg=key)
    card = classify.read_card(folder / name)
    original = classify.read_card(registry.ASSETS / name)
    assert classifier.card == card
    assert card == dataclasses.replace(
        original, weights="weights.safetensors", sha256=sha256(folder / name / "weights.safetensors")
    )


def test_an_imported_file_that_was_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("card.toml", "weights.safetensors"):
        (tmp_path / name).write_bytes((folder / "hsemotion-b0-affectnet7" / name).read_bytes())
    data = bytearray((tmp_path / "weights.safetensors").read_bytes())
    data[-2] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="not the file its card describes"):
        classify.load(tmp_path)


def test_the_checkpoint_decides_between_the_nets_of_a_name(folder: Path, tmp_path: Path) -> None:
    small = classify.load("hsemotion-affectnet7", folder / "hsemotion-b0-affectnet7.file")
    assert small.name == "hsemotion-b0-affectnet7" and small.card.size == 224
    large = classify.load(
        "hsemotion-affectnet7", random_weights.checkpoint("hsemotion-b2-affectnet7", str(tmp_path / "b2"))
    )
    assert large.name == "hsemotion-b2-affectnet7" and large.card.size == 260
    with pytest.raises(CheckpointError, match="does not fit the net"):
        classify.load("hsemotion-affectnet7", folder / "dan-rafdb.file")


def test_other_classes_than_the_card_has(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'head/bias' has shape \(8,\), the net has \(7,\)"):
        classify.load("dan-affectnet7", folder / "dan-affectnet8.file")


@pytest.mark.slow
def test_an_audit_of_an_imported_one_runs_by_config(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(jf.face, "load", lambda source="bundled", **options: toy_head())
    monkeypatch.setattr(runtime, "enable_compile_cache", lambda: tmp_path / "cache")
    calm = classify.from_function(lambda images: jnp.zeros((len(images), len(EXPRESSIONS))), EXPRESSIONS)
    factory = partial(audit.run, searcher_factory=lambda _, *rest: fake_audit.build(calm, *rest))
    monkeypatch.setattr(audit, "run", factory)
    config = dataclasses.replace(
        fake_audit.CONFIG,
        head="bundled",
        classifiers=(str(folder / AUDITED),),
        identities=1,
        expressions=("happiness", "surprise"),
        symmetry_steps=3,
        time_steps=2,  # as many pictures as two expressions are checked with: one program for both
        permutations=19,
    )
    (tmp_path / "one.toml").write_text(dump_toml(config), encoding="utf-8")
    code = main.run(
        ["audit", "--config", str(tmp_path / "one.toml"), "--out", str(tmp_path / "run"), "--quiet"]
    )
    assert code == 0, capsys.readouterr().err
    result = audit.load(tmp_path / "run")
    assert list(result.surfaces.classifier.values) == [AUDITED]
    values = np.asarray(result.surfaces)
    assert np.isfinite(values).all() and ((values >= 0) & (values <= 1)).all()


def test_the_list_tells_where_files_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert main.run(["classifiers"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(classify.names()) <= set(lines)
    assert "affecnet8_epoch5_acc0.6209.pth" in lines["dan-affectnet8"]
    assert "github.com/yaoing/DAN" in lines["dan-affectnet8"] and "MIT" in lines["dan-affectnet8"]
    assert lines["emonext-base-fer2013"].split()[1] == "train"
    assert main.run(["classifiers", "show", "hsemotion-affectnet8"]) == 0
    assert capsys.readouterr().out.count("published_file  enet_b") == 2
    assert main.run(["classifiers", "import", "dan-rafdb"]) == 2
    assert "import needs a name and a file" in capsys.readouterr().err
    assert main.run(["classifiers", "import", "dan-rafdb", "absent.pth"]) == 2
    assert "no checkpoint at absent.pth" in capsys.readouterr().err


# --- ONNX ---


def onnx_model(path: Path, classes: int = 8, size: int | str = 224, batch: int | str = "n") -> Path:
    """Mean colours times a matrix, as a model of images (n, 3, size, size)."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import helper, numpy_helper

    matrix = np.arange(3 * classes, dtype=np.float32).reshape(3, classes)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "matrix"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(("size", "batch"), [(224, "n"), ("h", "n"), (224, 1)])
def test_onnx_runs_on_the_host(size: int | str, batch: int | str, tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "enet_b0_8.onnx", size=size, batch=batch)
    classifier = classify.import_checkpoint("hsemotion-b0-affectnet8", path, tmp_path / "mine")
    assert classifier.on_host and classifier.card.weights == "weights.onnx"
    images = np.random.default_rng(0).random((3, 40, 40, 3), np.float32)
    card = classifier.card
    inputs = np.asarray(jax.jit(lambda images: preprocess.prepare(images, card))(images))
    logits = inputs.mean((1, 2)) @ np.arange(24, dtype=np.float32).reshape(3, 8)
    np.testing.assert_allclose(classifier.logits(images), logits, rtol=1e-4, atol=1e-4)
    assert classify.load(tmp_path / "mine").labels == classifier.labels


def test_onnx_chooses_among_the_nets_of_a_name(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "enet_b2_8.onnx", size=260)
    assert classify.load("hsemotion-affectnet8", path).name == "hsemotion-b2-affectnet8"


def test_onnx_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(CheckpointError) as caught:
            classify.load("hsemotion-b0-affectnet8", path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "returns output ['n', 10] for a batch of images" in refused(
        onnx_model(tmp_path / "a.onnx", classes=10)
    )
    assert "takes images [3, 48, 48]" in refused(onnx_model(tmp_path / "a.onnx", size=48))
    assert "8 images at once" in refused(onnx_model(tmp_path / "a.onnx", batch=8))
    data = (tmp_path / "a.onnx").read_bytes()
    (tmp_path / "a.onnx").write_bytes(data[: len(data) // 2])
    assert "not a complete ONNX model" in refused(tmp_path / "a.onnx")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert "pip install onnxruntime" in refused(tmp_path / "a.onnx")
