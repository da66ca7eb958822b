"""`jaxface train` and `evaluate`: what they refuse and how, and that every bundled recipe can be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxface import frameworks
from jaxface.cli import main, options
from jaxface.cli.train import command_of
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import ArraySource, Dataset
from jaxface.data.registry import parse_options
from jaxface.frameworks.common.inputs import task_of

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "classifer"], "unknown framework 'classifer', did you mean 'classifier'"),
        (["train", "classifier", "--stepz", "3"], "did you mean --steps"),
        (["train", "classifier", "--architecture", "emonext-tini"], "did you mean 'emonext-tiny'"),
        (["train", "classifier", "--data", "folder", "--root", "absent"], "absent"),
        (["train", "classifier", "--data", "foldr"], "did you mean 'folder'"),
        (["train", "classifier", "--root", "expresions"], "did you mean 'expressions'"),
        (
            ["train", "classifier", "--optimizer.learning-rate", "0"],
            "optimizer.learning_rate = 0.0: must be more than 0",
        ),
        (["evaluate"], "name what to evaluate"),
        (["evaluate", "face-apj"], "did you mean 'face-api'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    argv: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxface.core.runtime.enable_compile_cache", lambda: None)
    assert main.run(argv) == 2
    stderr = capsys.readouterr().err
    assert message in stderr and stderr.count("\n") == 1


def test_help_lists_the_frameworks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.run(["train", "--help"])
    stdout = capsys.readouterr().out
    assert all(f"  {name}" in stdout for name in frameworks.REGISTRY)
    assert main.run(["train"]) == 2


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("train-*.toml")), ids=lambda path: path.stem)
def test_every_bundled_recipe_can_be_read(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("#") and "# Expect:" in text and "# Cost:" in text
    words = next(line for line in text.splitlines() if line.startswith("# Run: jaxface train ")).split()
    assert words[5:7] == ["--config", path.stem]
    command = options.parse(
        command_of(frameworks.load_tables(words[4])), "train", ["--config", str(path), "--steps", "7"]
    )
    assert command.settings.train.steps == 7  # type: ignore[attr-defined]


def test_a_typo_in_a_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[model]\narchitectur = 'dan'\n")
    with pytest.raises(ConfigError, match=r"unknown key 'model.architectur', did you mean 'architecture'"):
        options.parse(
            command_of(frameworks.load_tables("classifier")), "train", ["--config", str(tmp_path / "c.toml")]
        )


def test_options_of_a_reader() -> None:
    assert parse_options(("split=train", "fold=2")) == {"split": "train", "fold": 2}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        parse_options(("split",))


def test_a_task_is_what_the_data_ask() -> None:
    columns = {
        "label": np.zeros(4, np.int32),
        "identity": np.arange(4, dtype=np.int32),
        "sex": np.full(4, -1, np.int32),
        "age": np.ones(4, np.float32),
    }
    dataset = Dataset("some", ArraySource(np.zeros((4, 8, 8, 1), np.uint8)), columns, ("happiness",))
    task = task_of(dataset, None, "labels")
    assert (task.labels, task.size, task.channels, task.extras) == (("happiness",), 8, 1, (("identity", 4),))
    assert task_of(dataset, 32, "labels").size == 32 and task.classes("identity") == 4
    with pytest.raises(ConfigError, match="no column 'identiy', did you mean 'identity'"):
        task.classes("identiy")
    with pytest.raises(DataError, match="some has no column 'units'"):
        task_of(dataset, None, "units")


def test_a_training_on_one_class_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set/happy").mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"set/happy/{number}.png")
    flags = ["--data", "folder", "--root", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--quiet"]
    assert main.run(["train", "classifier", *flags]) == 2
    assert "there is nothing to tell apart; a training needs two classes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
