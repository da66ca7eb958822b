"""Where the log of a training also goes, beside `log.jsonl`: TensorBoard (extra `tensorboard`), or your own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from jaxface.core.errors import ConfigError

_METRIC = "validation_"


class LogWriter(Protocol):
    """Gets every line of a training's log: `train(..., writers=[writer])`."""

    def begin(self, step: int) -> None:
        """Begin after this step; what was written of later ones, before a training was killed, is void."""

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Take the scalars of a step, by name; those of an evaluation begin with "validation_"."""

    def close(self) -> None:
        """End, also after an error."""


class TensorBoardWriter:
    """Event files for `tensorboard --logdir FOLDER`: losses under train/, metrics under validation/.

    Raises:
        ConfigError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ConfigError("logs for TensorBoard need tensorboardX: pip install tensorboardX") from None
        self._create, self._folder = SummaryWriter, Path(folder)
        self._events: Any = None

    def begin(self, step: int) -> None:
        """Open a new event file, which hides later steps of older ones."""
        self._events = self._create(str(self._folder), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Add the numbers among the values."""
        for name, value in values.items():
            if isinstance(value, int | float):
                group = "validation" if name.startswith(_METRIC) else "train"
                self._events.add_scalar(f"{group}/{name.removeprefix(_METRIC)}", value, step)

    def close(self) -> None:
        """Write what is buffered."""
        if self._events is not None:
            self._events.close()
