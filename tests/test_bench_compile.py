"""Programs for accelerators that are not here: they lower, stay small, and exchange nothing between devices."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from jaxface import classify, face, render
from jaxface.bench import hlo, programs, targets
from jaxface.core import target
from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError
from tests.devices import xla_flags

PLATFORMS = {"tpu": "tpu", "gpu": "cuda"}
BOUNDS = {
    "render grid": 1500,
    "search gradient": 4800,
    "search generation": 3000,
    "search shifted": 3000,
    "render probes": 4000,
    "train pm2": 46_000,  # Swin-B for two domains, forward and backward
    "train": 30_000,
}
"""StableHLO operations, by the first words of a program's name; all others:"""
OTHERS = 9000


@pytest.fixture(params=sorted(PLATFORMS))
def layout(request: pytest.FixtureRequest) -> Iterator[str]:
    with target.use_layout(request.param):
        yield request.param


def operations(of: Iterable[programs.Program], layout: str) -> dict[str, str]:
    """Lower programs, check their sizes, and return their texts by name."""
    texts = {program.name: program.export(PLATFORMS[layout]) for program in of}
    for name, text in texts.items():
        bound = next((most for start, most in BOUNDS.items() if name.startswith(start)), OTHERS)
        assert 1 < hlo.operations(text) <= bound, name
    return texts


@pytest.mark.slow
def test_every_program_of_an_audit_lowers_for_tpu_and_cuda_and_is_small(layout: str) -> None:
    config = programs.paper_config()
    head, scene = face.load(str(config.head)), render.scene(config.render)
    classifiers = [classify.load(str(name)) for name in config.classifiers]
    several = [*programs.rendering(config, head, scene), *programs.observing(classifiers[0], scene)]
    for classifier in classifiers:
        several += [*programs.searching(config, classifier, head, scene)]
        several += [programs.reading(config, classifier, scene)]
    texts = operations(several, layout)
    grid = texts["render grid"]  # no branch, and a gather for each kind of thing that is fetched
    assert "stablehlo.case" not in grid and "stablehlo.if" not in grid
    assert grid.count('"stablehlo.gather"(') < 40
    assert {"render grid", "render probes", "observe pixels"} <= set(texts)
    assert sum(name.startswith("search ") for name in texts) == 6


@pytest.mark.slow
def test_a_training_step_of_every_framework_lowers_and_is_bounded(layout: str) -> None:
    assert len(operations(programs.training(), layout)) == 5


SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh
from jaxface import render
from jaxface.bench import hlo, programs
from jaxface.core import target
from tests.fake_audit import CONFIG
from tests.heads import toy_head
with target.use_layout("tpu"):
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    scene = render.Scene(size=16)
    for program in programs.rendering(CONFIG, toy_head(), scene):
        text = program.lower(mesh).compile().as_text()
        module = hlo.parse(text)
        names = hlo.split_arguments(module)
        split = bool(names) and all(name.startswith("cases") for name in names)
        print("num_partitions=8" in text, split, hlo.collectives(module))
"""


@pytest.mark.slow
def test_cases_on_eight_devices_exchange_nothing() -> None:
    environment = {**os.environ, "XLA_FLAGS": xla_flags(8)}
    process = subprocess.run(
        [sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines() == ["True True []"] * 2


TEXT = """HloModule jit_f

%body (arg: (s32[])) -> (s32[]) {
  %fusion.1 = f32[8]{0} fusion(%a), kind=kLoop, calls=%c, backend_config={"estimated_cycles":"100"}
  %all-reduce.1 = f32[8]{0} all-reduce(%fusion.1), to_apply=%add
}

%condition (arg: (s32[])) -> pred[] {
  %constant.1 = s32[]{:T(128)} constant(5)
  ROOT %lt = pred[] compare(%i, %constant.1), direction=LT
}

%free (arg: (s32[])) -> pred[] {
  ROOT %lt = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[8], y: f32[8]) -> f32[8] {
  %x = f32[8]{0} parameter(0), sharding={devices=[16,1]<=[16]}, metadata={op_name="cases[0]"}
  %y = f32[8]{0} parameter(1), sharding={replicated}, metadata={op_name="common"}
  %fusion.2 = f32[8]{0} fusion(%x), kind=kLoop, calls=%d, backend_config={"estimated_cycles":"7"}
  %while.1 = (s32[]) while(%t), condition=%condition, body=%body, metadata={op_name="jit(f)/while"}
  %while.2 = (s32[]) while(%t), condition=%free, body=%body, metadata={op_name="jit(f)/windows/while"}
}
"""


def test_cycles_of_a_loop_count_as_often_as_it_runs() -> None:
    module = hlo.parse(TEXT)
    assert hlo.cycles(module, {}) == 7 + 5 * 100 + 100
    assert hlo.cycles(module, {"windows": 1.5}) == 7 + 5 * 100 + 150
    assert hlo.kernels(module) == 3
    assert hlo.traffic(module, {}) == 64 + 6 * 32  # what is not defined here has no size
    assert hlo.collectives(module) == [("all-reduce", True)] * 2
    assert hlo.split_arguments(module) == ["cases[0]"]


def test_a_compiler_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("TPU_LIBRARY_PATH", raising=False)
    for name, extra in (("v5e", "aot-tpu"), ("h100", "aot-gpu")):
        with pytest.raises(ConfigError, match=extra):
            targets.devices(name)


def test_an_unknown_target_is_refused() -> None:
    from jaxface.bench.settings import CompileSettings

    with pytest.raises(ConfigError, match="target"):
        from_dict(CompileSettings, {"target": "abacus"})
