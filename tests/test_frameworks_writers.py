"""The log of a training for TensorBoard, and for writers of one's own."""

import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jaxface import data, frameworks
from jaxface.cli import main
from jaxface.core.errors import ConfigError
from jaxface.frameworks.common.log_writers import TensorBoardWriter
from jaxface.frameworks.common.loop import fit
from jaxface.frameworks.common.run_folder import Log, read_log
from tests.toy_framework import TASK, TOY, TOY_CONFIG, TRAIN, examples


class Lines:
    """A writer that keeps what it gets."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def begin(self, step: int) -> None:
        self.calls.append(("begin", step))

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        self.calls.append({"step": step, **values})

    def close(self) -> None:
        self.calls.append("close")


def test_a_writer_gets_every_line_of_the_log(tmp_path: Path) -> None:
    lines = Lines()
    stream = data.batches(examples(40), TRAIN.batch, seed=1)
    fit(TOY, TOY_CONFIG, TRAIN, TASK, stream, examples(20, seed=1), tmp_path, seed=3, writers=[lines])
    assert lines.calls == [("begin", 0), *read_log(tmp_path), "close"]
    assert any("validation_accuracy" in line for line in read_log(tmp_path))
    again = Lines()
    fit(TOY, TOY_CONFIG, TRAIN, TASK, stream, examples(20, seed=1), tmp_path, seed=3, writers=[again])
    assert again.calls == [("begin", TRAIN.steps), "close"]


class Summary:
    """The part of `tensorboardX.SummaryWriter` that is used."""

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step, self.scalars = folder, purge_step, {}
        SUMMARIES.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars[name, step] = value

    def close(self) -> None:
        self.folder += " closed"


SUMMARIES: list[Summary] = []


def test_scalars_are_grouped_and_a_resumed_log_hides_what_is_void(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("tensorboardX")
    module.SummaryWriter = Summary  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    writer = frameworks.TensorBoardWriter(tmp_path / "events")
    assert not SUMMARIES, "nothing is written before a training holds its folder"
    log = Log(tmp_path, 7, [writer])
    log.write(8, loss=0.5, note="text")
    log.write(8, validation_accuracy=0.25)
    log.close()
    (summary,) = SUMMARIES
    assert summary.purge_step == 8 and summary.folder == f"{tmp_path / 'events'} closed"
    assert summary.scalars == {("train/loss", 8): 0.5, ("validation/accuracy", 8): 0.25}


def test_without_the_extra_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match="pip install tensorboardX"):
        TensorBoardWriter(tmp_path)
    out = tmp_path / "training"
    assert main.run(["train", "classifier", "--tensorboard", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "need tensorboardX" in error and error.count("\n") == 1 and not out.exists()


def test_event_files_hold_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="extra tensorboard")
    from tensorboardX.proto.event_pb2 import Event

    writer = TensorBoardWriter(tmp_path)
    writer.begin(0)
    writer.write(3, {"loss": 0.5})
    writer.close()
    (file,) = tmp_path.iterdir()
    content, events = file.read_bytes(), []
    while content:  # length, its checksum, the event, its checksum
        (size,) = struct.unpack("<Q", content[:8])
        events.append(Event.FromString(content[12 : 12 + size]))
        content = content[16 + size :]
    scalars = [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    assert scalars == [(3, "train/loss", 0.5)]
