"""README, tutorials and notebooks, run from top to bottom in an empty folder by an installed wheel.

The documents are the source. Fewer people, levels and training steps take the place of theirs, nothing else.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.documents import NOTEBOOKS, ROOT, TUTORIALS, Block, blocks, notebook_cells
from tests.flame_files import flame_arrays, write_flame_pickle
from tests.onnx_files import write_mean_colours
from tests.random_weights import arrays
from tests.torch_files import save_zip, tensors

SMALL_CONFIG = {
    "identities": "6",
    "expressions": '["happiness"]',
    "symmetry_steps": "3",
    "time_steps": "3",
    "permutations": "100",
    "intervention": '["symmetry", "null"]',
    "steps": "4",
    "batch": "8",
    "warmup": "1",
    "evaluate_every": "2",
    "checkpoint_every": "2",
    "validation_images": "16",
}
"""Values of the bundled configs: key -> the small one."""

SMALL_AUDIT = "--identities 6 --expressions happiness --symmetry-steps 3 --time-steps 3 --permutations 100"
SMALL_SEARCH = "--search.method prototype"  # compiling a search is most of a small audit
SMALL_MEND = (
    "--people 4 --held-out-people 2 --audit-people 2 --steps 20 --learning-rate 1e-3 --batch 8 --alpha 0.9 "
    "--symmetry-steps 3 "
    "--max-loss-of-accuracy 1 --max-loss-of-agreement 1 --expressions happiness sadness --permutations 100 "
    f"{SMALL_SEARCH}"
)
SMALL_GRID = "symmetry_steps=3, time_steps=3"
SMALL_PYTHON = {
    r"(symmetry|time)_steps=\d+": r"\1_steps=3",
    r"identities=\d+": "identities=6, permutations=100",
    r"expressions=\([^)]*\)": 'expressions=("happiness",)',
}

INSTALL = ("pip install . && ", 'pip install -e ".[test]" && pytest', "pip install .")
"""What the fixture has done already."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as the wheel holds it, which was built from the source distribution."""
    folder = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT], folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder / "site", wheel], folder)
    for config in (folder / "site" / "jaxface" / "configs").glob("*.toml"):
        text = config.read_text()
        for key, value in SMALL_CONFIG.items():
            text = re.sub(rf"^{key} = (\[[^\]]*\]|.*)", f"{key} = {value}", text, flags=re.MULTILINE)
        config.write_text(text)
    return folder / "site"


@pytest.fixture(scope="module")
def environment(installed: Path) -> dict[str, str]:
    """The variables of a shell in which `jaxface` is the installed one."""
    path = f"{installed / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    cache = str(installed.parent / "cache")
    return os.environ | {"PATH": path, "PYTHONPATH": str(installed), "XDG_CACHE_HOME": cache}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the documents take for the reader's."""
    weights = tensors(arrays("dan-affectnet8"))
    save_zip(tmp_path / "affecnet8_epoch5_acc0.6209.pth", {"model_state_dict": weights})
    write_flame_pickle(tmp_path / "generic_model.pkl", flame_arrays())
    write_mean_colours(
        tmp_path / "my.onnx", ["n", 3, 24, 24], np.array([[3, 1, 0], [-2, 1, 2], [0, 1, -1]], np.float32)
    )
    picture = np.load(ROOT / "tests" / "data" / "face_api.npz")["picture"]
    face = Image.fromarray(picture[:, : picture.shape[1] // 2])
    face.save(tmp_path / "somebody.jpg", quality=95)
    for group in ("patients", "controls"):
        for expression in ("happiness", "sadness"):
            (tmp_path / "photos" / group / expression).mkdir(parents=True)
            for number in range(4):
                shifted = face.rotate(2 * number, fillcolor=(90, 90, 90))
                shifted.save(tmp_path / "photos" / group / expression / f"{number}.jpg")
    return tmp_path


@pytest.mark.thorough
def test_the_readme_runs_in_order(folder: Path, environment: dict[str, str]) -> None:
    walk(blocks(ROOT / "README.md"), folder, environment)
    assert (folder / "runs" / "quick" / "report.html").is_file()


def test_the_first_command_of_the_readme_ends_in_a_report(folder: Path, environment: dict[str, str]) -> None:
    first = next(block for block in blocks(ROOT / "README.md") if block.language == "bash")
    walk([first], folder, environment)
    assert (folder / "runs" / "quick" / "report.html").is_file()


@pytest.mark.thorough
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_in_order(page: Path, folder: Path, environment: dict[str, str]) -> None:
    walk(blocks(page), folder, environment)


@pytest.mark.thorough
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, folder: Path, environment: dict[str, str]) -> None:
    program = "\n".join(small_python(cell["source"]) for cell in notebook_cells(path))
    run([sys.executable, "-c", program], folder, environment | {"MPLBACKEND": "agg"})


def walk(blocks: list[Block], folder: Path, environment: dict[str, str]) -> None:
    """Run the blocks of a page in order; Python blocks of a page are one session."""
    session = ""
    for block in filter(lambda block: block.runs, blocks):
        if block.title:
            (folder / block.title).write_text(block.text)
        elif block.language == "bash":
            for command in small_commands(block):
                # 1: a limit is exceeded, or no candidate is better
                codes = (0, 1) if "--fail-on" in command or "jaxface mend" in command else (0,)
                run(["bash", "-euc", command], folder, environment, codes)
        elif block.language == "python":
            session += small_python(block.text)
            run([sys.executable, "-c", session], folder, environment)


def small_commands(block: Block) -> Iterator[str]:
    """The commands of a block, with less work."""
    for line in block.commands:
        command = line.replace(INSTALL[0], "") if line.startswith(INSTALL[0]) else line
        if command in INSTALL:
            continue
        if command.startswith("jaxface audit"):
            command = re.sub(r" --identities \d+| --expressions [a-z ]+(?= --|$)", "", command)
            command += f" {SMALL_AUDIT}" if "--config" not in command else ""
            command += f" {SMALL_SEARCH}" if "--head" not in command else " --search.max-evaluations 50"
        if command.startswith("jaxface mend"):
            command += f" {SMALL_MEND}"
        yield command


def small_python(text: str) -> str:
    """The same program, with less work."""
    if "symmetry_steps" not in text:
        text = text.replace("identities=", f"{SMALL_GRID}, identities=")
    for pattern, replacement in SMALL_PYTHON.items():
        text = re.sub(pattern, replacement, text)
    return text


def run(
    command: list[object],
    folder: Path,
    environment: dict[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
) -> None:
    """Run a command, and show its output if it fails."""
    words = [str(word) for word in command]
    process = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert process.returncode in codes, f"{words[-1]}\n{process.stdout}\n{process.stderr}"
