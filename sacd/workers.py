"""Worker processes on a shared machine: one thread and one machine-wide slot each; none outlives its parent."""

import getpass
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

_POLL_SECONDS = 0.2


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def slot() -> Iterator[int]:
    """Hold one of as many slots as there are cores; waits for a free one and gives its number."""
    folder = Path(tempfile.gettempdir()) / f"sacd-slots-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        for number in range(cores()):
            lock = FileLock(folder / f"{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield number
            finally:
                lock.release()
            return
        time.sleep(_POLL_SECONDS)


def start_worker() -> None:
    """What a worker process does first: keep to one thread, and watch its parent."""
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on unseen; what it makes can be resumed or made again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
