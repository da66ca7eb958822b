"""Mending: a planted dependence goes, what the net was good for stays, and what was stopped goes on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

import jaxface as jf
from jaxface import classify, data, search
from jaxface.classify import Classifier, exported
from jaxface.classify.classifier import FlaxNetwork
from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.cli import mend as cli_mend
from jaxface.core.errors import ConfigError, FunctionError, JaxfaceError, StoreError
from jaxface.core.progress import NullProgress
from jaxface.data import AugmentConfig
from jaxface.face import FaceModel
from jaxface.face.population import standard_normal_prior
from jaxface.frameworks.common.config import Task
from jaxface.mending import MendConfig, MendResult
from jaxface.mending import ground as grounds
from jaxface.mending.config import TestHeadConfig
from jaxface.mending.measures import build_probe
from jaxface.mending.panels import Panel, measure
from jaxface.mending.student import trainable_names, weights_of
from jaxface.mending.training import MendFramework, ObjectiveConfig, train_candidate
from jaxface.render import Scene
from jaxface.search import SearchConfig, SearchResult
from tests.heads import toy_head
from tests.planted import RENDER, SIZE

LABELS = ("happy", "surprise", "angry", "neutral")
CELLS = 8
CONFIG = MendConfig(
    head=toy_head(),
    part="last",
    alpha=(0.01, 0.5),
    expressions=("happiness", "surprise", "anger"),
    people=16,
    held_out_people=6,
    audit_people=4,
    max_loss_of_accuracy=0.05,
    max_loss_of_agreement=0.2,
    steps=150,
    batch=16,
    learning_rate=0.05,
    checkpoint_every=40,
    symmetry_steps=3,
    permutations=99,
    reached_probability=0.0,
    search=SearchConfig(method="prototype"),
    render=RENDER,
)
QUIET = NullProgress()
CARD = classify.Card(name="one-sided", native_labels=LABELS, size=SIZE, weights="")


def cells(images: Any) -> Any:
    """Return (B, CELLS^2) differences of the red channel, in a grid of cells, from the background."""
    block = SIZE // CELLS
    grid = images[..., 0].reshape(-1, CELLS, block, CELLS, block).mean((2, 4))
    return 10.0 * (grid.reshape(-1, CELLS**2) - 0.35)


def forward(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """A linear net on whitened cells, so that gradients find their way in a few steps."""
    features = (cells(images) - weights["white/mean"][None]) @ weights["white/matrix"]
    return features @ weights["head/kernel"] + weights["head/bias"][None]


def one_sided(plain: np.ndarray, half: np.ndarray, label: np.ndarray) -> dict[str, np.ndarray]:
    """Weights that read the subject's left half alone, by ridge regression on plain faces.

    Args:
        half: the same faces with a frozen side, which the whitening knows, too.
    """
    features, others = (np.asarray(cells(images.astype(np.float32) / 255.0)) for images in (plain, half))
    is_left = np.tile(np.arange(CELLS) >= CELLS // 2, CELLS)
    inputs = np.concatenate([features * is_left, np.ones((len(features), 1))], axis=1)
    target = 8.0 * np.eye(len(LABELS))[label]
    solution = np.linalg.solve(inputs.T @ inputs + 0.05 * np.eye(inputs.shape[1]), inputs.T @ target)
    everything = np.concatenate([features, others])
    mean = everything.mean(0)
    axes, variances, _ = np.linalg.svd(np.cov(everything.T))
    matrix = (axes / np.sqrt(variances + 0.01)) @ axes.T
    weights = {
        "white/mean": mean,
        "white/matrix": matrix,
        "head/kernel": np.linalg.solve(matrix, solution[:-1]),
        "head/bias": solution[-1] + mean @ solution[:-1],
    }
    return {name: leaf.astype(np.float32) for name, leaf in weights.items()}


@pytest.fixture(scope="module")
def ground() -> grounds.Ground:
    blank = classify.from_function(lambda images: jnp.zeros((len(images), 4)), LABELS, size=SIZE)
    return grounds.build_ground(CONFIG, blank, CONFIG)


@pytest.fixture(scope="module")
def folder(ground: grounds.Ground, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a net whose answers depend on one side."""
    faces = grounds.plain_faces(ground, 99, 24)
    plain = grounds.unchanged_pictures(ground, faces)
    half = grounds.pictures(ground, ground.against[0], faces.params, 0.0)
    path = tmp_path_factory.mktemp("one-sided")
    exported.write(path, CARD, forward, one_sided(plain, half, faces.label))
    return path


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> MendResult:
    config = dataclasses.replace(CONFIG, classifier=str(folder))
    return jf.mending.mend(config, tmp_path_factory.mktemp("mend") / "out", QUIET)


def test_a_dependence_on_one_side_goes_and_accuracy_stays(result: MendResult) -> None:
    """On people whom nothing was trained on or chosen by, as the probe and as the audit see it."""
    rows = {name: (before, after) for name, before, after in result.rows}
    for name in ("bias symmetry", "audit symmetry: size"):
        before, after = rows[name]
        assert before > 0.5 and after < before / 2
    before, after = rows["accuracy"]
    assert before > 0.85 and after >= before - 0.1
    assert result.choice == 1 and not result.candidates[1].loss
    assert rows["agreement"][0] == 1.0 and rows["agreement"][1] > 0.85


def test_more_weight_on_the_method_is_less_bias(result: MendResult) -> None:
    shares = [row["share_left"] for row in result.curve]
    assert shares[0] == 1.0 > shares[1] > shares[2]


def test_the_result_is_a_classifiers_folder_with_its_tables(result: MendResult) -> None:
    again = classify.load(result.folder)
    assert again.name == "out" and again.labels == ("happiness", "surprise", "anger", "neutral")
    assert "fine-tuned from one-sided against symmetry by consistency (alpha 0.5" in again.card.note
    images = np.random.default_rng(0).uniform(0, 1, (3, SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_array_equal(again.logits(images), result.classifier.logits(images))
    record = json.loads((result.folder / "mend.json").read_text())
    assert record["choice"] == 0.5 and [row["alpha"] for row in record["curve"]] == [0.0, 0.01, 0.5]
    assert record["effects"]["audit before"][0]["identities"] == CONFIG.audit_people
    for name, lines in (("curve.csv", 4), ("mend.csv", 1 + len(result.rows))):
        assert (result.folder / name).read_text().count("\n") == lines
    assert "agreement" in cli_mend.curve_text(result) and " * " in cli_mend.curve_text(result)
    assert "audit symmetry: size" in cli_mend.before_after_text(result)
    assert len(repr(result)) < 200


def test_the_page_shows_the_curve_the_numbers_and_the_faces_with_another_answer(result: MendResult) -> None:
    page = (result.folder / "mend.html").read_text()
    assert result.before is not None and result.after is not None
    left = result.after.bias["symmetry"] / result.before.bias["symmetry"]
    assert f"<h1>Symmetry changes the answers {100 * (1 - left):.0f} % less than before" in page
    for name, before, after in result.rows:
        assert name.replace("_", " ") in page
        assert all(f">{value:.3f}<".replace("-", "−") in page for value in (before, after))
    flips = [one for one in result.changed if one.intervention == "symmetry"]
    repairs = sum(one.is_repaired for one in flips)
    assert f"Far end of symmetry: {len(flips)} other answers" in page
    assert f"{repairs} were wrong and are right now" in page and repairs > len(flips) / 2
    assert not any(one.is_repaired and one.is_lost for one in flips)
    assert page.count("<svg") == 1 and page.count("<img") == sum(
        min(12, sum(one.intervention == name for one in result.changed)) for name in ("", "symmetry")
    )


def test_before_and_after_are_runs_that_a_report_compares(result: MendResult) -> None:
    runs = [jf.audit.load(result.folder / name / "symmetry") for name in ("before", "after")]
    table = jf.report.comparison_table(*runs)
    assert "one-sided and out" in table
    for name in ("identity_parameters", "albedo_parameters"):
        np.testing.assert_array_equal(runs[0].data[name], runs[1].data[name])


def test_nobody_is_in_two_streams(ground: grounds.Ground, result: MendResult) -> None:
    streams = [
        np.asarray(grounds.plain_faces(ground, stream, 20).params.identity)
        for stream in (grounds.TRAINING, grounds.CHOOSING, grounds.TESTING)
    ]
    people = np.unique(np.concatenate(streams), axis=0)
    assert len(people) == 60
    audited = jf.audit.load(result.folder / "before" / "symmetry").data["identity_parameters"].values
    assert not (audited[:, None] == people[None]).all(-1).any()


class Killed(NullProgress):
    """Dies in the second candidate's training."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, units: int = 1, note: str = "") -> None:
        self.left -= units
        if self.left == 0:
            raise SystemError("killed")


def test_killed_and_resumed_ends_with_the_same_bits(result: MendResult, folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, classifier=str(folder))
    out = tmp_path / "out"
    with pytest.raises(SystemError):
        jf.mending.mend(config, out, Killed(3 + CONFIG.steps + 50))
    assert not (out / "card.toml").exists()
    again = jf.mending.mend(config, out, QUIET)
    assert again.rows == result.rows and again.curve == result.curve
    first, second = (one.folder / "weights.safetensors" for one in (result, again))
    assert first.read_bytes() == second.read_bytes()


def test_without_a_candidate_within_the_guard_the_original_is_kept(folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG,
        classifier=str(folder),
        methods=("squared_logits",),
        alpha=(1.0,),
        learning_rate=3.0,
        steps=20,
        max_loss_of_accuracy=0.0,
    )
    result = jf.mending.mend(config, tmp_path / "out", QUIET)
    assert result.choice is None and result.rows == []
    assert result.candidates[0].loss == "accuracy and agreement"
    assert result.classifier.name == "one-sided"
    assert not (tmp_path / "out" / "card.toml").exists() and not (tmp_path / "out" / "before").exists()
    assert "the original is kept" in (tmp_path / "out" / "mend.html").read_text()
    assert "loses too much accuracy and agreement" in cli_mend.curve_text(result)
    assert json.loads((tmp_path / "out" / "mend.json").read_text())["choice"] is None


def test_two_interventions_and_two_methods_are_trained_at_once(folder: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG,
        classifier=str(folder),
        against=("symmetry", "brightness"),
        intervention_settings={"steps": 3},
        methods=("consistency", "group_dro"),
        alpha=(0.5,),
        max_loss_of_accuracy=0.2,
        max_loss_of_agreement=0.5,
    )
    result = jf.mending.mend(config, tmp_path / "out", QUIET)
    rows = {name: (before, after) for name, before, after in result.rows}
    assert result.choice == 0
    for name in config.against:
        before, after = rows[f"bias {name}"]
        assert before > 0.05 and after < 0.75 * before
    assert {"audit symmetry: size", "audit brightness: size"} < set(rows)


def test_users_data_are_guarded_too(folder: Path, tmp_path: Path, ground: grounds.Ground) -> None:
    """Pictures in class folders; their labels are wrong, so that accuracy there is about nothing."""
    faces = grounds.plain_faces(ground, 7, 2)
    images = grounds.unchanged_pictures(ground, faces)
    for index, (image, label) in enumerate(zip(images, faces.label, strict=True)):
        path = tmp_path / "data" / LABELS[(label + 1) % 4] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    config = dataclasses.replace(
        CONFIG,
        classifier=str(folder),
        data="folder",
        root=tmp_path / "data",
        alpha=(0.5,),
        audit_people=1,
        max_loss_of_agreement=0.5,
    )
    result = jf.mending.mend(config, tmp_path / "out", QUIET)
    assert result.original.data["accuracy"] < 0.5 < result.original.utility.accuracy
    assert result.original.data["agreement"] == 1.0
    names = {name for name, _, _ in result.rows}
    assert names >= {"data accuracy", "data agreement", "data calibration_error"}
    panel = Panel(build_probe(ground, grounds.CHOOSING, 1), dataset=data.open("folder", config.root))
    net = classify.load(folder)
    _, reference = measure(net, panel)
    opposite = dataclasses.replace(net, state={**net.state, "head/kernel": -net.state["head/kernel"]})
    assert measure(net, panel, reference)[0].data["agreement"] == 1.0
    assert measure(opposite, panel, reference)[0].data["agreement"] < 0.5


class ScaledSearcher:
    """Takes the head's hand-set expressions, weaker ones for any classifier but the original."""

    def __init__(self, classifier: Classifier, head: FaceModel, scene: Scene, *_: Any) -> None:
        self.size = 1.0 if classifier.name == "one-sided" else 0.9
        self.searcher = search.build(classifier, head, scene, SearchConfig(method="prototype"))

    def run(self, key: jax.Array, params: Any, targets: np.ndarray) -> SearchResult:
        result = self.searcher.run(key, params, targets)
        return dataclasses.replace(result, expression=self.size * result.expression)


def test_the_result_is_audited_by_a_search_of_its_own_and_on_the_originals_faces(
    folder: Path, tmp_path: Path
) -> None:
    """And on a second head, which cannot take what is only watched."""
    looks = toy_head().appearance
    plain = dataclasses.replace(
        looks,
        basis=looks.basis[..., :0],
        opacities=looks.opacities[:, -1:],
        colours=looks.colours[..., -1:],
    )
    other = dataclasses.replace(toy_head(), name="other", appearance=plain, population=standard_normal_prior(2))
    config = dataclasses.replace(
        CONFIG,
        classifier=str(folder),
        alpha=(0.5,),
        audit_people=3,
        search=SearchConfig(),
        watch=("skin_tone",),
        intervention_settings={"steps": 3},
        test_head=TestHeadConfig(head=other),
        max_loss_of_accuracy=1.0,
        max_loss_of_agreement=1.0,
    )
    result = jf.mending.mend(config, tmp_path / "out", QUIET, searcher_factory=ScaledSearcher)
    assert list(result.audits) == ["audit", "same faces", "test head audit", "test head same faces"]
    assert list(result.audits["audit"][0]) == ["symmetry", "skin_tone"]
    assert list(result.audits["test head audit"][0]) == ["symmetry"]
    for part in (result.folder, result.folder / "test_head"):
        before, after, same = (
            jf.audit.load(part / name / "symmetry").data["expression_parameters"].values
            for name in ("before", "after", "after_same_faces")
        )
        np.testing.assert_array_equal(same, before)
        assert not np.array_equal(after, before)
    assert result.audits["same faces"][1] != result.audits["audit"][1]
    same = jf.audit.load(result.folder / "after_same_faces" / "symmetry").config
    assert same.expression_of == "one-sided"
    with pytest.raises(ConfigError, match="that run has no classifier other"):
        strange = dataclasses.replace(same, expression_of="other", head=toy_head())
        jf.audit.run(strange, tmp_path / "strange", QUIET)
    with pytest.raises(ConfigError, match="expression_of = 'other': must be None without expression_from"):
        dataclasses.replace(same, expression_of="other", expression_from=None)
    rows = {name for name, _, _ in result.rows}
    assert {"test head bias symmetry", "test head audit symmetry: size", "same faces skin_tone: size"} <= rows
    assert "test head agreement" in result.curve[1]


class TinyNet(nnx.Module):
    """A network with running statistics and an embedding."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.stem = Convolution(3, 4, rngs=rngs)
        self.norm = BatchNorm(4)
        self.head = Dense(4, len(LABELS), rngs=rngs)

    def __call__(self, images: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        maps = jax.nn.relu(self.norm(self.stem(images, stride=4)))
        embedding = maps.mean((1, 2))
        return self.head(embedding), {"embedding": embedding}


@pytest.mark.parametrize(
    ("part", "method"),
    [("last", "augmentation"), ("all", "augmentation"), ("all", "adversarial"), ("all", "paired_moments")],
)
def test_a_training_moves_only_what_is_trained(
    part: Any, method: str, ground: grounds.Ground, tmp_path: Path
) -> None:
    """Running statistics never move; the first layer has as many outputs as the last, and is told apart."""
    net = nnx.split(TinyNet(nnx.Rngs(0)))
    classifier = Classifier(state=net[1], network=FlaxNetwork(net[0]), card=CARD)
    config = dataclasses.replace(
        CONFIG, part=part, steps=2, people=2, batch=4, methods=(method,), learning_rate=0.01
    )
    faces = grounds.training_set(ground, config.people)
    assert faces.columns["variants"].shape == (len(faces), 1, SIZE, SIZE, 3)
    candidate = train_candidate(MendFramework(classifier, part), config, faces, 0.5, tmp_path, QUIET)
    before, after = weights_of(classifier), weights_of(candidate)
    changes = {name for name in before if not np.array_equal(before[name], after[name])}
    head = {"head/kernel", "head/bias"}
    everything = {*head, *(name for name in before if name.startswith(("stem/", "norm/scale", "norm/bias")))}
    assert changes == trainable_names(classifier, part) == (head if part == "last" else everything)
    assert {"norm/mean", "norm/variance"} <= before.keys() - everything


def test_the_pictures_of_a_face_are_augmented_alike_and_the_original_is_asked_about_them() -> None:
    net = nnx.split(TinyNet(nnx.Rngs(0)))
    classifier = Classifier(state=net[1], network=FlaxNetwork(net[0]), card=CARD)
    framework = MendFramework(classifier, "all")
    objective = ObjectiveConfig(("consistency",), "all", 3, AugmentConfig(flip=True, crop=0.8, hue=0.1))
    student = framework.build(objective, Task(labels=classifier.labels, size=SIZE), nnx.Rngs(1))
    graphdef, state = nnx.split(student)
    student = nnx.merge(graphdef, framework.initialize(objective, Task(labels=classifier.labels), state))
    image = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    batch = {
        "image": jnp.asarray(image),
        "variants": jnp.asarray(image)[:, None],
        "label": jnp.zeros(3, jnp.int32),
        "group": jnp.ones((3, 1), jnp.int32),
    }
    answers = framework.answers(student, batch, objective, jax.random.key(0))
    np.testing.assert_allclose(answers.variants[:, 0], answers.plain, atol=1e-6)
    np.testing.assert_allclose(answers.original, answers.plain, atol=1e-6)
    plain = classifier.logits(image.astype(np.float32) / 255)
    assert np.abs(answers.plain - plain).max() > 1e-3
    student.weights["head.bias"][...] += 1.0
    other = framework.answers(student, batch, objective, jax.random.key(0))
    np.testing.assert_array_equal(other.original, answers.original)
    np.testing.assert_allclose(other.plain, answers.plain + 1.0, atol=1e-5)


def test_what_cannot_be_mended_is_one_line(folder: Path, tmp_path: Path) -> None:
    def nothing(images: Any) -> Any:
        return np.zeros((len(images), 4), np.float32)

    on_host = classify.from_function(nothing, LABELS, on_host=True, name="host")
    in_jax = classify.from_function(lambda images: jnp.zeros((len(images), 4)), LABELS, name="free")
    net = classify.load(folder)
    broken = dataclasses.replace(
        net, state={**net.state, "head/bias": net.state["head/bias"].at[1].set(jnp.nan)}
    )
    other = dataclasses.replace(CARD, native_labels=("contempt", "sad", "fear", "calm"))
    stranger = dataclasses.replace(net, card=other)
    units = dataclasses.replace(net, card=dataclasses.replace(CARD, native_labels=("AU1", "AU2", "AU4", "AU6")))
    cases: list[tuple[dict[str, Any], type[JaxfaceError], str]] = [
        ({"classifier": nothing}, ConfigError, "got the function 'nothing' for a classifier"),
        ({"classifier": on_host}, ConfigError, "'host' runs on the host"),
        ({"classifier": in_jax}, ConfigError, "'free' is a function without weights"),
        ({"classifier": stranger}, ConfigError, "have none of happiness, surprise, anger in common"),
        ({"classifier": units}, ConfigError, "detects action units"),
        ({"classifier": broken}, FunctionError, "with NaN or infinity"),
        ({"classifier": net, "part": "all"}, ConfigError, "part must be 'last'"),
        ({"classifier": "net.onnx"}, ConfigError, "net.onnx runs on the host (ONNX)"),
        ({"classifier": "nosuch"}, ConfigError, "unknown classifier 'nosuch'"),
        ({"classifier": str(tmp_path / "nosuch")}, JaxfaceError, "nosuch"),
        ({"classifier": net, "against": ("symetry",)}, ConfigError, "did you mean 'symmetry'?"),
        ({"classifier": net, "against": ("hair",)}, ConfigError, "head 'toy'"),
        ({"classifier": net, "data": "folder", "root": tmp_path / "nodata"}, JaxfaceError, "nodata"),
    ]
    for changes, kind, message in cases:
        with pytest.raises(kind) as error:
            jf.mending.mend(dataclasses.replace(CONFIG, **changes), tmp_path / "out", QUIET)
        assert message in str(error.value) and "\n" not in str(error.value), changes
    for changes, message in (
        ({"methods": ("consistensy",)}, "did you mean 'consistency'?"),
        ({"methods": ("adversarial",)}, "part = 'last': must be 'all' for the method adversarial"),
        ({"against": ("symmetry", "symmetry")}, "different interventions"),
        ({"against": ("symmetry x yaw",)}, "not a cross"),
        ({"alpha": (0.0,)}, "alpha = 0.0"),
        ({"people": 1, "batch": 9}, "batch = 9: must be at most people x expressions = 3"),
    ):
        with pytest.raises(ConfigError) as error:
            dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
        assert message in str(error.value)


def test_a_folder_of_another_is_not_touched(result: MendResult, folder: Path) -> None:
    config = dataclasses.replace(CONFIG, classifier=str(folder))
    with pytest.raises(StoreError, match="holds a classifier already"):
        jf.mending.mend(config, folder, QUIET)
    with pytest.raises(StoreError, match="belongs to another mending \\(seed was 0, is now 1\\)"):
        jf.mending.mend(dataclasses.replace(config, seed=1), result.folder, QUIET)
