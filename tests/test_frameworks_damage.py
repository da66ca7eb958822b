"""A finished training belongs to the content of its data, and a flipped bit in it is named."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface import frameworks
from jaxface.core.errors import StoreError, TrainingError
from jaxface.data import rendered
from jaxface.data.fingerprints import fingerprint
from jaxface.data.registry import open as open_data
from jaxface.frameworks.common.inputs import DataConfig
from jaxface.frameworks.common.training import TrainRun, restore
from tests.toy_framework import LABELS, SIZE, TOY, TOY_CONFIG, TRAIN

SEEDS = np.random.default_rng(0)


def write_faces(root: Path, each: int = 12) -> None:
    for index, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for number in range(each):
            Image.new("RGB", (SIZE, SIZE), (80 * index, number, 9)).save(root / label / f"{number}.png")


def train(tmp_path: Path) -> TrainRun:
    settings = dataclasses.replace(TRAIN, steps=4)
    data = DataConfig(data="folder", root=tmp_path / "faces", workers=0)
    return frameworks.train(TOY, TOY_CONFIG, settings, data, out=tmp_path / "net", seed=0)


@pytest.fixture
def run(tmp_path: Path) -> TrainRun:
    write_faces(tmp_path / "faces")
    return train(tmp_path)


def test_a_flipped_bit_in_any_file_is_named(run: TrainRun, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    assert train(tmp_path).result.metrics == run.result.metrics  # what is whole may be called again
    paths = [path for name in ("checkpoints", "best") for path in (folder / name).rglob("*") if path.is_file()]
    assert len(paths) > 10
    for path in [*paths, folder / "log.jsonl"]:
        content = path.read_bytes()
        if not content:
            continue
        spoilt = bytearray(content)
        spoilt[SEEDS.integers(len(content))] ^= 1 << int(SEEDS.integers(8))
        path.write_bytes(spoilt)
        with pytest.raises(TrainingError, match=f"{path} has changed; train in another folder, or remove"):
            restore(folder, TOY)
        path.write_bytes(content)
    (folder / "log.jsonl").unlink()
    with pytest.raises(TrainingError, match=r"log\.jsonl is missing"):
        train(tmp_path)
    (folder / "sums.json").unlink()
    assert restore(folder, TOY).result.metrics == run.result.metrics


@pytest.mark.parametrize("change", ["image", "label", "another"])
def test_other_examples_at_the_same_path_are_another_training(
    change: str, run: TrainRun, tmp_path: Path
) -> None:
    first, second = (tmp_path / "faces" / label / "0.png" for label in LABELS[:2])
    if change == "image":
        Image.new("RGB", (SIZE, SIZE), "white").save(first)
    elif change == "label":
        first.rename(first.with_name("x.png")), second.rename(first), first.with_name("x.png").rename(second)
    else:
        Image.new("RGB", (SIZE, SIZE), "white").save(first.with_name("99.png"))
    with pytest.raises(StoreError, match=r"another training .*data\.content was "):
        train(tmp_path)


def test_the_sum_of_examples_is_of_their_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_faces(tmp_path / name)
    one, other = (open_data("folder", tmp_path / name) for name in ("a", "b"))
    assert fingerprint(one) == fingerprint(other) != fingerprint(one, other)
    assert fingerprint(one) != fingerprint(one.take(np.arange(len(one) - 1)))
    path = tmp_path / "b" / LABELS[0] / "3.png"
    path.write_bytes(path.read_bytes() + b"\0")
    assert fingerprint(one) != fingerprint(other)
    recipe = rendered.load_recipe("wild")
    assets = rendered.build_assets(recipe)
    dull = dataclasses.replace(assets, recipe=dataclasses.replace(recipe, seed=recipe.seed + 1))
    assert fingerprint(assets) == fingerprint(rendered.build_assets(recipe)) != fingerprint(dull)
