"""The contract that every head keeps, from a picture to a report. A new head is one row of `HEADS`.

What a head cannot do is in its `Capability`: there the contract is one line that names the head, and
comes before any work.
"""

import dataclasses
import functools
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxface as jf
from jaxface import audit, interventions
from jaxface.audit import AuditConfig, observe
from jaxface.audit.expressions import IDENTITIES_PER_DEVICE
from jaxface.bench.settings import RenderSettings as BenchSettings
from jaxface.cli import head_options, main, preflight
from jaxface.cli.render import RenderSettings
from jaxface.cli.search import SearchSettings
from jaxface.core import runtime
from jaxface.core.config import dump_toml
from jaxface.core.errors import ConfigError, JaxfaceError
from jaxface.core.progress import NullProgress
from jaxface.core.sharding import all_devices, compile_program
from jaxface.core.types import Array
from jaxface.data import rendered
from jaxface.data.rendered import photograph
from jaxface.data.rendered.config import (
    ActionUnitsConfig,
    ExpressionsConfig,
    PeopleConfig,
    RenderedDatasetConfig,
)
from jaxface.data.rendered.streams import IMAGES, finish
from jaxface.data.retarget import RetargetConfig, retarget
from jaxface.face import FaceModel, FaceParams, HeadConfig, texture
from jaxface.face.population import standard_normal_prior
from jaxface.face.requirements import require_units
from jaxface.render import RenderConfig
from jaxface.render.camera import Screen
from jaxface.render.light import irradiance
from jaxface.render.rasterizer import Fragments
from jaxface.render.scenes import Look
from jaxface.render.vertex import vertex_normals
from jaxface.report import slider_faces
from jaxface.search import SearchConfig, Status
from tests.fake_audit import CLASSIFIER
from tests.flame_files import VERTICES, flame_arrays, numpy_array, write_flame_pickle, write_pickle
from tests.heads import toy_head
from tests.ict_files import small_ict, write_folder, write_npz

SIZE, REAL_SIZE = 24, 32
SEARCH = SearchConfig(
    target=1.0, fallback_below=1.0, max_evaluations=8, population=4, chunk=4, starts=1, gradient_steps=1
)
"""A step along the gradient, then a generation of differential evolution."""
EVOLUTION = dataclasses.replace(SEARCH, method="differential-evolution")
"""That alone, for heads whose gradient other tests follow."""
SYMMETRY = interventions.Symmetry()
RENDER = RenderConfig(size=SIZE, supersample=1)


@dataclasses.dataclass(frozen=True)
class Capability:
    """What a head can do beyond being drawn, searched, audited and reported, which all can."""

    albedo: bool = False
    """Its people differ in colour."""
    prototypes: bool = False
    """It has hand-set expressions: `render --expression happiness`, `observe --demo`."""
    units: bool = False
    """Its coefficients are facial units: rendered sets."""
    landmarks: bool = False
    """The 68 points are marked on it."""
    sexes: bool = False
    """Its population has women and men: retargeting."""


LINES = {
    "prototypes": "no hand-set happiness (it has: none)",
    "units": "facial units",
    "landmarks": "nobody has marked the 68 landmarks on",
    "sexes": "no female and no male group in its population",
}
"""What the one line says of a capability that is missing."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A head: how a config names it (fields of `HeadConfig`), its name in messages, and what it can do."""

    make: Callable[[Path], dict[str, Any]]
    name: str
    can: Capability


def flame(folder: Path) -> dict[str, Any]:
    return {"head": str(write_flame_pickle(folder / "flame.pkl", flame_arrays()))}


def flame_with_texture(folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    texture = folder / "texture.npz"
    np.savez(
        texture,
        mean=rng.uniform(0, 255, (8, 8, 3)),
        tex_dir=rng.normal(0, 5, (8, 8, 3, 200)),
        vt=rng.uniform(size=(90, 2)),
        ft=rng.integers(0, 90, (80, 3)),
    )
    return {**flame(folder), "texture": str(texture)}


def flame_masks(folder: Path) -> str:
    regions = {"face": np.arange(VERTICES), "lips": np.arange(5), "scalp": np.arange(30, VERTICES)}
    items = {name: numpy_array(indices) for name, indices in regions.items()}
    return str(write_pickle(folder / "masks.pkl", items))


def ict_folder(folder: Path) -> dict[str, Any]:
    return {"head": str(write_folder(folder / "ict", small_ict()))}


def toy(folder: Path) -> dict[str, Any]:
    """The toy head with a population of women and men."""
    prior = standard_normal_prior(4)
    groups = jax.tree.map(lambda leaf: jnp.repeat(leaf, 2, axis=0), prior)
    groups = dataclasses.replace(groups, weights=jnp.full(2, 0.5), names=("female", "male"))
    return {"head": dataclasses.replace(toy_head(), population=groups)}


UNITS = Capability(prototypes=True, units=True)
TEXTURED = Capability(albedo=True)
HEADS = {
    "bundled": Row(lambda folder: {"head": "bundled"}, "bundled", Capability(True, True, True, True, True)),
    "flame": Row(flame, "flame", Capability()),
    "flame, masks": Row(lambda folder: {**flame(folder), "masks": flame_masks(folder)}, "flame", Capability()),
    "flame, texture": Row(flame_with_texture, "flame", TEXTURED),
    "flame, texture and masks": Row(
        lambda folder: {**flame_with_texture(folder), "masks": flame_masks(folder)}, "flame", TEXTURED
    ),
    "ict folder": Row(ict_folder, "ict-facekit", UNITS),
    "toy": Row(toy, "toy", dataclasses.replace(UNITS, albedo=True, sexes=True)),
}


@dataclasses.dataclass(frozen=True)
class Head:
    """One row, loaded: `options` are the fields of `HeadConfig`, `flags` the same on the command line."""

    name: str
    can: Capability
    options: dict[str, Any]
    model: FaceModel

    @property
    def search(self) -> SearchConfig:
        return EVOLUTION if self.can.prototypes else SEARCH

    @property
    def flags(self) -> list[str]:
        return [text for key, value in self.by_name.items() for text in (f"--{key}", value)]

    @property
    def by_name(self) -> dict[str, str]:
        """The options where a head can be given by its name or path alone."""
        return {key: value if isinstance(value, str) else value.name for key, value in self.options.items()}


@pytest.fixture(scope="module", params=HEADS)
def loaded_head(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Head:
    row = HEADS[request.param]
    options = row.make(tmp_path_factory.mktemp("head"))
    source = options["head"]
    model = source if isinstance(source, FaceModel) else head_options.load_head(HeadConfig(**options))
    return Head(row.name, row.can, options, model)


load_once = functools.cache(jf.face.load)


@pytest.fixture
def head(loaded_head: Head, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Head:
    """The head; one that exists in Python alone is what its name loads. Commands write below `tmp_path`."""

    def load(source: str | Path = "bundled", **options: Any) -> FaceModel:
        if source == loaded_head.name and isinstance(loaded_head.options["head"], FaceModel):
            return loaded_head.model
        return load_once(str(source), **{name: value for name, value in options.items() if value is not None})

    monkeypatch.setattr(jf.face, "load", load)
    monkeypatch.setattr(preflight, "check_head", lambda name: None)  # the toy is no file
    monkeypatch.setattr(runtime, "enable_compile_cache", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return loaded_head


@pytest.fixture(autouse=True, scope="module")
def own_programs() -> Iterator[None]:
    """Programs that sketch are not those of other modules, nor the other way round."""

    def forget() -> None:
        jax.clear_caches()
        compile_program.cache_clear()
        load_once.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sketch pictures instead of rasterizing them: compiled for every head and program, the rasterizer would
    take most of this module's time. `test_it_is_drawn` rasterizes.
    """
    # `jaxface.render._image` is the function
    monkeypatch.setattr(importlib.import_module("jaxface.render._image"), "_linear", sketch)
    monkeypatch.setattr(jf.render, "rasterize", sketch_fragments)
    for count in ("_DOSES", "_TIMES"):
        monkeypatch.setattr(slider_faces, count, 2)  # a report draws fewer faces
    monkeypatch.setattr(photograph, "_shade", sketch_photograph)


def sketch(
    head: FaceModel,
    vertices: Array,
    wrinkles: Array,
    screen: Screen,
    triangle: Array,
    look: Look,
    scene: jf.render.Scene,
) -> Array:
    """In place of `render._image._linear`: each sample has the light, line, colour and place of some vertex."""
    size = scene.size * scene.supersample
    light = irradiance(look.light, vertex_normals(vertices, head.faces))
    place = 0.5 + 0.5 * jnp.sin(screen.xy.sum(-1))
    skin = look.texture[..., :3].mean((0, 1))
    return jnp.resize(light * (place * (1.0 - 0.5 * wrinkles))[:, None] * skin[None], (size, size, 3))


def sketch_fragments(vertices: Array, corners: Array, camera: Any, size: int) -> Fragments:
    """In place of `render.rasterize`: one triangle after the other."""
    triangle = np.arange(size * size, dtype=np.int32).reshape(size, size) % len(corners)
    depth = np.ones((size, size), np.float32)
    return Fragments(jnp.asarray(triangle), jnp.full((size, size, 3), 1 / 3), jnp.asarray(depth))


def sketch_photograph(
    assets: rendered.SceneAssets, vertices: Any, albedo: Array, scene: rendered.SceneParams
) -> tuple[list[Array], Array]:
    """In place of `photograph._shade`, in the same manner."""
    size = assets.recipe.size
    skin = texture(assets.head.appearance, albedo).mean((0, 1))
    wrinkle = 0.0 if vertices.wrinkle is None else vertices.wrinkle
    light = vertices.light[0] * (0.5 + 0.5 * jnp.sin(vertices.x + vertices.y)) * (1.0 - 0.5 * wrinkle)
    planes = [jnp.resize(light * skin[k] * scene.gain[k], (size, size)) for k in range(3)]
    return planes, jnp.zeros((size, size), jnp.int32)


def allows(head: Head, capability: str, work: Callable[[], Any], out: Path | None = None) -> Any:
    """`work()` where the head can do it. Where not: None, after the one line came and nothing was written."""
    if getattr(head.can, capability):
        return work()
    with pytest.raises(JaxfaceError) as refusal:
        work()
    check_line(head, capability, str(refusal.value))
    assert out is None or not out.exists()
    return None


def check_line(head: Head, capability: str, line: str) -> None:
    assert LINES[capability] in line and "\n" not in line
    names = {head.name, str(head.options["head"])}  # a file that cannot be loaded so is named by its path
    assert any(repr(name) in line for name in names), line
    assert re.search(r"take |find |choose |bundled head has them", line), line


def test_the_table_says_what_the_head_has(head: Head) -> None:
    model, space = head.model, head.model.expressions
    assert head.name == model.name
    assert head.can.albedo == (jf.face.neutral(model).albedo.size > 0)
    assert head.can.prototypes == ("happiness" in space.prototype_labels)
    assert head.can.sexes == ({"female", "male"} <= {name.split(",")[0] for name in model.population.names})
    allows(head, "landmarks", lambda: jf.face.landmarks(model))


def test_the_archive_of_ict_is_the_folder(head: Head, tmp_path: Path) -> None:
    """What one can, the other can, so the contract is not held twice to 26,000 vertices; test_load_ict compares
    their numbers."""
    if head.name == "ict-facekit":
        archive = write_npz(tmp_path / "ict.npz", small_ict())
        model = dataclasses.replace(head_options.load_head(HeadConfig(str(archive))), source=head.model.source)
        assert jax.tree.structure(model) == jax.tree.structure(head.model)
        for one, other in zip(jax.tree.leaves(model), jax.tree.leaves(head.model), strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype


def someone(head: Head) -> FaceParams:
    """A person of the head's population with half of every expression coefficient."""
    people = jf.face.sample_population(jax.random.key(1), head.model, 1)
    person = jax.tree.map(lambda leaf: leaf[0], people)
    return dataclasses.replace(person, expression=0.5 * head.model.expressions.upper)


def test_it_is_drawn(head: Head) -> None:
    scene = jf.render.scene(dataclasses.replace(RENDER, size=REAL_SIZE))
    image = np.asarray(interventions.image(SYMMETRY, head.model, someone(head), scene, 0.25, 1.0))
    assert image.shape == (REAL_SIZE, REAL_SIZE, 3)
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1 and image.std() > 0.02


def test_a_grid_and_the_command_draw_it(head: Head, sketches: None, capsys: pytest.CaptureFixture[str]) -> None:
    scene, params = jf.render.scene(RENDER), someone(head)
    steps = jnp.asarray([0.25, 1.0]), jnp.asarray([0.0, 1.0])
    grid = np.asarray(interventions.grid(SYMMETRY, head.model, params, scene, *steps))
    np.testing.assert_array_equal(grid[0, 0], grid[1, 0])
    assert np.isfinite(grid).all() and np.abs(grid[0, 1] - grid[1, 1]).max() > 1e-3

    command = f"render --quiet --size {SIZE} --render.supersample 1 --symmetry 0.25 1 --time 0 1"
    flags = [*command.split(), *head.flags]
    assert main.run([*flags, "--expression", "neutral", "--out", "neutral.png"]) == 0
    code = main.run([*flags, "--expression", "neutral", "happiness", "--out", "two.png"])
    assert Path("neutral.png").exists() and Path("two.png").exists() == head.can.prototypes
    assert code == (0 if head.can.prototypes else 2)
    if not head.can.prototypes:
        check_line(head, "prototypes", capsys.readouterr().err.strip())


def test_it_is_searched(head: Head, sketches: None) -> None:
    person = jf.face.sample_population(jax.random.key(1), head.model, 1)
    sharding = all_devices(IDENTITIES_PER_DEVICE)  # as an audit's, so that it runs what is compiled here
    searcher = jf.search.build(CLASSIFIER, head.model, jf.render.scene(RENDER), head.search, sharding)
    result = searcher.run(jax.random.key(0), person, np.zeros(1, int))
    assert result.expression.shape == (1, head.model.expression_basis.shape[-1])
    assert result.status[0] != Status.FAILED and 0 < result.probability[0] <= 1
    assert result.gradient_calls[0] == (head.search.method == "hybrid") and result.forward_calls[0] >= 4


def audit_config(head: Head) -> AuditConfig:
    return AuditConfig(
        **head.options,
        classifiers=(CLASSIFIER,),
        identities=2,
        expressions=("happiness",),
        symmetry_steps=3,
        time_steps=2,
        permutations=19,
        search=head.search,
        render=RENDER,
    )


class Stopping(NullProgress):
    """A user who presses Ctrl-C once the first work is done."""

    def advance(self, units: int = 1, note: str = "") -> None:
        raise KeyboardInterrupt


def test_it_is_audited_and_reported(head: Head, sketches: None, tmp_path: Path) -> None:
    config, folder = audit_config(head), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt, match="stopped with 1 of 2 cells done"):
        audit.run(config, folder, Stopping())
    result = audit.run(config, folder)
    whole = audit.run(config, tmp_path / "whole")
    again = audit.run(config, folder)
    for name in ("probability", "expression_parameters", "identity_parameters", "albedo_parameters", "score"):
        values = result.data[name].values
        np.testing.assert_array_equal(values, whole.data[name].values)
        np.testing.assert_array_equal(values, again.data[name].values)
        assert np.isfinite(values).all()
    assert result.data["probability"].shape == (1, 1, 2, 3, 2)
    assert (result.data["albedo_parameters"].shape[-1] > 0) == head.can.albedo
    # gradients on the head where it is a new kind of head; they compile long
    page = jf.report.write(result, saliency="occlusion" if head.can.albedo else "full")
    text = page.read_text(encoding="utf-8")
    assert "data:image/webp" in text  # faces were drawn


def cohort(head: Head) -> observe.ObserveConfig:
    return observe.ObserveConfig(
        classifiers=(CLASSIFIER,),
        features=("group", "column:severity"),
        subset=("matching",),
        tests=("kci",),
        demo=True,
        crop=observe.CropConfig(size=SIZE),
        cohort=observe.CohortConfig(**head.by_name, people=4, expressions=("happiness",), size=34),
    )


def test_it_is_observed(head: Head, sketches: None, tmp_path: Path) -> None:
    out, config = tmp_path / "demo", cohort(head)
    observation = allows(head, "prototypes", lambda: observe.demonstrate(config, out), out)
    if observation is None:
        return
    for result in (*observation.results["palsy"], *observation.results["null"]):
        assert not result.left_out and len(result.photographs) == 4
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.png")}
    again = observe.demonstrate(config, out)
    assert again.rates == observation.rates
    assert before == {file: file.stat().st_mtime_ns for file in out.rglob("*.png")}


def recipe(head: Head, **changes: Any) -> RenderedDatasetConfig:
    """What the toy head can show, too; `head` by the name that `face.load` knows."""
    return RenderedDatasetConfig(
        name="small",
        head=head.by_name["head"],
        size=SIZE,
        expressions=ExpressionsConfig(labels=("happiness", "neutral")),
        units=ActionUnitsConfig(numbers=(12, 4, 26)),
        people=PeopleConfig(rest_units=()),
        **changes,
    )


def test_a_batch_of_it_is_drawn(head: Head, sketches: None) -> None:
    def batch() -> dict[str, Array]:
        return next(rendered.rendered_stream(recipe(head, landmarks=head.can.landmarks), 2))

    arrays = allows(head, "units", batch)
    if arrays is None:
        with pytest.raises(ConfigError, match="facial units"):
            require_units(head.model, "recipe small")  # and where it comes as a model
        return
    assert arrays["image"].shape == (2, SIZE, SIZE, 3)
    assert np.asarray(arrays["image"]).std() > 5 and arrays["units"].shape == (2, 3)
    assert ("landmarks" in arrays) == head.can.landmarks


def test_landmarks_of_a_set_are_refused_early(head: Head, tmp_path: Path) -> None:
    if head.can.units and not head.can.landmarks:
        out = tmp_path / "set"
        allows(head, "landmarks", lambda: rendered.render_dataset(recipe(head, landmarks=True), 1, out), out)


def write_source(folder: Path, head: Head) -> None:
    """A data set of two blank images, of two people, that are labelled with action units."""
    folder.mkdir()
    np.save(folder / IMAGES, np.zeros((2, SIZE, SIZE, 3), np.uint8))
    columns = {"identity": np.arange(2, dtype=np.int32), "units": np.eye(2, 3, dtype=np.float32)}
    columns["units_known"] = columns["units"] < 2
    finish(folder, columns, recipe(head), "small", 0, (), (12, 4, 26))


def test_it_is_retargeted(head: Head, sketches: None, tmp_path: Path) -> None:
    file, out = tmp_path / "small.toml", tmp_path / "set"
    file.write_text(dump_toml(recipe(head)), encoding="utf-8")
    source = tmp_path / "source"
    if head.can.units:
        write_source(source, head)
    config = RetargetConfig(data="rendered", root=source, subjects=0, recipe=str(file), size=SIZE, batch=1)
    missing = "sexes" if head.can.units else "units"
    if not getattr(head.can, missing):
        allows(head, missing, lambda: retarget(config, out), out)
        return
    with pytest.raises(KeyboardInterrupt):
        retarget(config, out, Stopping())
    outcome = retarget(config, out)
    assert outcome.rendered < 4 and outcome.dataset.columns["sex"].tolist() == [0, 1, 0, 1]
    again = retarget(config, out)
    assert again.rendered == 0
    np.testing.assert_array_equal(again.dataset.columns["activations"], outcome.dataset.columns["activations"])


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ({"joint_names": ("root", "neck", "jaw", "left_eye", "x")}, "head 'toy' has no joint right_eye"),
        (
            {"expression_basis": jnp.zeros((*toy_head().template.shape, 0))},
            "has no expression coefficient",
        ),
    ],
)
def test_what_no_audit_can_do_without_is_told_before_it_begins(
    lacking: dict[str, Any], message: str, tmp_path: Path
) -> None:
    model = dataclasses.replace(toy_head(), **lacking)
    config = audit_config(Head("toy", UNITS, {"head": model}, model))
    with pytest.raises(ConfigError, match=message):
        audit.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "settings", [AuditConfig, RenderSettings, SearchSettings, BenchSettings, observe.CohortConfig]
)
def test_whatever_takes_a_head_has_the_same_options(settings: type) -> None:
    assert issubclass(settings, HeadConfig)
