"""GReFEL's networks: sizes, files they begin with, what is trained, and the studies on a handful of images."""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.weights import fill
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.data import ArraySource, Dataset
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.grefel import weights
from jaxface.frameworks.grefel.config import GrefelConfig, SmallConfig
from jaxface.frameworks.grefel.extractor import POSTER, DropPath, Extractor, small_shape
from jaxface.frameworks.grefel.networks import Grefel, preprocess
from jaxface.frameworks.grefel.train import FRAMEWORK
from studies.grefel import reliability, variants
from studies.seeds import aggregate_seeds
from tests import classifier_fixtures
from tests.framework_fixtures import grefel_fixture
from tests.shared import shared_file

LABELS = ("happiness", "sadness", "surprise")


def abstract(build: Any) -> Any:
    return nnx.eval_shape(build)


def shapes(module: Any, *inputs: tuple[int, ...]) -> Any:
    """What a module gives, by shape alone."""
    graphdef, state = nnx.split(module)
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in inputs]
    result = jax.eval_shape(lambda state, *inputs: nnx.merge(graphdef, state)(*inputs), state, *arrays)
    return jax.tree.map(lambda array: array.shape, result)


@pytest.fixture(scope="module")
def whole() -> Any:
    """GReFEL in POSTER++'s size, without numbers."""
    return abstract(lambda: Grefel(GrefelConfig(), Task(labels=LABELS), rngs=nnx.Rngs(0)))


def test_posters_own_size(whole: Grefel) -> None:
    """112 pixels inside, 147 tokens and the class token, an embedding of 768, head 384-192-96."""
    assert POSTER.tokens == 148
    module = whole
    embedding, maps = shapes(module.extractor, (2, 112, 112, 3))
    assert embedding == (2, 768) and maps["tokens"] == (2, 147, 768)
    assert [maps[f"attended{level}"] for level in range(3)] == [
        (2, 28, 28, 64),
        (2, 14, 14, 128),
        (2, 7, 7, 256),
    ]
    assert [dense.kernel.shape for dense in module.head.dense] == [(768, 384), (384, 192), (192, 96)]
    assert module.anchors.anchors.shape == (3, 10, 768)
    live = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module.extractor, nnx.Param)))
    assert 43.6e6 < live < 43.8e6  # POSTER++ has 43.7 M, and its head a few thousand of them


@pytest.mark.parametrize(("size", "inside"), [(64, 64), (48, 64), (40, 32), (32, 32), (100, 96)])
def test_the_small_one_has_the_same_shape(size: int, inside: int) -> None:
    shape = small_shape(SmallConfig(), size)
    assert shape.inside == inside
    embedding, maps = shapes(abstract(lambda: Extractor(shape, rngs=nnx.Rngs(0))), (2, inside, inside, 3))
    assert embedding == (2, 64) and maps["tokens"] == (2, shape.tokens - 1, 64)


def test_what_the_backbones_see() -> None:
    """Every second pixel of 224; 112 as they are."""
    images = jax.random.uniform(jax.random.key(0), (2, 224, 224, 3))
    inputs = preprocess(images, POSTER)
    np.testing.assert_array_equal(preprocess(images[:, ::2, ::2], POSTER), inputs)
    np.testing.assert_allclose(inputs[0, 5, 7], (images[0, 10, 14] - np.array([0.485, 0.456, 0.406])) /
                               np.array([0.229, 0.224, 0.225]), rtol=1e-5)  # fmt: skip


def published() -> dict[str, np.ndarray]:
    """The tensors of POSTER++'s checkpoint by name, shape and type; they take no memory."""
    path = shared_file("fixtures/classifiers/posterv2_7.npz")
    sys.path.insert(0, str(path.parent))
    try:
        import generate
    finally:
        sys.path.remove(str(path.parent))
    integers = {"bn_count", "relpos_index"}
    return {
        row[0]: np.broadcast_to(np.zeros((), np.int64 if row[2] in integers else np.float32), row[1])
        for row in generate.load_fixture(path)[0]
    }


def inside(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def test_every_published_tensor_has_its_place(whole: Grefel) -> None:
    tensors, net = published(), whole.extractor
    cases: list[tuple[Any, Any, dict[str, np.ndarray]]] = [
        (net, weights.WHOLE, tensors),
        (net.image, weights.IMAGE, inside(tensors, "ir_back.")),
        (net.landmark, weights.LANDMARK, inside(tensors, "face_landback.")),
    ]
    for module, layout, source in cases:
        arrays = Translated(module, layout, source, "poster")
        for path, leaf in nnx.to_flat_state(nnx.state(module)):
            assert arrays["/".join(map(str, path))].shape == leaf.shape
    flat = {}
    for name, tensor in inside(tensors, "ir_back.").items():
        stage, _, rest = name.partition(".")
        if stage.startswith("body"):
            unit, _, rest = rest.partition(".")
            name = f"body.{int(unit) + {'1': 0, '2': 3, '3': 7}[stage[-1]]}.{rest}"
        flat[name] = tensor
    assert len(Translated(net.image, weights.IMAGE, flat, "ir50")) > 100


def test_the_whole_extractor_sees_what_the_published_network_sees(whole: Grefel) -> None:
    """5e-6 as for `classify`'s POSTER++; every second pixel, as its authors shrink them."""
    tensors, arrays = classifier_fixtures.load("posterv2_7")
    graphdef, state = nnx.split(whole.extractor)
    full_state = fill(state, Translated(whole.extractor, weights.WHOLE, tensors, "poster"), "poster")
    images = jnp.asarray(arrays["input_norm_nhwc"][:, ::2, ::2])
    embedding, maps = jax.jit(lambda state, images: nnx.merge(graphdef, state)(images))(full_state, images)
    levels = {f"ffn{level + 1}": maps[f"attended{level}"] for level in range(3)}
    for place, ours in {**levels, "VIT.se_block": embedding}.items():
        ours, theirs = classifier_fixtures.tap(arrays, place, ours)
        assert np.abs(ours - theirs).max() < 5e-6 * np.abs(theirs).max(), place


def test_a_file_that_is_not_there(tmp_path: Path, whole: Grefel) -> None:
    config = GrefelConfig(landmark_weights=str(tmp_path / "none.pth"))
    with pytest.raises(CheckpointError, match=r"none\.pth"):
        weights.load_extractor(config, nnx.state(whole))


def test_frozen_backbones_are_those_that_were_read(whole: Grefel) -> None:
    assert GrefelConfig().frozen == () and GrefelConfig(start="a").frozen == ("image", "landmark")
    config = GrefelConfig(image_weights="a")
    assert config.frozen == ("image",) and dataclasses.replace(config, train_backbones=True).frozen == ()
    step = FRAMEWORK.make_step(config, Task(labels=LABELS), TrainConfig(), nnx.graphdef(whole))
    state = jax.eval_shape(step.init, nnx.state(whole))
    assert "image" not in state.params["extractor"] and "landmark" in state.params["extractor"]


def test_whole_branches_are_dropped(key: jax.Array) -> None:
    layer, maps = DropPath(0.25), jnp.ones((64, 4, 2))
    np.testing.assert_array_equal(layer(maps), maps)
    layer.training, layer.key = True, key
    outputs = np.asarray(layer(maps)).reshape(64, -1)
    assert set(np.unique(outputs)) == {0.0, np.float32(4 / 3)} and (outputs == outputs[:, :1]).all()
    assert 32 < (outputs[:, 0] > 0).sum() < 62


def few(count: int) -> Dataset:
    """Pictures of three colours."""
    draw, label = np.random.default_rng(0), np.arange(count, dtype=np.int32) % 3
    images = draw.integers(0, 128, (count, 32, 32, 3)) + 127 * np.eye(3, dtype=int)[label][:, None, None]
    return Dataset("colours", ArraySource(images.astype(np.uint8)), {"label": label}, LABELS)


def test_flips_are_as_many_as_asked() -> None:
    data = few(40)
    noisy = variants.flip_labels(data, 0.3, seed=1)
    flips = noisy.column("label") != data.column("label")
    assert flips.sum() == 12 and noisy.column("label").max() < 3
    np.testing.assert_array_equal(noisy.column("clean"), data.column("label"))
    again, other = variants.flip_labels(data, 0.3, seed=1), variants.flip_labels(data, 0.3, seed=2)
    np.testing.assert_array_equal(noisy.column("label"), again.column("label"))
    assert (noisy.column("label") != other.column("label")).any()


@pytest.fixture
def hastily_compiled() -> Iterator[None]:
    """Programs that run three times are not worth XLA's optimisations."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("hastily_compiled")
def test_a_study_from_training_to_its_row() -> None:
    """SCN: it remembers the labels that it corrects, and its answers have no corrected ones beside them."""
    base = grefel_fixture(jax.random.key(0)).config
    base = dataclasses.replace(base, scn=dataclasses.replace(base.scn, relabel_from=0.0, relabel_margin=0.0))
    train = TrainConfig(steps=3, batch=8, optimizer=OptimizerConfig("sgd"))
    run = variants.train_variant(
        variants.Variant("scn", variants.with_method(base, "scn"), 0.3), train, few(16), few(9), 0
    )
    assert run.primary.shape == (9, 3) and run.corrected is None
    np.testing.assert_allclose(run.primary.sum(1), 1.0, rtol=1e-5)
    row = variants.metrics_row(run, few(9))
    assert 0 <= row["accuracy"] <= 1 and "corrected_accuracy" not in row and row["last_relabelled"] > 0
    means = aggregate_seeds([row, {**row, "accuracy": row["accuracy"] + 0.2}])
    assert means["accuracy"] == pytest.approx(row["accuracy"] + 0.1)
    assert means["accuracy_sd"] == pytest.approx(0.2 / 2**0.5)


def test_studies_are_the_papers() -> None:
    base = GrefelConfig()
    assert len(variants.variants("anchors", base)) == 7 and len(variants.variants("losses", base)) == 9
    first, *_, last = variants.variants("noise", base, variants.Grid(anchors=(0, 10), noise=(0.0, 0.5)))
    assert first.config.method == "cross-entropy" and first.noise == 0.0
    assert last.config.balance.anchors == 10 and last.config.method == "grefel" and last.noise == 0.5
    names = [variant.name for study in variants.STUDIES for variant in variants.variants(study, base)]
    assert len(names) > 200
    with pytest.raises(ConfigError, match="did you mean 'smoothing'"):
        variants.variants("smothing", base)


def test_reliability_of_answers(tmp_path: Path) -> None:
    answers = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.4, 0.6]])
    truth = np.array([0, 1, 1, 1])
    result = reliability.bins(answers, truth, 5)
    np.testing.assert_array_equal(result.counts, [0, 0, 1, 1, 2])
    assert result.error == pytest.approx((2 * 0.4 + 0.3 + 0.4) / 4)
    assert reliability.confidence_stats(answers) == pytest.approx((answers.std(), 0.9, 0.1))
    np.testing.assert_allclose(reliability.error_shares(answers.argmax(1), truth, 2), [0.0, 1.0])
    reliability.draw(tmp_path / "diagram.svg", {"before": result, "after": result})
    assert (tmp_path / "diagram.svg").read_text("utf-8").count("error 0.375") == 2
