"""The naming rule: a variable says what it is, so it is no bare past participle; a module keeps its name.

`found` may be a mask, a table or a result. Such names are counted in every file and may be 1 % of the names
that are assigned, for terms of the field and for the few cases in which a participle is the plain word.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "jaxface"
MOST = 0.01

IRREGULAR = frozenset(
    (
        *("begun", "built", "chosen", "done", "drawn", "found", "frozen", "given", "gone", "held", "hidden"),
        *("kept", "known", "learnt", "made", "said", "seen", "shown", "taken", "thrown", "told", "written"),
    )
)
NO_PARTICIPLES = frozenset({"bed", "embed", "feed", "indeed", "need", "red", "seed", "shed", "speed"})

FOLDERS = {
    **{
        f"jaxface/{folder.name}": folder
        for folder in sorted(PACKAGE.iterdir())
        if folder.is_dir() and any(folder.rglob("*.py"))
    },
    **{name: REPOSITORY / name for name in ("jaxface", "tests", "benchmarks", "studies", "tools")},
}


def is_participle(name: str) -> bool:
    """Whether a name is one word, and a past participle."""
    return name in IRREGULAR or (re.fullmatch("[a-z]+ed", name) is not None and name not in NO_PARTICIPLES)


def stored_names(path: Path) -> Iterator[tuple[str, int]]:
    """Every name that a file stores, with its line: variables, parameters, loop variables, fields."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


def test_the_rule_knows_participles_and_where_names_are_stored(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "limit: float = 1.0\n"
        "def scale(values, *, padded=None):\n"
        "    for seed, (found, red) in values:\n"
        "        values.known = found\n"
        "    return [drawn for drawn in values if (kept := drawn)]\n"
    )
    names = [name for name, _ in stored_names(path)]
    assert Counter(names) == Counter(["limit", "values", "padded", "seed", "found", "red", "drawn", "kept"])
    assert sorted(filter(is_participle, names)) == ["drawn", "found", "kept", "padded"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_no_bare_participles(folder: str) -> None:
    total, participles = 0, []
    for path in sorted(FOLDERS[folder].rglob("*.py")):
        for name, line in stored_names(path):
            total += 1
            if is_participle(name):
                participles.append(f"{path.relative_to(REPOSITORY)}:{line} {name}")
    share = len(participles) / max(total, 1)
    some = "\n".join(participles[:20])
    assert share <= MOST, f"{share:.1%} of {total} names in {folder} are bare participles, such as\n{some}"


def test_no_public_module_is_shadowed_by_its_function_or_class() -> None:
    """`from jaxface.package import module` must be the module. The entry point `main.main` is exempt."""
    shadows = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.stem
        if not name.startswith("_") and name != "main" and name in definitions(tree):
            shadows.append(f"{path.relative_to(REPOSITORY)} defines {name}")
        if name == "__init__":
            modules = {other.stem for other in path.parent.iterdir() if is_module(other)}
            for node in tree.body:
                if isinstance(node, ast.ImportFrom):
                    imports = {alias.asname or alias.name: alias.name for alias in node.names}
                    package = ".".join(path.parent.relative_to(REPOSITORY).parts)
                    # `from jaxface.package import module` imports the module itself.
                    if node.module != package:
                        shadows += [f"{package} hides its module {each}" for each in imports.keys() & modules]
    assert not shadows, "\n".join(shadows)


def definitions(tree: ast.Module) -> set[str]:
    """Names of the functions and classes at the top of a module."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def is_module(path: Path) -> bool:
    """Whether a path is a public module or package."""
    is_package = path.is_dir() and (path / "__init__.py").is_file()
    return not path.name.startswith("_") and (is_package or path.suffix == ".py")
