"""Retargeting: pairs of avatars from labels and from rendered sources, on disk, stopped and gone on with."""

import dataclasses
import json
import resource
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxface import data
from jaxface.cli.main import run
from jaxface.core import io
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import ConfigError, DataError, StoreError
from jaxface.core.progress import NullProgress
from jaxface.data import ArraySource, Dataset, registry, rendered
from jaxface.data.rendered.example import sample_examples
from jaxface.data.rendered.streams import read_rendered_source, stream_key
from jaxface.data.retarget import RetargetConfig, progress_file, retarget, sources
from jaxface.data.retarget.pairs import from_labels
from tests import data_trees
from tests.holding import held_by_another

SMALL = RetargetConfig(
    data="recipe", root=Path("wild"), expression="rendered", subjects=3, images=10, size=16, batch=4, seed=5
)
FLAGS = "--data recipe --root wild --expression rendered --subjects 3 --images 10 --size 16 --batch 4 --seed 5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pairs, by the command."""
    out = tmp_path_factory.mktemp("sets") / "pairs"
    assert run(["retarget", *FLAGS.split(), "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def assets() -> rendered.SceneAssets:
    return rendered.build_assets("avatars")


def test_every_image_has_a_woman_and_a_man_with_its_expression(folder: Path) -> None:
    dataset = data.open("rendered", folder)
    columns, first, second = dataset.columns, slice(0, None, 2), slice(1, None, 2)
    assert len(dataset) == 20 and dataset[0]["image"].shape == (16, 16, 3)
    np.testing.assert_array_equal(columns["pair"], np.repeat(np.arange(10), 2))
    np.testing.assert_array_equal(columns["sex"], np.tile([0, 1], 10))
    np.testing.assert_array_equal(columns["identity"] % 2, columns["sex"])
    assert len(np.unique(columns["identity"])) == 6 and len(np.unique(columns["source_identity"])) == 3
    for person in np.unique(columns["source_identity"]):
        assert len(np.unique(columns["identity"][columns["source_identity"] == person])) == 2
    for name in ("units", "units_known", "intensity", "activations"):
        np.testing.assert_array_equal(columns[name][first], columns[name][second])
    np.testing.assert_array_equal(columns["units"], columns["intensity"] >= 0.25)
    women, men = (
        np.stack([dataset[i]["image"] for i in range(20)])[each].astype(int) for each in (first, second)
    )
    assert (np.abs(women - men).mean((1, 2, 3)) > 5).all()  # never the same picture
    assert (np.diff(women, axis=0) != 0).any((1, 2, 3)).all()


def test_expressions_and_labels_are_those_of_the_source(folder: Path) -> None:
    recipe = rendered.load_recipe("wild")
    recipe = dataclasses.replace(recipe, people=dataclasses.replace(recipe.people, identities=3))
    source, key = rendered.build_assets(recipe), stream_key(recipe, 5)
    examples = jax.device_get(jax.jit(sample_examples)(source, key, jnp.arange(10)))
    columns = data.open("rendered", folder).columns
    np.testing.assert_allclose(columns["activations"][::2], examples.shots["image"][0].activations, atol=1e-6)
    np.testing.assert_array_equal(columns["units"][1::2], examples.columns["units"])
    np.testing.assert_array_equal(columns["source_identity"][::2], examples.columns["identity"])


def test_stopped_and_gone_on_with_it_is_the_same_again(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stop(NullProgress):
        def advance(self, units: int = 1, note: str = "") -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retarget(SMALL, tmp_path, Stop())
    assert json.loads((tmp_path / "progress.json").read_text())["written"] == 8
    with pytest.raises(DataError, match=r"no file .*images\.npy"):
        data.open("rendered", tmp_path)
    with pytest.raises(StoreError, match="belongs to another retargeting"):
        retarget(dataclasses.replace(SMALL, seed=6), tmp_path)
    result = retarget(SMALL, tmp_path)
    assert result.rendered == 12
    for name in ("images.npy", "about.json", "recipe.toml"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    for name, column in data.open("rendered", folder).columns.items():
        np.testing.assert_array_equal(column, result.dataset.columns[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in folder.iterdir())
    assert run(["retarget", *FLAGS.split(), "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "20 images of 6 avatars, 10 women and 10 men, from 10 source images" in output
    assert "100.0% of the action units labelled present are visible" in output


LIKE = {"image": ((2,), np.dtype(np.uint8)), "shown": ((3,), np.dtype(np.float32))}


def test_killed_while_it_finishes_it_can_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before every operation on a file, as often as there are such."""
    kills, calls = 0, 0

    def dying(name: str) -> None:
        original = getattr(Path, name)

        def call(self: Path, *arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls > kills:
                raise KeyboardInterrupt
            return original(self, *arguments, **options)

        monkeypatch.setattr(Path, name, call)

    def writer(out: Path) -> progress_file.ArrayWriter:
        return progress_file.ArrayWriter(out, 4, LIKE, "source")

    def finish(arrays: progress_file.ArrayWriter, out: Path) -> None:
        arrays.finish()
        (out / "about.json").touch()
        progress_file.remove_unfinished(out)

    while True:
        out = tmp_path / str(kills)
        out.mkdir()
        arrays = writer(out)
        arrays.append({"image": np.full((4, 2), 7), "shown": np.full((4, 3), 0.5)})
        arrays.save_progress()
        calls = 0
        try:
            for name in ("replace", "unlink", "touch"):
                dying(name)
            finish(arrays, out)
        except KeyboardInterrupt:
            monkeypatch.undo()
            io.remove_orphans(out)
            if (out / "about.json").exists():
                progress_file.remove_unfinished(out)
            else:
                again = writer(out)
                assert again.written == 4 and (again.read("image") == 7).all()
                assert (again.read("shown") == 0.5).all()
                finish(again, out)
        monkeypatch.undo()
        assert {path.name for path in out.iterdir()} == {"about.json", "images.npy"}
        assert (np.load(out / "images.npy") == 7).all()
        if calls <= kills:
            break
        kills += 1
    assert kills > 4


def test_a_finished_folder_with_litter_is_finished(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, out := tmp_path / "pairs")
    (out / "progress.json").write_text("{}")
    (out / "shown.part.npy").write_bytes(b"x")
    assert retarget(SMALL, out).rendered == 0
    assert {path.name for path in out.iterdir()} == {path.name for path in folder.iterdir()}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_flipped_bit_of_a_finished_folder_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, out := tmp_path / "pairs")
    for name in ("images.npy", "columns.npz", "about.json", "recipe.toml", "retarget.toml", "content.json"):
        content = (out / name).read_bytes()
        flip(out / name)
        with pytest.raises(DataError, match=rf"{name} has changed; render it again"):
            data.open("rendered", out)
        (out / name).write_bytes(content)
    assert len(data.open("rendered", out)) == 20
    (out / "images.npy").unlink()
    with pytest.raises(DataError, match=r"images\.npy is missing"):
        retarget(SMALL, out)


def test_killed_before_its_sums_it_is_finished_with_them(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, out := tmp_path / "pairs")
    (out / "sums.json").unlink()
    with pytest.raises(StoreError, match="belongs to another retargeting"):
        retarget(dataclasses.replace(SMALL, batch=5), out)
    assert retarget(SMALL, out).rendered == 20  # nothing says how many rows are sound
    assert (out / "images.npy").read_bytes() == (folder / "images.npy").read_bytes()
    assert (out / "sums.json").is_file()


def test_a_folder_of_other_content_under_the_same_path_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(dump_toml(rendered.load_recipe("wild")))
    config = dataclasses.replace(SMALL, root=recipe, images=4)
    retarget(config, out := tmp_path / "out")
    assert retarget(config, out).rendered == 0
    recipe.write_text(recipe.read_text().replace('name = "wild"', 'name = "tame"'))
    with pytest.raises(StoreError, match="another retargeting: its source had another content"):
        retarget(config, out)


def test_a_disk_too_small_is_told_before_anything_is_rendered(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="it takes 60,000 bytes") as refusal:
            progress_file.ArrayWriter(tmp_path, 10_000, {"image": ((6,), np.dtype(np.uint8))}, "source")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refusal.value.filename == str(tmp_path / "image.part.npy")
    progress_file.ArrayWriter(tmp_path, 10_000, {"image": ((6,), np.dtype(np.uint8))}, "source")


@pytest.mark.parametrize("content", ["", "[]", '{"written": 99, "source": "source"}', '{"written": "1"}'])
def test_damaged_progress_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "progress.json").write_text(content)
    with pytest.raises(StoreError, match=r"progress\.json is damaged; remove .* and start again"):
        progress_file.ArrayWriter(tmp_path, 4, LIKE, "source")


def test_a_damaged_array_is_told(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"written": 2, "source": "source"}')
    with pytest.raises(StoreError, match=r"image\.part\.npy"):
        progress_file.ArrayWriter(tmp_path, 4, LIKE, "source")
    for content in (b"", b"x" * 99):
        (tmp_path / "image.part.npy").write_bytes(content)
        with pytest.raises(StoreError, match=r"image\.part\.npy is damaged"):
            progress_file.ArrayWriter(tmp_path, 4, LIKE, "source")


def test_a_folder_in_which_another_process_retargets_is_refused(tmp_path: Path) -> None:
    with held_by_another(tmp_path), pytest.raises(StoreError, match=r"in use: process \d+ .* this retargeting"):
        retarget(SMALL, tmp_path)


def test_labels_become_what_they_say_and_nothing_else(assets: rendered.SceneAssets) -> None:
    units = assets.recipe.units.numbers
    labels = np.zeros((4, len(units)), np.float32)
    for row, present in enumerate([(), (12,), (1, 4), (9, 26)]):
        labels[row, [units.index(unit) for unit in present]] = 1.0
    level = np.where(labels > 0, 0.8, 0.0).astype(np.float32)
    level[2] *= -1.25  # unknown intensity
    columns = {"units": labels, "intensity": level}
    numbers = np.arange(4, dtype=np.int32)
    dataset = Dataset("four", ArraySource(np.empty((4, 0, 0, 3))), columns, (), units)
    target = sources.target_intensities(dataset, assets.action_units, numbers)

    @jax.jit
    def visible(assets: rendered.SceneAssets, key: jax.Array, target: jax.Array) -> jax.Array:
        expression = from_labels(assets, key, None, jnp.arange(4), {"target": target})
        return jax.vmap(lambda one: rendered.intensities(assets, one))(expression.activations)

    intensity = np.asarray(visible(assets, jax.random.key(0), target))[:, np.asarray(assets.unit_indices)]
    # an open jaw parts the lips
    lips = np.array([unit == 25 for unit in units])
    np.testing.assert_allclose(intensity[[0, 1, 3]][:, ~lips], level[[0, 1, 3]][:, ~lips], atol=1e-6)
    assert ((intensity[2] > 0) == (labels[2] > 0)).all() and (intensity[2][labels[2] > 0] >= 0.35).all()
    assert intensity[3, units.index(25)] > 0.25


def test_people_are_chosen_and_images_dealt_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, identity = np.zeros((30, 4, 4, 3), np.uint8), np.repeat(np.arange(6), 5).astype(np.int32)
    columns = {"units": np.zeros((30, 1), np.float32), "identity": identity}
    whole = Dataset("thirty", ArraySource(images), columns, units=(12,))
    monkeypatch.setattr(registry, "open", lambda *_, **options: whole)
    config = RetargetConfig(data="folder", root=tmp_path, subjects=4, images=9, seed=3)
    source = sources.open_source(config)
    assert len(source.people) == 4 and len(source.numbers) == 9 and (np.diff(source.numbers) > 0).all()
    np.testing.assert_array_equal(source.people[source.subject], identity[source.numbers])
    assert len(sources.open_source(dataclasses.replace(config, images=0)).numbers) == 20
    other = sources.open_source(dataclasses.replace(config, seed=4))
    assert set(other.numbers.tolist()) != set(source.numbers.tolist())
    for change, message in (({"subjects": 7}, "has 6 people"), ({"images": 21}, "chosen people have 20")):
        with pytest.raises(ConfigError, match=message):
            sources.open_source(dataclasses.replace(config, **change))
    nobody = Dataset("thirty", ArraySource(images), {"units": columns["units"]}, units=(12,))
    monkeypatch.setattr(registry, "open", lambda *_, **options: nobody)
    selection = sources.open_source(dataclasses.replace(config, images=0))
    assert set(selection.subject.tolist()) == {0, 1, 2, 3} and set(selection.people.tolist()) == {-1}
    with pytest.raises(ConfigError, match="has no identities"):
        sources.open_source(dataclasses.replace(config, subjects=0))


def test_landmarks_of_photographs_come_from_a_table(assets: rendered.SceneAssets, tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(0, 40, (2, 68, 2)).astype(np.float32)
    header = ["path", *(f"{axis}_{index}" for axis in "xy" for index in range(68))]
    rows = [
        [name, *map(str, one.T.ravel())] for name, one in zip(("a.png", "happy/b.png"), points, strict=True)
    ]
    for name in ("a.png", "b.png"):
        data_trees.picture(tmp_path / "happy" / name, size=(40, 30))
    file = tmp_path / "marks.csv"
    file.write_text("\n".join(", ".join(row) for row in (header, rows[0], rows[1])))
    config = RetargetConfig(data="folder", root=tmp_path, expression="fit", landmark_table=file, subjects=2)
    with pytest.raises(DataError, match=r"no row for 1 of 2 images, such as 'happy/a\.png'"):
        sources.open_source(config)
    rows[0][0] = "happy/a.png"
    file.write_text("\n".join(", ".join(row) for row in (header, rows[1], rows[0])))
    source = sources.open_source(config)
    payload = sources.load_payload(config, source, assets, np.array([0, 1]))
    expected = (points - [5, 0]) / 30  # the central square of 40 x 30 pixels
    np.testing.assert_allclose(payload["landmarks"], expected, atol=1e-6)
    with pytest.raises(ConfigError, match="landmark_table is for expression = 'fit'"):
        dataclasses.replace(config, expression="labels")


def test_a_drawn_folder_tells_its_expressions_and_others_do_not(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="was retargeted"):
        read_rendered_source(folder, data.open("rendered", folder))
    (tmp_path / "happy").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "happy" / "one.png")
    with pytest.raises(ConfigError, match="needs data = 'rendered' or 'recipe'"):
        sources.open_source(RetargetConfig(data="folder", root=tmp_path, expression="rendered"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--data recipe --expression fit", "a recipe has no images to fit"),
        ("--data recipe --root wild", "give the number of examples"),
        ("--pose source", "labels do not contain the pose"),
        ("--data raf-db", "did you mean 'rafdb'"),
        ("--subjects -1", "retarget.subjects = -1: must be at least 0"),
        ("--expression tracker", "--expression 'tracker'; known: fit, labels, rendered"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    flags: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["retarget", *flags.split(), "--out", str(tmp_path / "out")]) == 2
    output = capsys.readouterr().err
    assert message in output and output.count("\n") == 1


def test_bundled_configs_load_and_make_the_papers_numbers() -> None:
    from jaxface.cli.options import find_config

    config = load_toml(RetargetConfig, find_config("retarget"))
    assert (2 * config.subjects, 2 * config.images) == (60, 214_146)
    assert load_toml(RetargetConfig, find_config("retarget-bp4d")).data == "bp4d"
