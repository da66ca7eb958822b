"""Errors for users. Each message has the value, the rule and the remedy."""

import difflib
from collections.abc import Iterable

LONGEST_MESSAGE = 1500


def one_line(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text as one line that any terminal shows as it is, whatever a file put into it.

    Blanks are joined; control characters, bidirectional marks and lone surrogates are escaped; a text that is
    too long loses its middle.
    """
    line = " ".join(str(text).split())
    if len(line) > longest:
        half = longest // 2
        line = f"{line[:half]} ... {line[-half:]}"
    return printable(line)


def printable(text: str) -> str:
    """Return a text with all escaped that a terminal would act on, or cannot show."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


class JaxfaceError(Exception):
    """Base of all errors that jaxface raises on purpose; the command line prints one line and exits 2."""

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class ConfigError(JaxfaceError):
    """A configuration that cannot be used: unknown key, wrong type, value out of range."""


class ShapeError(JaxfaceError):
    """An array of a wrong shape, type or range."""


class FunctionError(JaxfaceError):
    """A user's function that raised an error, or answered NaN."""


class ModelFileError(JaxfaceError):
    """A face model file that is missing, truncated, foreign or unsafe."""


class CheckpointError(JaxfaceError):
    """A classifier's weights or card that cannot be read or do not fit."""


class LabelError(JaxfaceError):
    """An expression label that is not in the vocabulary."""


class DataError(JaxfaceError):
    """A data set whose files are missing, of another layout, or damaged."""


class TrainingError(JaxfaceError):
    """A training that cannot continue: numbers that are not finite, or a checkpoint that cannot be read."""


class StoreError(JaxfaceError):
    """A run folder that cannot be read, or that belongs to another configuration."""


def suggestion(word: str, names: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" for the closest of the names, else all names in order."""
    names = list(names)
    close = difflib.get_close_matches(word, names, n=1)
    return f", did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(names))}"
