"""The contract of the paper's ten architectures.

Seven networks are held to all of it by what the originals compute on generated weights: these go into a file as
the authors publish theirs, through `import` into a folder, and the folder answers. Nobody recorded HSEmotion-B2
and EmoNeXt-S/B/L; they are B0 and EmoNeXt-T by the same code with another table of widths and depths, so
what can go wrong is that table. It shows in the number of parameters, in keys and shapes of published tensors
and in the shapes of the maps: no weights are made and nothing is compiled for them.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface import classify
from jaxface.classify import loading
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.classifier import FlaxNetwork
from jaxface.classify.nets import convolutions
from jaxface.classify.preprocess import prepare
from jaxface.classify.registry import ASSETS
from jaxface.core.errors import CheckpointError
from jaxface.core.io import sha256
from jaxface.core.types import expression_names
from tests import classifier_fixtures as fixtures
from tests import random_weights, torch_files, torch_state_dicts
from tests.shared import shared_file

QUICKLY = {"xla_backend_optimization_level": 0}  # half precision is asked to run, not to be fast
PUBLISHED = {"ddamfn_7": "ddamfn_7.pth"}  # a fixture in the container of its authors, ready-made


class Answer(NamedTuple):
    """A net, imported with a fixture's weights, and what it makes of the fixture's images."""

    row: fixtures.Row
    classifier: classify.Classifier
    folder: Path
    arrays: dict[str, np.ndarray]
    logits: np.ndarray
    maps: dict[str, Any]
    beside: np.ndarray
    """Logits of the second image twice, by a classifier that is put together anew around the same numbers."""
    traces: int
    """How often the network was traced for these two batches."""

    @property
    def tolerance(self) -> float:
        """Ten times what single precision costs the original, and a ten-thousandth."""
        logits, exact = self.arrays["logits"], self.arrays["logits_f64"]
        return float(10 * np.abs(logits - exact).max() + 1e-4 * np.abs(logits).max())


@pytest.fixture(scope="module", params=fixtures.ROWS, ids=str)
def answer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    row, folder = request.param, tmp_path_factory.mktemp("imported")
    arrays, file = checkpoint(row, folder)
    classifier = classify.import_checkpoint(row.name, file, folder)
    if row.file not in PUBLISHED:
        file.unlink()
    traces = []

    @jax.jit
    def run(classifier: classify.Classifier, images: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        traces.append(images.shape)
        return classifier.network(classifier.state, images)

    images = arrays["input_norm_nhwc"]
    logits, maps = run(classifier, images)
    card = classify.read_card(folder)
    anew = classify.Classifier(classifier.state, loading.build(card)[0], card)
    beside = run(anew, images[[1, 1]])[0]
    yield Answer(row, classifier, folder, arrays, np.asarray(logits), maps, np.asarray(beside), len(traces))
    (folder / card.weights).unlink()


def checkpoint(row: fixtures.Row, folder: Path) -> tuple[dict[str, np.ndarray], Path]:
    """A fixture's arrays, and its weights in a file as they are published."""
    if row.file in PUBLISHED:
        return fixtures.arrays_of(row.file), shared_file(f"fixtures/classifiers/{PUBLISHED[row.file]}")
    state_dict, arrays = fixtures.load(row.file)
    return arrays, torch_files.save_zip(folder / "best.pth", row.container(state_dict))


def test_logits_are_the_originals(answer: Answer) -> None:
    logits = answer.arrays["logits"]
    np.testing.assert_allclose(answer.logits, logits, atol=answer.tolerance, rtol=0)
    np.testing.assert_array_equal(answer.logits.argmax(1), logits.argmax(1))


def test_maps_are_the_originals(answer: Answer) -> None:
    for ours, theirs in answer.row.taps.items():
        got, maps = fixtures.tap(answer.arrays, theirs, answer.maps[ours])
        np.testing.assert_allclose(
            got, maps, atol=answer.row.tolerance * np.abs(maps).max(), rtol=0, err_msg=ours
        )


def test_labels_and_card_came_through_import(answer: Answer) -> None:
    assert answer.classifier.labels == expression_names(answer.row.labels)
    assert answer.classifier.card == dataclasses.replace(
        classify.read_card(ASSETS / answer.row.name),
        weights="weights.safetensors",
        sha256=sha256(answer.folder / "weights.safetensors"),
    )


def test_an_answer_does_not_depend_on_its_neighbours(answer: Answer) -> None:
    np.testing.assert_array_equal(answer.beside[1], answer.logits[1])  # another image stood in the first place
    np.testing.assert_allclose(answer.beside[0], answer.logits[1], atol=answer.tolerance, rtol=0)
    assert np.abs(answer.logits[0] - answer.logits[1]).max() > 100 * answer.tolerance


def test_one_program_serves_a_net_however_often_it_is_loaded(answer: Answer) -> None:
    assert answer.traces == 1


def test_half_precision_runs(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of one, in the form for accelerators: bfloat16 is for them."""
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    half = jax.tree.map(lambda array: array.astype(jnp.bfloat16), answer.classifier.state)
    images = jnp.asarray(answer.arrays["input_norm_nhwc"][:1], jnp.bfloat16)
    run = jax.jit(lambda state, images: answer.classifier.network(state, images)[0])
    logits = run.lower(half, images).compile(QUICKLY)(half, images)
    assert logits.shape == (1, len(answer.row.labels)) and logits.dtype == jnp.bfloat16
    # less than a seventh of what another face does was seen
    another = np.abs(answer.logits[0] - answer.logits[1]).max()
    np.testing.assert_allclose(logits.astype(jnp.float32)[0], answer.logits[0], atol=another / 4, rtol=0)


def test_images_are_prepared_as_for_the_original(answer: Answer) -> None:
    raw, normal = answer.arrays["input_raw_nhwc"], answer.arrays["input_norm_nhwc"]
    if (
        answer.classifier.card.channels == "grey3"
    ):  # the fixture's images are in colour: only their range is kept
        np.testing.assert_array_equal(normal, raw)
    else:
        np.testing.assert_allclose(prepare(raw, answer.classifier.card), normal, atol=1e-6)


# --- without weights ---

UNRECORDED = {
    "hsemotion-b2-affectnet7": torch_state_dicts.b2,
    **{
        f"emonext-{size}-fer2013": partial(torch_state_dicts.emonext, size)
        for size in ("small", "base", "large")
    },
}
NETS = (*(row.name for row in fixtures.ROWS), *UNRECORDED)
MILLIONS = {  # parameters of the original, and how many of them its logits do not depend on
    "dan": (19.72, 0),
    "ddamfn": (4.19, 81_422),
    "emonext-tiny": (30.56, 1_773_312),
    "emonext-small": (52.20, 1_773_312),
    "emonext-base": (91.77, 3 * 1024 * 1025 + 2 * 1024),
    "emonext-large": (204.58, 3 * 1536 * 1537 + 2 * 1536),
    "hsemotion-b0": (4.02, 0),
    "hsemotion-b2": (7.71, 0),
    "poster-v2": (58.32, 14_562_653),
    "resmasking": (137.80, 0),
    "segvgg19": (169.22, 0),
}
EMBEDDING = {"poster-v2": 768, "hsemotion-b0": 1280, "hsemotion-b2": 1408, "segvgg19": 4096} | {
    f"emonext-{size}": 8 * width for size, (_, width) in torch_state_dicts.EMONEXT.items()
}
every = pytest.mark.parametrize("name", NETS)


def original(name: str) -> dict[str, np.ndarray]:
    """The tensors that a network was published with, but for the numbers."""
    if name in UNRECORDED:
        return torch_state_dicts.tensors(UNRECORDED[name]())
    return fixtures.tensors_of(next(row.file for row in fixtures.ROWS if row.name == name))


def test_emonexts_tensors_are_named_as_the_recorded_ones() -> None:
    shapes = {
        key: array.shape for key, array in original("emonext-tiny-fer2013").items() if array.dtype == "f4"
    }
    assert torch_state_dicts.emonext("tiny") == shapes


@every
def test_parameters_are_as_many_as_the_originals(name: str) -> None:
    ours = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(random_weights.module(name), nnx.Param)))
    millions, dead = MILLIONS[classify.read_card(ASSETS / name).architecture]
    assert round((ours + dead) / 1e6, 2) == millions


@every
def test_every_published_tensor_has_its_place_and_every_place_its_tensor(name: str) -> None:
    layout = ARCHITECTURES[classify.read_card(ASSETS / name).architecture].torch
    module, tensors, shapes = random_weights.module(name), original(name), random_weights.shapes(name)
    assert layout is not None
    arrays = Translated(module, layout, tensors, name)
    assert {key: arrays[key].shape for key in arrays} == shapes
    first = next(key for key in tensors if key.endswith(".weight") and tensors[key].ndim == 4)
    with pytest.raises(CheckpointError, match=r"missing .* arrays expected"):
        Translated(module, layout, {key: tensors[key] for key in tensors if key != first}, name)


@every
@pytest.mark.parametrize(("batch", "dtype"), [(1, jnp.float32), (3, jnp.bfloat16)])
def test_shapes_and_types_pass_through(
    name: str, batch: int, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the form for accelerators, which takes all images at once."""
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    card = classify.read_card(ASSETS / name)
    structure, state = nnx.split(random_weights.module(name))
    net = FlaxNetwork(structure)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), state)
    images = jax.ShapeDtypeStruct((batch, card.size, card.size, 3), dtype)
    logits, maps = jax.eval_shape(net, state, images)
    assert logits.shape == (batch, len(card.labels)) and logits.dtype == dtype
    assert maps["embedding"].shape == (batch, EMBEDDING.get(card.architecture, 512))
    assert all(value.shape[0] == batch for value in maps.values())
