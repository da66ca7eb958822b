"""Config files: what is read is what was written, and what is wrong is named."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from jaxface.core.config import dump_toml, from_dict, load_toml
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    population: int = 50
    method: Literal["hybrid", "gradient"] = "hybrid"
    weight: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str = "quick"
    labels: tuple[str, ...] = ("happiness",)
    pair: tuple[float, float] = (0.0, 1.0)
    folder: Path | None = None
    loud: bool = False
    either: int | str = 3
    inner: Inner = field(default_factory=Inner)


CHANGED = Outer("paper", ("fear", "anger"), (0.25, 1e-3), Path("a/b"), True, "all", Inner(7, "gradient", 2.0))


@pytest.mark.parametrize("config", [Outer(), CHANGED], ids=["defaults", "changed"])
def test_round_trip(tmp_path: Path, config: Outer) -> None:
    file = tmp_path / "c.toml"
    file.write_text(dump_toml(config))
    assert load_toml(Outer, file) == config


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[inner]\npopulation = 9\n")
    assert load_toml(Outer, file) == Outer(inner=Inner(population=9))


def test_dashes_and_integers_for_floats_are_read() -> None:
    @dataclass(frozen=True)
    class Dashed:
        learning_rate: float = 0.1

    config = from_dict(Dashed, {"learning-rate": 1})
    assert config.learning_rate == 1.0
    assert isinstance(config.learning_rate, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nane = 'x'", r"unknown key 'nane', did you mean 'name'\?"),
        ("[inner]\npopulatoin = 3", r"unknown key 'inner.populatoin', did you mean 'population'\?"),
        ("name = 3", "name = 3: must be str"),
        ("loud = 1", "loud = 1: must be bool"),
        ("[inner]\npopulation = true", "inner.population = True: must be int"),
        ("[inner]\npopulation = 2.5", "inner.population = 2.5: must be int"),
        ("[inner]\nmethod = 'hybrd'", r"inner.method = 'hybrd', did you mean 'hybrid'\?"),
        ("labels = 'happiness'", "labels = 'happiness': must be a list"),
        ("labels = [1]", "labels = 1: must be str"),
        ("pair = [1.0]", r"pair = \[1.0\]: must have 2 values"),
        ("inner = 3", r"inner = 3: must be a table \[inner\]"),
        ("name = ", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_toml(Outer, file)
    assert str(file) in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config file at .*absent\.toml"):
        load_toml(Outer, tmp_path / "absent.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_toml(Outer, file)
