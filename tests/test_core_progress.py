"""Progress goes to stderr, plain where nobody watches."""

import sys

import pytest

from jaxface.core import progress


def test_lines_tell_the_stage_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.LogProgress(seconds=1000.0)
    meter.start("cells", 4, initial=1)
    for note in ("a", "b", "c"):
        meter.advance(note=note)
    meter.close()
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "cells: 1/4"
    assert lines[1].startswith("cells: 4/4, ")
    assert lines[1].endswith("0 s left; c")
    assert len(lines) == 2


def test_lines_are_not_held_back_longer_than_asked(capsys: pytest.CaptureFixture[str]) -> None:
    meter = progress.LogProgress(seconds=0.0)
    meter.start("cells", 3)
    meter.advance(2)
    assert "cells: 2/3" in capsys.readouterr().err


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


def test_the_display_suits_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(progress.for_terminal(), progress.LogProgress)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(progress.for_terminal(), progress.TqdmProgress)


@pytest.mark.parametrize("kind", [progress.TqdmProgress, progress.LogProgress])
def test_a_hint_is_said_when_a_stage_begins(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    meter = kind(hint="patience")
    meter.start("cells", 2)
    meter.advance(2, note="done")
    meter.close()
    err = capsys.readouterr().err
    assert "patience" in err and "done" in err
    assert err.index("patience") < err.index("done")
