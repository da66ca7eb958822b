"""Progress goes to stderr, plain where nobody watches, and says when programs are compiled."""

import gc
import inspect
import logging
import sys
import threading
import time
from collections.abc import Iterator

import jax
import jax.monitoring
import jax.numpy as jnp
import pytest

import jaxface as jf
from jaxface.core import progress
from jaxface.core.clock import Clock
from jaxface.data.retarget import retarget

LOWERED = "/jax/core/compile/jaxpr_to_mlir_module_duration"
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def lines() -> Iterator[None]:
    """The library's logger writes to stderr, as in a command."""
    handlers, level = list(progress.LOGGER.handlers), progress.LOGGER.level
    progress.log_to_stderr()
    yield
    progress.LOGGER.handlers[:] = handlers
    progress.LOGGER.setLevel(level)


@pytest.mark.usefixtures("lines")
def test_lines_tell_the_stage_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.LogProgress(seconds=1000.0)
    meter.start("cells", 4, initial=1)
    for note in ("a", "b", "c"):
        meter.advance(note=note)
    meter.close()
    out, err = capsys.readouterr()
    messages = err.splitlines()
    assert out == ""
    assert messages[0] == "cells: 1/4"
    assert messages[1].startswith("cells: 4/4 (") and messages[1].endswith("/s, c)")
    assert len(messages) == 2


@pytest.mark.usefixtures("lines")
def test_lines_are_not_held_back_longer_than_asked(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.LogProgress(seconds=0.0)
    meter.start("cells", 3)
    meter.advance(2)
    assert "cells: 2/3" in capsys.readouterr().err
    meter.close()


def test_a_bar_counts(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.TqdmProgress()
    meter.advance()  # before any stage: nothing to count
    meter.start("search", 2)
    meter.advance(2, note="happiness")
    meter.start("cells", 5)
    meter.close()
    meter.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert "search" in err and "2/2" in err and "cells" in err


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.for_terminal(quiet=True)
    meter.start("cells", 1)
    meter.advance()
    meter.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("lines")
def test_the_display_suits_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(progress.for_terminal(), progress.LogProgress)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(progress.for_terminal(), progress.TqdmProgress)


def test_a_notebook_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPython's shell in a notebook has a kernel, the one in a terminal has none."""
    shell = type("Shell", (), {"kernel": None})()
    monkeypatch.setitem(sys.modules, "IPython", type("IPython", (), {"get_ipython": lambda: shell}))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not progress.is_watched()
    shell.kernel = object()
    assert progress.is_watched()
    assert isinstance(progress.choose(), progress.TqdmProgress)


def test_a_caller_chooses() -> None:
    meter = progress.NullProgress()
    assert progress.choose(meter) is meter
    assert type(progress.choose(False)) is progress.NullProgress
    assert isinstance(progress.choose(True), progress.TqdmProgress)
    assert isinstance(progress.choose(None), progress.LogProgress)  # nobody watches a test


def test_the_logger_is_silent_unless_asked(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.LOGGER, "handlers", [])  # a command before this test may have asked
    monkeypatch.setattr(progress.LOGGER, "level", logging.NOTSET)
    meter = progress.choose()
    meter.start("cells", 1)
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="jaxface"):
        meter.advance(note="happiness")
    meter.close()
    assert [record.name for record in caplog.records] == ["jaxface"]
    assert "cells: 1/1" in caplog.text and "happiness" in caplog.text
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("kind", [progress.TqdmProgress, progress.LogProgress])
def test_a_hint_is_said_when_a_stage_begins(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    meter = kind(hint="patience")
    meter.start("cells", 2)
    meter.advance(2, note="done")
    meter.close()
    err = capsys.readouterr().err
    assert "patience" in err and "done" in err
    assert err.index("patience") < err.index("done")


def test_compiling_is_said_while_it_lasts() -> None:
    meter = progress.LogProgress()
    meter.start("cells", 2)
    jax.monitoring.record_event_duration_secs(LOWERED, 0.0)
    time.sleep(0.01)
    assert meter.status().startswith("compiling program 1, 0 s")
    jax.monitoring.record_event_duration_secs(COMPILED, 0.01)
    assert "compiling" not in meter.status()
    meter.close()


def test_the_time_left_leaves_compiling_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten units in 10 s after 990 s of compiling: ten more take 10 s, not 1000; nor while one more compiles."""
    meter = progress.LogProgress()
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    meter.start("cells", 20)
    monkeypatch.setattr(time, "perf_counter", lambda: 990.0)
    jax.monitoring.record_event_duration_secs(COMPILED, 990.0)
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
    meter.advance(10)
    assert meter.status() == "1/s, 10 s left"
    jax.monitoring.record_event_duration_secs(LOWERED, 0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: 1500.0)
    assert meter.status() == "1/s, 10 s left, compiling program 2, 500 s"
    meter.close()


def test_jax_tells_when_it_compiles() -> None:
    """The events on which this rests: JAX's own, of a program that is compiled now."""
    compiling = []
    with Clock() as clock:

        def watch(event: str, seconds: float, **_: str | int) -> None:
            if event == LOWERED:
                compiling.append(clock.compiling_for > 0.0)

        jax.monitoring.register_event_duration_secs_listener(watch)
        jax.jit(lambda x: jnp.sin(x) * 3.0 + 17.25)(jnp.ones(5))
        jax.monitoring.unregister_event_duration_listener(watch)
    assert compiling and all(compiling)
    assert clock.compiling_for == 0.0 and clock.programs >= 1 and clock.seconds["compile"] > 0.0


@pytest.mark.usefixtures("lines")
def test_the_clock_moves_while_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.LogProgress(seconds=0.1)
    meter.start("cells", 2)
    deadline = time.monotonic() + 30
    text = ""
    while text.count("cells: 0/2") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
        text += capsys.readouterr().err
    meter.close()
    assert text.count("cells: 0/2") >= 3


def test_a_display_that_nobody_holds_stops() -> None:
    before = set(threading.enumerate())
    meter = progress.LogProgress(seconds=0.1)
    meter.start("cells", 2)
    (ticker,) = set(threading.enumerate()) - before
    del meter
    gc.collect()
    ticker.join(30)
    assert not ticker.is_alive()


@pytest.mark.parametrize(
    "function",
    [
        jf.audit.run,
        jf.audit.survey,
        jf.audit.observe.run,
        jf.audit.observe.demonstrate,
        jf.frameworks.train,
        jf.report.write,
        jf.search.maximise,
        retarget,
    ],
)
def test_long_work_shows_its_progress(function: object) -> None:
    parameter = inspect.signature(function).parameters["progress"]  # type: ignore[arg-type]
    assert parameter.default is None  # a bar where somebody watches
