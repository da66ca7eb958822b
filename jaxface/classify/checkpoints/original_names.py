"""From our names of arrays back to those of a file: what is missing is named as its authors named it."""

import itertools
import re
from collections.abc import Callable, Iterable

Rename = tuple[tuple[str, str], ...]

_MOST = 2048  # names that are looked at
_CHOICE = re.compile(r"\(\?:([^()]*)\)|\((?!\?)([^()]*)\)(\?)?")
_REFERENCE = re.compile(r"\\(\d)")


def original_name(name: str, rename: Rename, map_key: Callable[[str], str | None], keys: Iterable[str]) -> str:
    """Return the key that a file would have for one of our names; the name itself where none is certain.

    The substitutions are undone one by one, in all ways; what does not map to the name again is dropped. Of
    several keys the one that begins most like those of the file is taken.

    Args:
        name: in the terms of `TorchLayout.map_key`.
        rename: (regex, replacement) pairs.
        keys: of the file.
    """
    candidates = {name: 0}  # key -> substitutions
    for pattern, replacement in reversed(rename):
        inverses = _inverses(pattern, replacement)
        for key, count in list(candidates.items()):
            for regex, template in inverses:
                before = re.sub(regex, template, key)
                if before != key and len(candidates) < _MOST:
                    candidates.setdefault(before, count + 1)
    certain = [key for key in candidates if map_key(key) == name]
    keys = tuple(keys)
    return max(certain, key=lambda key: (_common_parts(key, keys), candidates[key]), default=name)


def _common_parts(key: str, keys: Iterable[str]) -> float:
    """Return the share of a key's parts with which one of the others begins, too."""
    parts = key.split(".")

    def common(other: str) -> int:
        pairs = zip(parts, other.split("."), strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    return max(map(common, keys), default=0) / len(parts)


def _inverses(pattern: str, replacement: str) -> list[tuple[str, str]]:
    """Return (regex, template) pairs that undo a substitution, one for each alternative without a number."""
    groups = [match[2] for match in _CHOICE.finditer(pattern) if match[2] is not None]
    regex = "".join(
        f"(?P<g{part}>{groups[int(part) - 1]})" if index % 2 else re.escape(part)
        for index, part in enumerate(_REFERENCE.split(replacement))
    )
    regex = ("^" if pattern.startswith("^") else "") + regex + ("$" if pattern.endswith("$") else "")
    body, numbers = pattern.removeprefix("^").removesuffix("$"), itertools.count(1)
    choices: list[list[str]] = []
    position = 0
    for match in _CHOICE.finditer(body):
        choices.append([_literal(body[position : match.start()])])
        if match[1] is not None:
            choices.append([_literal(word) for word in match[1].split("|")])
        else:
            number = next(numbers)
            choices.append([""] if match[3] else [rf"\g<g{number}>"])
        position = match.end()
    choices.append([_literal(body[position:])])
    return [(regex, "".join(words)) for words in itertools.product(*choices)]


def _literal(pattern: str) -> str:
    """Return the text that a regex without choices matches."""
    return pattern.replace("\\.", ".")
