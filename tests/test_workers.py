"""The pool: order, failures, killed processes, memory, slots, environment."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from sacd import workers
from sacd.exceptions import SacdError
from sacd.workers import Job, run_jobs, side_by_side, slot


def note(file: Path, text: str) -> str:
    with open(file, "a") as stream:
        stream.write(text + "\n")
    return text


def fail(kind: type[Exception], text: str) -> None:
    raise kind(text)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def variable(name: str) -> str | None:
    return os.environ.get(name)


def test_jobs_wait_for_what_they_need_and_long_chains_go_first(tmp_path):
    file = tmp_path / "log"
    jobs = {
        "short": Job(note, (file, "short"), cost=1),
        "last": Job(note, (file, "last"), cost=50, needs=frozenset({"first"})),
        "first": Job(note, (file, "first"), cost=2, needs=frozenset({"done before"})),
    }
    results = run_jobs("testing", jobs, most=1)
    assert {name: result.value for name, result in results.items()} == {name: name for name in jobs}
    assert file.read_text().split() == ["first", "last", "short"]


def test_any_exception_is_that_jobs_failure(tmp_path):
    jobs = {f"{kind.__name__}": Job(fail, (kind, "one\ntwo")) for kind in (NameError, AssertionError, ImportError)}
    jobs |= {"told": Job(fail, (SacdError, "a.txt: wrong; correct it")), "fine": Job(note, (tmp_path / "log", "fine"))}
    jobs |= {"needs": Job(note, (tmp_path / "log", "needs"), needs=frozenset({"told"}))}
    results = run_jobs("testing", jobs)
    assert results["NameError"].error == "NameError: one" and "fail" in results["NameError"].traceback
    assert results["told"].error == "a.txt: wrong; correct it"
    assert results["needs"].error == "needs told, which failed: a.txt: wrong; correct it"
    assert results["fine"].value == "fine" and (tmp_path / "log").read_text() == "fine\n"


def test_a_killed_process_fails_alone(tmp_path):
    jobs = {"killed": Job(die, cost=9), "fine": Job(note, (tmp_path / "log", "fine"))}
    results = run_jobs("testing", jobs, most=1)
    assert "killed" in results["killed"].error and results["fine"].value == "fine"


def test_environment_reaches_the_processes_and_is_put_back():
    results = run_jobs("testing", {"a": Job(variable, ("SACD_TEST",))}, variables={"SACD_TEST": "1"})
    assert results["a"].value == "1" and "SACD_TEST" not in os.environ


def test_memory_limits_the_processes(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 8)
    for free, count in ((100e9, 8), (3.1e9, 2), (0.5e9, 1)):
        monkeypatch.setattr(workers, "free_memory", lambda free=free: free)
        assert side_by_side() == count
    assert side_by_side(most=3) == 1


def test_a_container_has_less_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_CONTROL_GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert workers.free_memory() == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert workers.free_memory() > 2000


def test_a_user_without_a_name_has_slots(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    with slot() as number:
        assert number in range(workers.cores())


@pytest.fixture
def taken_slots(tmp_path, monkeypatch):
    monkeypatch.setattr(workers.tempfile, "gettempdir", lambda: str(tmp_path))
    with slot():
        pass
    (folder,) = tmp_path.iterdir()
    locks = [FileLock(folder / f"{number}.lock") for number in range(workers.cores())]
    for lock in locks:
        lock.acquire()
    yield locks
    for lock in locks:
        lock.release()


def test_waiting_for_a_slot_is_told(taken_slots):
    told = []

    class Waiting:
        def __enter__(self):
            told.append("waits")
            taken_slots[0].release()

        def __exit__(self, *_):
            told.append(time.monotonic())

    with slot(Waiting) as number:
        assert number == 0 and told[0] == "waits" and len(told) == 2


def test_a_pool_that_waits_says_so_once(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(workers.tempfile, "tempdir", None)
    with slot():
        pass
    (folder,) = tmp_path.iterdir()
    locks = [FileLock(folder / f"{number}.lock", thread_local=False) for number in range(workers.cores())]
    for lock in locks:
        lock.acquire()
    free = threading.Timer(8, lambda: [lock.release() for lock in locks])
    free.start()
    assert run_jobs("training", {"a": Job(variable, ("HOME",))})["a"].error == ""
    assert capfd.readouterr().err.count("training: waiting for other work on this machine") == 1
