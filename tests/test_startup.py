"""Help and refusals that need no model import nothing that computes, and cost next to nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxface import bench, frameworks
from jaxface.cli import main

SECONDS = 1.0
"""CPU of one command at most: .2 to .3 s where it is measured alone."""

HEAVY = (
    *("jax", "jaxlib", "flax", "optax", "orbax", "grain", "evosax"),
    *("numpy", "scipy", "sklearn", "pandas", "xarray", "zarr", "google_crc32c"),
    *("matplotlib", "plotly", "PIL", "jinja2", "tqdm"),
)

SCRIPT = """
import json, sys
from jaxface.cli import main
try:
    code = main.run(sys.argv[2:])
except SystemExit as stop:
    code = stop.code or 0
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps([code, heavy]))
"""

HELP = [
    "--help",
    "--version",
    *(f"{name} --help" for name in main.COMMANDS),
    *(f"bench {name} --help" for name in bench.SUITES),
    *(f"train {name} --help" for name in frameworks.REGISTRY),
    "classifiers",
    "classifiers show dan-rafdb",
]

REFUSALS = {
    "adit": "did you mean 'audit'?",
    "audit --confg quick": "did you mean --config?",
    "audit --config quik": "did you mean 'quick'?",
    "audit --config bad.toml": "unknown key 'permutatons', did you mean 'permutations'?",
    "audit --scheme per-tme": "did you mean 'per-time'?",
    "audit --identities many": "--identities",
    "audit --expressions hapiness": "did you mean 'happiness'?",
    "audit --classifiers face-apu": "did you mean 'face-api'?",
    "audit --intervention symetry": "did you mean 'symmetry'?",
    "audit --intervention yaw symetry": "did you mean 'symmetry'?",
    "audit --head nosuch.npz": "no face model at nosuch.npz",
    "audit --people nosuch.npz": "people: no file at nosuch.npz",
    "audit --fail-on scor>1": "did you mean 'score'?",
    "observe nosuch": "no folder of photographs at nosuch",
    "observe --table nosuch.csv": "nosuch.csv",
    "observe --demo --tests kcy": "did you mean 'kci'?",
    "render --expression hapy": "did you mean 'happy'?",
    "render --intervention symetry": "did you mean 'symmetry'?",
    "render --head nosuch.npz": "no face model at nosuch.npz",
    "search --classifier face-apu": "did you mean 'face-api'?",
    "search --expression hapy": "did you mean 'happy'?",
    "train grefle": "did you mean 'grefel'?",
    "train grefel --stps 3": "did you mean --steps?",
    "train grefel --data foldr": "did you mean 'folder'?",
    "train classifier --architecture dann": "did you mean 'dan'?",
    "train pm2 --config nosuch.toml": "no config file at nosuch.toml",
    "mend --classifier face-apu": "did you mean 'face-api'?",
    "mend --classifier nosuch/folder": "nosuch/folder",
    "mend --against symetry": "did you mean 'symmetry'?",
    "mend --methods consistensy": "did you mean 'consistency'?",
    "mend --alpha 0": "must be in (0, 1]",
    "mend --data foldr": "did you mean 'folder'?",
    "evaluate nosuch": "unknown classifier 'nosuch'",
    "evaluate face-api --data foldr": "did you mean 'folder'?",
    "retarget --data foldr": "did you mean 'folder'?",
    "classifiers show face-apu": "did you mean 'face-api'?",
    "classifiers import dan-affectnet9 x.pth": "did you mean 'dan-affectnet8'?",
    "classifiers import dan-affectnet8 nosuch.pth": "no checkpoint at nosuch.pth",
    "report nosuch": "nosuch holds no run.toml",
    "bench audt": "did you mean 'audit'?",
    "doctor --fce x": "did you mean --face?",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("startup")
    (path / "bad.toml").write_text("permutatons = 3\n")
    start("--help", path)  # compiles the modules, where nobody has
    return path


def start(line: str, folder: Path) -> tuple[int, list[str], str, float]:
    """Run a command, and return its exit code, what it imported of `HEAVY`, its output and its CPU seconds."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(HEAVY), *line.split()]
    root = str(Path(main.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment
    )
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    *text, last = output.splitlines()
    code, heavy = json.loads(last)
    return code, heavy, "\n".join(text), usage.ru_utime + usage.ru_stime


def check(line: str, folder: Path) -> tuple[int, str]:
    """Check that a command is light, and return its exit code and output; a busy machine gets a second try."""
    code, heavy, output, seconds = start(line, folder)
    assert heavy == []
    if seconds > SECONDS:
        seconds = start(line, folder)[3]
    assert seconds < SECONDS, f"jaxface {line}: {seconds:.2f} CPU-s"
    return code, output


@pytest.mark.parametrize("line", HELP)
def test_help_is_light(line: str, folder: Path) -> None:
    code, output = check(line, folder)
    assert code == 0 and "error" not in output.splitlines()[0]


@pytest.mark.parametrize(("line", "message"), REFUSALS.items(), ids=list(REFUSALS))
def test_a_refusal_is_light_and_one_line(line: str, message: str, folder: Path) -> None:
    code, output = check(line, folder)
    assert code == 2 and output.startswith("jaxface: error: ") and "\n" not in output
    assert message in output
