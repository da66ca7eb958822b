"""The command line: help without JAX, typos, exit codes, config precedence."""

import dataclasses
import re
import subprocess
import sys
import time
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import tyro

import jaxface
from jaxface import bench, frameworks
from jaxface.cli import main, options
from jaxface.core.checks import OneOf
from jaxface.core.errors import ConfigError, StoreError

COLOURS = {"red": 1, "green": 2}


@dataclass(frozen=True)
class Inner:
    population: int = 50
    limit: float | None = None


@dataclass(frozen=True)
class Settings:
    seed: int = 0
    """Seed of all."""

    names: tuple[str, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    kind: Literal["one", "two"] = "one"
    colour: Annotated[str, OneOf(COLOURS)] = "red"
    """Which of
    them."""

    colours: tuple[Annotated[str, OneOf(COLOURS)], ...] = ()
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Toy:
    """Toy command."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    config: str | None = None
    """TOML file."""


def parse(*argv: str) -> Settings:
    return options.parse(Toy(), "toy", argv).settings


def test_defaults_then_file_then_flags(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seed = 5\n[inner]\npopulation = 7\n")
    assert parse() == Settings()
    assert parse("--config", str(file)) == Settings(seed=5, inner=Inner(7))
    assert parse(f"--config={file}", "--seed", "6") == Settings(seed=6, inner=Inner(7))
    assert parse("--inner.population", "8", "--names", "a", "b") == Settings(names=("a", "b"), inner=Inner(8))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--sede", "3"], r"Unrecognized options: --sede, 3, did you mean --seed\? \(see jaxface toy --help\)"),
        (["--inner.populaton", "3"], "did you mean --inner.population"),
        (["--seed", "x"], r"--seed x: must be a whole number \(see jaxface toy --help\)"),
        (["--seed=x"], "--seed x: must be a whole number"),
        (["--seed"], "--seed: its value is missing; must be a whole number"),
        (["--pair", "1", "b"], "--pair 1 b: must be 2 numbers"),
        (["--inner.population", "1.5"], "--inner.population 1.5: must be a whole number"),
        (["--inner.limit", "x"], "--inner.limit x: must be a number, or None"),
        (["--kind", "ont"], "--kind 'ont', did you mean 'one'"),
        (["--kind", "x"], "--kind 'x'; known: one, two"),
        (["--config"], "--config: its value is missing; must be a word, or None"),
        (["--config", "absent.toml"], "no config file at absent.toml"),
        (
            ["--config", "."],
            r"\. is a folder; --config must be a TOML file, or one of: observe, paper-strict, paper, quick, ",
        ),
        (["--config", "quik"], "no bundled config 'quik', did you mean 'quick'"),
        (["stray"], "Unrecognized options: stray"),
    ],
)
def test_bad_flags_are_told_in_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse(*argv)
    assert "\n" not in str(caught.value) and "│" not in str(caught.value)


def test_a_typo_in_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("sed = 5\n")
    with pytest.raises(ConfigError, match=r"c\.toml: unknown key 'sed', did you mean 'seed'\?"):
        parse("--config", str(file))


def test_bundled_configs_are_found_by_name() -> None:
    names = {file.stem for folder in options.config_folders() for file in folder.glob("*.toml")}
    assert {"quick", "paper", "smoke"} <= names
    assert options.find_config("quick").name == "quick.toml"


def test_a_file_wins_over_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quick").write_text("seed = 1\n")
    assert options.find_config("quick") == Path("quick")


def test_help_shows_the_choices_of_a_registry(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "--colour {red,green}" in text and "[{red,green} ...]" in text and "--kind {one,two}" in text
    assert "Which of them." in text  # one paragraph, however its source is broken


class Stop(Exception):
    """A command that is not run: its dataclass."""


def fixed_sets(hint: Any) -> Iterator[tuple[str, ...]]:
    """Yield the names of each `OneOf` and each `Literal` in a type, and in the fields of a dataclass."""
    if typing.get_origin(hint) is Literal:
        yield tuple(map(str, typing.get_args(hint)))
    for item in getattr(hint, "__metadata__", ()):
        if isinstance(item, OneOf):
            yield tuple(item.names)
    for inner in typing.get_args(hint):
        if isinstance(inner, type) or typing.get_origin(inner) is not None:
            yield from fixed_sets(inner)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        for each in typing.get_type_hints(hint, include_extras=True).values():
            yield from fixed_sets(each)


@pytest.mark.parametrize(
    "line",
    [
        *(name for name in main.COMMANDS if name not in ("bench", "train")),
        *(f"bench {name}" for name in bench.SUITES),
        *(f"train {name}" for name in frameworks.REGISTRY),
    ],
)
def test_help_shows_every_fixed_set_of_choices(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main.run([*line.split(), "--help"])
    text = re.sub(r"[\s│]", "", capsys.readouterr().out)  # long lists are broken into lines

    def take(command: Any, name: str, argv: Any) -> None:
        raise Stop(type(command))

    monkeypatch.setattr(options, "parse_flags", take)
    with pytest.raises(Stop) as stop:
        main.run(line.split())
    for names in fixed_sets(stop.value.args[0]):
        assert ",".join(names) + "}" in text, names


def test_help_shows_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    out, err = capsys.readouterr()
    assert "--config" in out and "TOML file." in out and "Seed of all." in out
    assert err == ""


class Fake:
    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def main(self, argv: list[str]) -> int:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "code", "stderr"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (StoreError("runs/x holds\nanother run"), 2, "jaxface: error: runs/x holds another run\n"),
        (
            PermissionError(13, "Permission denied", "x"),
            1,
            "jaxface: error: x: Permission denied\n",
        ),
        (KeyboardInterrupt(), 130, "jaxface: interrupted\n"),
        (KeyboardInterrupt("it resumes"), 130, "jaxface: interrupted; it resumes\n"),
    ],
)
def test_exit_codes(
    outcome: Any, code: int, stderr: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main.importlib, "import_module", lambda name: Fake(outcome))
    assert main.run(["audit"]) == code
    assert capsys.readouterr().err == stderr


def test_an_interrupt_while_libraries_are_imported_is_not_lost() -> None:
    program = (
        "import signal\n"
        "from jaxface.cli import main\n"
        "def load(name):\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n"
        "        pass\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "main.importlib.import_module = load\n"
        "main.run(['audit'])\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (130, "jaxface: interrupted\n")


def test_an_error_of_jaxface_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main.importlib, "import_module", lambda name: Fake(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main.run(["audit"])


def test_a_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["adit"]) == 2
    assert capsys.readouterr().err == "jaxface: error: no command 'adit', did you mean 'audit'?\n"


def test_top_level_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in main.COMMANDS)
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxface {jaxface.__version__}\n"
    assert main.run([]) == 2


def test_help_and_import_start_no_jax() -> None:
    program = (
        "import sys\n"
        "from jaxface.cli.main import run\n"
        "code = run(['--help'])\n"
        "heavy = {'jax', 'jaxlib', 'numpy', 'flax', 'tyro'} & set(sys.modules)\n"
        "sys.exit(f'{code} {sorted(heavy)}' if code or heavy else 0)\n"
    )
    began = time.monotonic()
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    assert process.returncode == 0, process.stderr
    assert seconds < 3.0  # 0.1 s on a free machine; a loaded one gets ten times the goal of 0.3 s


def test_import_jaxface_starts_no_jax() -> None:
    process = subprocess.run(
        [sys.executable, "-c", "import sys, jaxface, jaxface.cli; sys.exit('jax' in sys.modules)"], check=False
    )
    assert process.returncode == 0


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main.run([name, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: jaxface {name}" in out
    if name not in ("classifiers", "report"):
        assert "--config" in out


def test_the_readme_tells_the_command_that_ci_runs() -> None:
    root = Path(__file__).parent.parent
    lines = [line for line in (root / "README.md").read_text().splitlines() if line.endswith("pytest")]
    assert lines == ['pip install -e ".[test]" && pytest']
    pattern = re.search(r"grep -E '(.+)' README\.md", (root / ".ci" / "run").read_text())
    assert pattern is not None
    assert re.fullmatch(pattern[1], lines[0])
