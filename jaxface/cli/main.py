"""`jaxface COMMAND ...`: finds the command, runs it, and turns what happened into an exit code.

0 done; 1 a gate (`--fail-on`) or a check failed, or something broke; 2 bad input, told in one line.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from jaxface import __version__
from jaxface.core.errors import JaxfaceError, suggestion

COMMANDS: dict[str, str] = {
    "audit": "measure how classifiers' answers depend on the symmetry of the face",
    "observe": "ask whether classifiers' answers to photographs depend on the symmetry of the face",
    "render": "draw one face, a strip or a sheet of faces to PNG",
    "search": "find the face that a classifier takes most surely for an expression",
    "train": "train a classifier or a learning framework on photographs or rendered faces",
    "evaluate": "measure how good a trained network or a classifier is on a data set",
    "retarget": "draw pairs of avatars, a woman and a man, with the expressions of a data set",
    "classifiers": "list the classifiers that are known, or show one",
    "report": "write the HTML report of a run again",
    "bench": "measure what rendering, classifying, searching and testing cost on this machine",
    "doctor": "check what is installed: devices, classifiers, face files",
}

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """The entry point of the `jaxface` script."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run one command line, and return its exit code."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"jaxface {__version__}")
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        return print_error(f"no command {name!r}{suggestion(name, COMMANDS)}")
    try:
        with exit_on_sigint():
            command = importlib.import_module(f"jaxface.cli.{name}")
        return command.main(rest)
    except JaxfaceError as error:
        return print_error(str(error))
    except KeyboardInterrupt as interrupt:
        print(f"jaxface: interrupted{'; ' if str(interrupt) else ''}{interrupt}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout went away (`jaxface ... | head`); let Python's last flush fail silently too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1


@contextlib.contextmanager
def exit_on_sigint() -> Iterator[None]:
    """Ctrl-C ends the process, while libraries are imported and nothing is to be saved.

    As an exception it would fall into half-made extension modules, where it gets lost (the command then
    goes on) or crashes (both seen).
    """

    def leave(*_: object) -> None:
        print("jaxface: interrupted", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)

    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != usual:
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def usage() -> str:
    """What `jaxface --help` prints."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: jaxface COMMAND [OPTIONS]",
            "",
            "If only the symmetry of the face changes, how does an expression classifier's answer change?",
            "",
            "commands:",
            *lines,
            "",
            "`jaxface COMMAND --help` tells its options. Results go to files and stdout, progress to stderr.",
            "Start with: jaxface audit --config quick",
        ]
    )


def print_error(message: str) -> int:
    """One line on stderr; returns the exit code of bad input."""
    print(f"jaxface: error: {' '.join(message.split())}", file=sys.stderr)
    return 2
