"""`jaxface retarget`: render the expressions of a data set on pairs of avatars, a woman and a man."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from jaxface.cli import options
from jaxface.core import progress, runtime
from jaxface.core.errors import printable
from jaxface.data.registry import require_reader
from jaxface.data.retarget.config import RECIPE, RetargetConfig


@dataclass(frozen=True)
class Retarget(options.Quiet):
    """Render a woman and a man with the expression of every image of a data set.

    Writes OUT/images.npy and columns.npz (pair, sex, identity, units, ...), which the data set `rendered`
    reads: training data with as many women as men by construction. The same command resumes a run that was
    stopped.
    """

    settings: Annotated[RetargetConfig, tyro.conf.arg(name="")] = field(default_factory=RetargetConfig)

    config: str | None = None
    """TOML file with these settings, or the name of a bundled one: retarget, retarget-bp4d. Flags
    override it."""

    out: Path | None = None
    """Folder of the pictures; none = sets/ and the config's name, or retarget."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Retarget(), "retarget", argv)
    out = command.out or Path("sets") / (Path(command.config).stem if command.config else "retarget")
    if command.settings.data != RECIPE:
        require_reader(command.settings.data)
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet, hint="the first batch is compiled and takes longer")
    from jaxface.data.retarget import retarget

    start = time.perf_counter()
    outcome = retarget(command.settings, out, meter)
    for note in outcome.notes:
        print(printable(note))
    seconds = time.perf_counter() - start
    if outcome.rendered:
        rate = outcome.rendered / seconds
        print(f"rendered {outcome.rendered} in {seconds:.0f} s, {rate:.0f} a second with compiling")
    print(f"{out}: data.open('rendered', '{out}')")
    return 0
