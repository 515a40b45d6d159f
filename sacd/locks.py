"""One process at a time: what two commands must not do both, such as making a cohort or writing a report."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sacd.exceptions import SacdError


@contextmanager
def alone(path: Path, doing: str, quiet_s: float = 0.0) -> Iterator[None]:
    """Do something with a file or folder while no other process does; who has to wait says so in a line on stderr.

    Parameters
    ----------
    path : Path
        There or not. The lock is a hidden file beside it, which goes with the work; one that a killed process left
        holds nobody up, and goes with the next.
    doing : str
        What the other one does, e.g. ``"simulates it"``.
    quiet_s : float
        Seconds of waiting that are not worth a line.

    Raises
    ------
    SacdError
        The lock cannot be written.
    """
    file = _file(path)
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=quiet_s)
        except Timeout:
            print(f"{path}: another process {doing}; waiting for it", file=sys.stderr, flush=True)
            lock.acquire()
    except OSError as error:
        raise SacdError(f"{file}: cannot be written ({error.strerror}); make its folder writable") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that is open
            file.unlink()  # who waits sees that it is gone, and makes it anew
        lock.release()


def is_taken(path: Path) -> bool:
    """Whether a process is doing something with a file or folder `alone`."""
    file = _file(path)
    try:
        if file.exists():
            with FileLock(file, timeout=0):
                pass
    except Timeout:
        return True
    return False


def _file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
