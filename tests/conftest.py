"""Strict JAX for all tests: silent broadcasting across ranks is an error."""

import contextlib
import dataclasses
import gc
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.devices import quick_flags, users_options

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", quick_flags())

import jax
import pytest
from jax._src import compiler

if TYPE_CHECKING:
    from jaxface.audit import AuditResult

jax.config.update("jax_numpy_rank_promotion", "raise")


THOROUGH = (
    *(
        f"test_frameworks_contract.py::test_one_device_and_eight_give_the_same_numbers[{name}]"
        for name in ("classifier", "grefel", "causal_affect")
    ),
    *(f"test_goldens.py::test_numbers_are_the_references[{name}]" for name in ("training", "audit", "search")),
    "test_bench_compile.py::test_a_training_step_of_every_framework_lowers_and_is_bounded[gpu]",
    "test_bench_compile.py::test_a_training_step_of_every_framework_lowers_and_is_bounded[tpu]",
    "test_search.py::test_a_strict_search_knows_nothing_of_the_prototypes[differential-evolution]",
    "test_paper_strict.py::test_a_strict_audit_goes_from_people_to_scores[bundled]",
    "test_frameworks_grefel_networks.py::test_a_study_from_training_to_its_row",
    "test_classify_import.py::test_an_audit_of_an_imported_one_runs_by_config",
    "test_interventions_audit.py::test_noise_and_exposure_are_recovered_in_their_own_units",
    "test_interventions_audit.py::test_an_audit_recovers_what_was_planted_and_nothing_else[blur]",
    "test_stats_independence.py::test_cmiknn_p_is_the_references[indep_500]",
    "test_render_tiled.py::test_an_audit_through_the_accelerator_path_has_the_same_scores[tpu]",
    "test_render_tiled.py::test_faces_have_the_colours_of_the_exact_path_whatever_draws_them[tpu]",
    "test_interventions_audit.py::test_an_audit_recovers_what_was_planted_and_nothing_else[palsy]",
    "test_interventions_audit.py::test_an_audit_recovers_what_was_planted_and_nothing_else[yaw]",
)
"""Tests of minutes of compiling, whose neighbours hold the same: `pytest -m thorough` runs them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `THOROUGH`, which a plain `pytest` leaves out; begin with the files that take longest.

    What comes last decides how long one process waits for the others.
    """
    for item in items:
        if item.nodeid.endswith(THOROUGH):
            item.add_marker("thorough")
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


_CACHE = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config: pytest.Config) -> None:
    """Compile a program once: all processes of this run share a folder, empty at first and gone at the end."""
    if _CACHE not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="jaxface-programs-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        config.add_cleanup(lambda: os.environ.pop(_CACHE))
        os.environ[_CACHE] = folder.name
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    jax.config.update("jax_compilation_cache_dir", os.environ[_CACHE])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def pytest_collection_finish() -> None:
    """Tracing makes many small objects: look for cycles among them more seldom, and never among the modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


LONGEST = (
    "test_audit_devices",
    "test_classify_contract",
    "test_search",
    "test_frameworks_contract",
    "test_newcomer",
    "test_goldens",
    "test_classify_import",
    "test_fuzz",
    "test_frameworks_circle",
    "test_head_contract",
    "test_cli_commands",
    "test_audit_run",
    "test_load_ict",
    "test_data_fit",
    "test_interventions_audit",
)
"""Files of half a minute and more, the longest first."""

LAST_BITS = ("test_interventions_levels",)
"""Files that compare last bits of different programs: they are compiled with the emitters that users have."""


@contextlib.contextmanager
def _users_emitters() -> Iterator[None]:
    """Undo one of `quick_flags`, for programs that are compiled within."""
    get_compile_options = compiler.get_compile_options

    def with_users_options(*arguments: Any, **keywords: Any) -> Any:
        keywords["env_options_overrides"] = users_options() | (keywords.get("env_options_overrides") or {})
        return get_compile_options(*arguments, **keywords)

    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", with_users_options)
        yield
    jax.clear_caches()


@pytest.fixture(autouse=True, scope="module")
def last_bits_of_a_file(request: pytest.FixtureRequest) -> Iterator[None]:
    with _users_emitters() if request.path.stem in LAST_BITS else contextlib.nullcontext():
        yield


@pytest.fixture
def last_bits() -> Iterator[None]:
    """For a test that compares last bits of different programs, as the files of `LAST_BITS` do."""
    with _users_emitters():
        yield


_MAPS = Path("/proc/self/maps")
_MANY = 16_000  # a quarter of what Linux gives a process


@pytest.fixture(autouse=True, scope="module")
def forget_programs() -> Iterator[None]:
    """Every compiled program holds mapped memory; a thousand tests' run into the kernel's limit, and crash."""
    yield
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MANY:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> "AuditResult":
    """The run of `tests.runs`: tests that write into its folder take `fake_folder`."""
    from tests.runs import finished_run

    return finished_run(tmp_path_factory.mktemp("fake") / "run")


@pytest.fixture
def fake_folder(fake_run: "AuditResult", tmp_path: Path) -> Path:
    """A copy of the folder of `fake_run`."""
    return Path(shutil.copytree(fake_run.folder, tmp_path / "run"))


@pytest.fixture(scope="session")
def fake_page(fake_run: "AuditResult") -> str:
    """The report of `fake_run`, with faces of the toy head."""
    from jaxface import report
    from tests.heads import toy_head

    config = dataclasses.replace(fake_run.config, head=toy_head())
    return report.page(dataclasses.replace(fake_run, config=config))


@pytest.fixture
def without_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with empty figures, for tests of all else: drawing is most of a page's time."""
    from matplotlib.figure import Figure

    def save_nothing(figure: Figure, file: io.StringIO, **options: object) -> None:
        file.write('<svg viewBox="0 0 1 1"></svg>')

    monkeypatch.setattr(Figure, "savefig", save_nothing)
