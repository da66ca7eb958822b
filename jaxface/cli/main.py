"""`jaxface COMMAND ...`: run a command, and turn its outcome into an exit code.

0 success; 1 a gate (`--fail-on`) or a check failed, or something broke; 2 bad input, with a one-line message.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from jaxface import __version__
from jaxface.core.errors import JaxfaceError, one_line, suggestion

COMMANDS: dict[str, str] = {
    "audit": "measure the effect of facial symmetry on classifiers' answers",
    "observe": "test independence of logits and facial symmetry on labelled photographs",
    "render": "render one face, a strip or a sheet of faces to PNG",
    "search": "find the face with a classifier's most confident answer for an expression",
    "train": "train a classifier or a learning framework on photographs or rendered faces",
    "mend": "fine-tune a classifier until it depends less on symmetry, skin tone, ...",
    "evaluate": "measure accuracy, F1 and calibration of a network on a data set",
    "retarget": "render pairs of avatars, a woman and a man, with the expressions of a data set",
    "classifiers": "list the known classifiers, show one, or import a checkpoint",
    "report": "write the HTML report of a run, or compare two runs",
    "bench": "measure the cost of rendering, classifying, searching and testing on this machine",
    "doctor": "check the installation: devices, classifiers, face files",
}

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """The entry point of the `jaxface` script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
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
        # The reader of stdout has closed it (`jaxface ... | head`); let Python's last flush fail silently, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    except (AssertionError, RuntimeError):
        from jaxface.core import runtime  # imports JAX, which `--help` does not wait for

        if problem := runtime.device_problem():
            return print_error(problem)
        raise


@contextlib.contextmanager
def exit_on_sigint() -> Iterator[None]:
    """End the process on Ctrl-C, while libraries are imported and there is nothing to save.

    As an exception it would interrupt extension modules in the middle of their import, where it gets lost (the
    command continues) or crashes the process (both were observed).
    """

    def leave(*_: object) -> None:
        print("jaxface: interrupted", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)

    default_handler = signal.default_int_handler
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) != default_handler:
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default_handler)


def usage() -> str:
    """Return the text of `jaxface --help`."""
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
            "`jaxface COMMAND --help` lists its options. Results go to files and stdout, progress to stderr.",
            "Start with: jaxface audit --config quick",
        ]
    )


def print_error(message: str) -> int:
    """Print one line to stderr, and return the exit code of bad input."""
    print(f"jaxface: error: {one_line(message)}", file=sys.stderr)
    return 2
