"""The documentation site builds without a warning, and holds every public name."""

import importlib
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from jaxface import __all__ as packages

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def test_every_public_name_has_its_place_in_the_reference(site: Path) -> None:
    inventory = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    names = {line.split()[0] for line in inventory.splitlines()}
    public = {"jaxface.enable_compile_cache"}
    for package in set(packages) - {"__version__", "enable_compile_cache"}:
        module = importlib.import_module(f"jaxface.{package}")
        public |= {f"jaxface.{package}.{name}" for name in module.__all__}
    assert public - names == set()


def test_pages_beside_docs_are_pages_of_the_site(site: Path) -> None:
    for page, words in {"index.html": "facial palsy", "contributing/index.html": "intervention"}.items():
        assert words in (site / page).read_text()
    assert list(site.rglob("half_smile.png"))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    home = (site / "index.html").read_text()
    assert "fonts.googleapis.com" not in home and '<script src="http' not in home
