"""Ways to spoil a valid file: of any kind, of text, of numbers, of archives, of pickles, and in its place."""

import functools
import io
import json
import os
import re
import struct
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]

CANARY = "JAXFACE_CANARY"
"""Environment variable with the path of a file that only an executed input makes."""

_EXTREME_BYTES = (
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\xff" * 8,
    b"\xff" * 7 + b"\x7f",
    struct.pack("<d", float("nan")),
    struct.pack("<d", float("inf")),
    struct.pack("<d", 1e300),
    struct.pack("<f", float("inf")),
    bytes(8),
)
_EXTREME_TEXT = (
    *("nan", "inf", "-inf", "1e400", "-1", "0", "999999999999", "9" * 30, "9" * 6000, "0x" + "f" * 300),
    *(
        "true",
        '""',
        '"' + "x" * 10_000 + '"',
        "[]",
        "{}",
        "[[[[1]]]]",
        "null",
        "\x00",
        "\x1b[2J",
        "../../etc/passwd",
    ),
)
_EXTREME_VALUES: tuple[Any, ...] = (
    *(-1, 0, 2**31, 2**63 - 1, 1e300, float("nan"), float("inf"), True, "", "x" * 10_000, "a\nb", "\x1b[2J"),
    *(
        "../../../etc/passwd",
        "/dev/zero",
        [],
        {},
        [[]],
        [None] * 3,
        {"a": {"b": 1}},
        [2**62] * 4,
        list(range(3000)),
    ),
)


def flip_bits(content: bytes, random: Random) -> bytes:
    spoilt = bytearray(content or b"\0")
    for _ in range(int(random.choice([1, 1, 2, 8, 64]))):
        spoilt[random.integers(len(spoilt))] ^= 1 << int(random.integers(8))
    return bytes(spoilt)


def truncate(content: bytes, random: Random) -> bytes:
    return content[: int(random.integers(0, max(len(content), 1)))]


def remove_chunk(content: bytes, random: Random) -> bytes:
    low, high = sorted(random.integers(0, len(content) + 1, 2))
    high = min(high, low + int(random.choice([1, 16, 4096])))
    return content[:low] + content[high:]


def double_chunk(content: bytes, random: Random) -> bytes:
    low, high = sorted(random.integers(0, len(content) + 1, 2))
    return content[:high] + content[low:high] * int(random.choice([1, 1, 30])) + content[high:]


def insert(content: bytes, random: Random) -> bytes:
    place = int(random.integers(0, len(content) + 1))
    junk = [b"\0", b"\0" * 300, b"\xff" * 16, random.bytes(40), b"\xef\xbb\xbf", b"\r\n", b"(" * 300][
        random.integers(7)
    ]
    return content[:place] + junk + content[place:]


def extreme_bytes(content: bytes, random: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        value = _EXTREME_BYTES[random.integers(len(_EXTREME_BYTES))]
        # Sizes stand at the start of most formats and at the end of a zip.
        near = [300, 300, len(content)][random.integers(3)]
        place = int(random.integers(0, max(min(near, len(content)), 1)))
        place = place if random.integers(3) else max(len(content) - 100, 0) + place % 100
        spoilt[place : place + len(value)] = value
    return bytes(spoilt)


def extreme_number(content: bytes, random: Random) -> bytes:
    """Replace a number in text, headers of .npy and .safetensors and protocol 0 of pickles among them."""
    places = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?", content[:200_000]))
    if not places:
        return extreme_bytes(content, random)
    place = places[random.integers(len(places))]
    text = _EXTREME_TEXT[random.integers(len(_EXTREME_TEXT))].encode()
    return content[: place.start()] + text + content[place.end() :]


def spoil_lines(content: bytes, random: Random) -> bytes:
    lines = content.split(b"\n")
    index = int(random.integers(len(lines)))
    action = random.integers(6)
    if action == 0:
        del lines[index]
    elif action == 1:
        lines.insert(index, lines[random.integers(len(lines))])
    elif action == 2:
        lines[index] = lines[index].replace(b",", b";") + b",x" * int(random.choice([1, 500]))
    elif action == 3:
        lines[index] = lines[index] + "\xe9".encode("latin-1")
    elif action == 4:
        lines[index] = b"x" * 200_000
    else:
        lines = [line + b"\r" for line in lines]
    return b"\n".join(lines)


def nest(content: bytes, random: Random) -> bytes:
    depth = int(random.choice([100, 5000, 100_000]))
    texts = [
        b"[" * depth,
        b'{"a":' * depth,
        b"a = " + b"[" * depth,
        b"a." * depth + b"b = 1",
        b"[" + b"a." * depth + b"b]",
    ]
    texts += [b"a = " + b"{a=" * depth, b"[" * depth + b"]" * depth, b"a = '''" + b"'" * depth]
    return texts[random.integers(len(texts))] + (b"\n" + content if random.integers(2) else b"")


def tree(content: bytes, random: Random) -> bytes:
    """Replace, remove or rename one item of a JSON or TOML file."""
    try:
        table, dump = json.loads(content), json.dumps
    except ValueError:
        try:
            table, dump = tomllib.loads(content.decode()), tomli_w.dumps
        except ValueError:
            return extreme_number(content, random)
    items: list[tuple[Any, Any]] = []
    level = [table]
    while level:
        parent = level.pop()
        pairs = (
            parent.items()
            if isinstance(parent, dict)
            else enumerate(parent)
            if isinstance(parent, list)
            else ()
        )
        for key, value in pairs:
            items.append((parent, key))
            level.append(value)
    if not items:
        return content
    parent, key = items[random.integers(len(items))]
    action = random.integers(4)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, dict):
        parent[str(key) + "_"] = parent.pop(key)
    else:
        parent[key] = _EXTREME_VALUES[random.integers(len(_EXTREME_VALUES))]
    try:
        return dump(table).encode(errors="surrogatepass")
    except (TypeError, ValueError):  # None in TOML
        return extreme_number(content, random)


def archive(content: bytes, random: Random) -> bytes:
    """Spoil a member of a zip, whose checksum is right again, or its directory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = [(name, file.read(name)) for name in file.namelist()]
    except (zipfile.BadZipFile, ValueError):
        return extreme_bytes(content, random)
    method = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2][random.integers(4)]
    index = int(random.integers(len(members)))
    name, data = members[index]
    action = random.integers(9)
    if action < 4:
        spoil = (flip_bits, truncate, extreme_number, extreme_bytes)[action]
        members[index] = (name, spoil(data, random))
    elif action == 4:
        del members[index]
    elif action == 5:
        members += [(f"../../evil{number}", b"x") for number in range(int(random.choice([1, 6000])))]
    elif action == 6 and not random.integers(3):
        members[index], method = (name, bytes(300_000_000)), zipfile.ZIP_DEFLATED
    elif action == 7:
        members[index] = (name, npy((10**11, 3)))
    else:
        members.insert(0, (name, b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 15 + b"\n"))
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as file:
        warnings.simplefilter("ignore")
        for name, data in members:
            file.writestr(name, data)
    spoilt = buffer.getvalue()
    return flip_bits(spoilt, random) if not random.integers(6) else spoilt


def npy(shape: tuple[int, ...], code: str = "<f8") -> bytes:
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


@functools.cache
def traps() -> list[bytes]:
    """Return files that would run something, take all memory or end the interpreter if they were believed."""
    command = f"touch {os.environ.get(CANARY, '/dev/null')}".encode()
    call = b"(S'" + command + b"'\ntR."
    system = [b"\x80\x02c" + module + b"\nsystem\n" + call for module in (b"os", b"posix", b"nt")]
    evaluate = b'c__builtin__\neval\n(S\'__import__("os").system("' + command + b"\")'\ntR."
    objects = npy((1,), "|O") + b"cos\nsystem\n" + call
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    deep = b"\x80\x02})" + b"\x85" * 10**6 + b"Ns."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", system[0])
        file.writestr("archive/byteorder", "little")
    zipped = buffer.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", deep)
        file.writestr("archive/byteorder", bytes(200_000_000))
    many = b"\x80\x02(" + b"]" * 3_000_000 + b"l."
    bomb = b"\x80\x02]" + b"(" * 100_000 + b"l" * 100_000 + b"."
    page = b"<!DOCTYPE html><html>Sign in</html>"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    return [
        *system,
        evaluate,
        objects,
        postscript,
        deep,
        zipped,
        buffer.getvalue(),
        many,
        bomb,
        page,
        pointer,
        b"",
    ]


BYTES: tuple[Mutation, ...] = (flip_bits, truncate, remove_chunk, double_chunk, insert, extreme_bytes)
TEXT: tuple[Mutation, ...] = (
    *(flip_bits, truncate, remove_chunk, double_chunk, insert, nest),
    *(tree, tree, tree, extreme_number, extreme_number, spoil_lines, spoil_lines),
)
ARCHIVE: tuple[Mutation, ...] = (*BYTES, archive, archive, archive, archive, archive, archive)
_PLACES = ("missing", "folder", "pipe", "zero", "loop", "sparse", "socket", "null", "trap", "trap", "trap")


def spoil(path: Path, random: Random) -> str:
    """Spoil a file, or put something else in its place. Return what was done."""
    content = path.read_bytes()
    if random.random() < 0.15:
        return _replace(path, _PLACES[random.integers(len(_PLACES))], random)
    if content.startswith(b"PK"):
        choices = ARCHIVE
    else:
        is_text = b"\0" not in content[:4096] and content[:1].isascii()
        choices = TEXT if is_text else (*BYTES, extreme_number)
    mutation = choices[random.integers(len(choices))]
    path.write_bytes(mutation(content, random))
    return mutation.__name__


def _replace(path: Path, place: str, random: Random) -> str:
    path.unlink()
    if place == "folder":
        path.mkdir()
    elif place == "pipe":
        os.mkfifo(path)
    elif place in ("zero", "null"):
        path.symlink_to(f"/dev/{place}")
    elif place == "loop":
        path.symlink_to(path.name)
    elif place == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as one:
            here = os.getcwd()
            os.chdir(path.parent)  # such names are short
            one.bind(path.name[-100:])
            os.chdir(here)
    elif place == "sparse":
        with path.open("wb") as file:
            file.truncate(2**40)
    elif place == "trap":
        choices = traps()
        index = int(random.integers(len(choices)))
        path.write_bytes(choices[index])
        return f"trap {index}"
    return place
