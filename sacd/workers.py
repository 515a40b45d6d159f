"""One pool for all long work: processes side by side, each of one thread, that share the machine with other commands.

On few cores two processes of one thread beat one of two. No process outlives its parent.
"""

import multiprocessing
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from sacd.exceptions import SacdError, first_line
from sacd.progress import Bar, progress

WORKER_BYTES = 1.5e9
"""Memory that a training process holds, measured."""
_POLL_SECONDS = 0.2
_CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Job:
    """A piece of work for a process of its own.

    Attributes
    ----------
    call : callable
        Importable by name, and so are its `arguments`.
    cost : float
        Its share of the progress bar, e.g. predicted seconds.
    needs : frozenset of str
        Names of jobs that must be done before it.
    share : callable
        Its finished share while it runs, asked now and then by the parent.
    """

    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    cost: float = 1.0
    needs: frozenset[str] = frozenset()
    share: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True)
class Result:
    """What became of a job: its `value`, or where it failed one line for people in `error`, and the traceback."""

    value: Any = None
    error: str = ""
    traceback: str = ""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> float:
    """Bytes that further processes may take: the machine's, or what is left to a container."""
    free = float(psutil.virtual_memory().available)
    try:
        limit, used = ((_CONTROL_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, float(limit) - float(used))


def side_by_side(most: int | None = None) -> int:
    """How many processes to work with: one a core, as far as memory goes, at most `most`, at least one."""
    return max(1, min(cores(), int(free_memory() // WORKER_BYTES), most or cores()))


def run_jobs(
    title: str, jobs: Mapping[str, Job], most: int | None = None, slots: bool = True,
    prepare: Callable[[], None] | None = None, variables: Mapping[str, str] | None = None,
    ended: Callable[[str, Result], None] = lambda name, result: None, bar: Bar | None = None,
) -> dict[str, Result]:
    """Do all jobs, each as soon as those it needs are done, those first that the longest work hangs on.

    Parameters
    ----------
    title : str
        Of the progress bar.
    jobs : mapping
        Name → job.
    most : int, optional
        Processes at the most; by default as many as cores and memory allow.
    slots : bool
        Whether a job holds one of the machine's slots while it runs; not where its own children do.
    prepare : callable, optional
        What each process does first; importable by name.
    variables : mapping, optional
        Environment variables of the processes.
    ended : callable
        ``ended(name, result)`` as soon as a job is done; what it raises stops the work.
    bar : Bar, optional
        Shown instead of one of its own; its total is the cost of all jobs.

    Returns
    -------
    dict of str to Result
        Of every job. One that fails, or whose process is killed, stops those that need it, and no other.
    """
    if not jobs:
        return {}
    hanging = _hanging(jobs)
    waiting, results = dict(jobs), dict[str, Result]()
    count = min(side_by_side(most), len(jobs))
    context = multiprocessing.get_context("spawn")
    held_up, told = context.Value("i", 0), False

    def make_pool() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, context, initializer=_begin, initargs=(held_up, prepare))

    total = sum(job.cost for job in jobs.values())
    shown = progress(title, total) if bar is None else nullcontext(bar)
    with environment(**(variables or {})), shown as bar:
        pool = make_pool()
        running: dict[Future[Result], str] = {}
        try:
            while waiting or running:
                _drop_hopeless(waiting, results)
                unfinished = waiting.keys() | set(running.values())
                ready = [name for name, job in waiting.items() if job.needs.isdisjoint(unfinished)]
                for name in sorted(ready, key=hanging.__getitem__, reverse=True)[: count - len(running)]:
                    job = waiting.pop(name)
                    running[pool.submit(_do, job.call, job.arguments, slots)] = name
                finished, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
                    finished = set(running)  # a pool that lost one process has lost all
                    pool.shutdown()
                    pool = make_pool()
                for future in finished:
                    name = running.pop(future)
                    results[name] = _result(future)
                    ended(name, results[name])
                left = sum(job.cost for job in waiting.values())
                left += sum(jobs[name].cost * (1 - jobs[name].share()) for name in running.values())
                if running and held_up.value >= len(running) and not told:
                    told = True
                    print(f"{title}: waiting for other work on this machine", file=sys.stderr, flush=True)
                note = f"{len(waiting) + len(running)} of {len(jobs)} left"
                bar.to(total - left, note)
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _hanging(jobs: Mapping[str, Job]) -> dict[str, float]:
    """Cost of each job and of the costliest chain of jobs that needs it."""
    needed_by: dict[str, list[str]] = {name: [] for name in jobs}
    for name, job in jobs.items():
        for need in job.needs & jobs.keys():
            needed_by[need].append(name)
    total: dict[str, float] = {}

    def of(name: str) -> float:
        if name not in total:
            total[name] = jobs[name].cost + max((of(later) for later in needed_by[name]), default=0.0)
        return total[name]

    return {name: of(name) for name in jobs}


def _drop_hopeless(waiting: dict[str, Job], results: dict[str, Result]) -> None:
    """Jobs that need one that failed fail with it."""
    failed = {name for name, result in results.items() if result.error}
    while hopeless := [name for name, job in waiting.items() if job.needs & failed]:
        for name in hopeless:
            causes = sorted(waiting.pop(name).needs & failed)
            reasons = "; ".join(f"{cause}, which failed: {results[cause].error}" for cause in causes)
            results[name] = Result(error=f"needs {reasons}")
            failed.add(name)


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        return Result(error="its process was killed (was memory short?); run the same command to go on")
    except Exception as error:  # what it returned cannot be sent
        return Result(error=f"{type(error).__name__}: {first_line(error)}", traceback=traceback.format_exc())


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables, but not those that are set already, and put them back."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


_held_up: Synchronized | None = None
"""In a worker: how many of the pool's processes wait for a slot."""


def _begin(held_up: Synchronized, prepare: Callable[[], None] | None) -> None:
    """What a process does first: keep to one thread, watch its parent."""
    global _held_up
    _held_up = held_up
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on unseen; what it makes can be resumed or made again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(call: Callable[..., Any], arguments: tuple[Any, ...], slots: bool) -> Result:
    try:
        with slot(_wait) if slots else nullcontext():
            return Result(call(*arguments))
    except SacdError as error:
        return Result(error=first_line(error), traceback=traceback.format_exc())
    except Exception as error:
        return Result(error=f"{type(error).__name__}: {first_line(error)}", traceback=traceback.format_exc())


@contextmanager
def _wait() -> Iterator[None]:
    assert _held_up is not None
    with _held_up.get_lock():
        _held_up.value += 1
    try:
        yield
    finally:
        with _held_up.get_lock():
            _held_up.value -= 1


@contextmanager
def slot(waiting: Callable[[], Any] = nullcontext) -> Iterator[int]:
    """Hold one of as many slots as there are cores, over all commands of this user; gives its number.

    Parameters
    ----------
    waiting : callable
        Gives a context that is entered while none is free.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    folder = Path(tempfile.gettempdir()) / f"sacd-slots-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = _free_slot(folder)
    if lock is None:
        with waiting():
            while (lock := _free_slot(folder)) is None:
                time.sleep(_POLL_SECONDS)
    try:
        yield int(Path(lock.lock_file).stem)
    finally:
        lock.release()


def _free_slot(folder: Path) -> FileLock | None:
    for number in range(cores()):
        lock = FileLock(folder / f"{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return lock
    return None
