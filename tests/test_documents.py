"""What the documents show exists: every command is understood, every name in Python is there."""

import ast
from pathlib import Path
from typing import Any

import pytest

import jaxface as jf
from jaxface.cli import main, options
from tests.documents import NOTEBOOKS, PAGES, ROOT, blocks, jaxface_commands, notebook_cells


class Understood(BaseException):
    """Raised instead of running a command that was parsed."""


@pytest.fixture
def parse_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_flags = options.parse_flags

    def stop(*args: Any, **kwargs: Any) -> None:
        parse_flags(*args, **kwargs)
        raise Understood

    monkeypatch.setattr(options, "parse_flags", stop)


@pytest.mark.usefixtures("parse_alone")
@pytest.mark.parametrize("words", [pytest.param(words, id=place) for place, words in jaxface_commands()])
def test_every_command_of_the_documents_is_understood(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main.run(words)
    except Understood:
        return
    assert words in (["--help"], ["--version"]), f"exit code {code}: {capsys.readouterr().err}"


@pytest.mark.parametrize("command", ["audit", "observe"])
def test_help_names_every_bundled_config(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.run([command, "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    names = text.partition("the name of a bundled config: ")[2].partition(". ")[0].split(", ")
    configs = sorted((ROOT / "configs").glob("*.toml"))
    assert sorted(names) == sorted(
        one.stem for one in configs if f"# Run: jaxface {command}" in one.read_text()
    )


def python_blocks() -> list[Any]:
    pages = [
        pytest.param(block.text, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page))
        if block.language == "python"
    ]
    notebooks = [
        pytest.param("\n".join(cell["source"] for cell in notebook_cells(path)), id=path.name)
        for path in NOTEBOOKS
    ]
    return pages + notebooks


@pytest.mark.parametrize("text", python_blocks())
def test_every_name_of_jaxface_in_the_documents_exists(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            path = ast.unparse(node).split(".")
            if path[0] == "jf" and all(part.isidentifier() for part in path):
                value: Any = jf
                for part in path[1:]:
                    value = getattr(value, part)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jaxface"):
            exec(compile(ast.Module([node], []), "document", "exec"), {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_with_its_pictures(path: Path) -> None:
    outputs = [output for cell in notebook_cells(path) for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output["output_type"] != "error" for output in outputs)
    assert "/tmp/" not in path.read_text() and "/home/" not in path.read_text()
