"""Files: atomic writes, hashes. A reader never sees half a file.

A temporary file is called `.NAME.HOST-PROCESS.RANDOM.tmp` with the suffix of NAME, so that those which a killed
process left behind can be told from those in use.
"""

import contextlib
import errno
import functools
import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d{1,9})\.\w+\.tmp(\.\w+)?")
_DAY = 86400.0


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which replaces it once the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:100]}.{_host()}-{os.getpid()}."
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=f".tmp{path.suffix}")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:  # the temporary name means nothing to a user, and a full disk has none
        if error.filename in (None, str(temporary)) or temporary is None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_orphans(folder: Path) -> None:
    """Remove the temporary files in a folder whose process has ended: on this host, or a day ago.

    This process must have none there.
    """
    for path in folder.glob(".*.tmp*"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None:
            continue
        with contextlib.suppress(OSError):
            is_here, process = match["host"] == _host(), int(match["process"])
            if (is_here and not _is_alive(process)) or time.time() - path.stat().st_mtime > _DAY:
                path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether another process of this number runs: that of a container's last start had mine."""
    if process == os.getpid():
        return False
    if os.name == "nt":  # where the question ends the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


@functools.cache
def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def reserve(path: Path, size: int | None = None) -> None:
    """Take the disk space of a file: who writes into a hole on a full disk may be ended without a word.

    Args:
        size: bytes; None = those that the file has.

    Raises:
        OSError: there is not enough.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size if size is None else size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise OSError(error.errno, error.strerror, str(path)) from None


def require_space(folder: Path, size: int) -> None:
    """Check that a folder has room for a file of `size` bytes.

    Raises:
        OSError: it has not.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".space.") as file:
        reserve(Path(file.name), size)


def spreadsheet_cell(text: str) -> str:
    """Return a text for a cell of a CSV file; one that a spreadsheet would run as a formula begins with '."""
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
