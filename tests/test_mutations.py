"""Whatever a file holds, it is taken or refused in one line: in a child of bounded time and memory, file after file."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mutations import Mutation, mutations

SHARES = {
    "psg": 20, "BDF": 6, "BrainVision": 8, "FIF": 6, "scoring table": 12, "scoring text": 8, "scoring EDF+": 12,
    "scoring XML": 12, "stage names": 8, "video": 22, "tables": 14, "joining": 8, "BIDS": 8, "S3VE": 6,
    "feature nights": 10, "two sensors": 6, "cohort": 26, "run": 10, "profile": 12,
}  # fmt: skip
"""Changed files of each kind in `make test`; ten times as many in `make test-slow`."""
SECONDS, GB = 10, 2**30
WAIT, WORK = 30, 0.05
"""A child that in so many seconds by the clock works for no more than so many of the processor's waits for what never
comes. Who works on is stopped by a limit of the processor's time: by the clock, a busy machine would be to blame."""
BOMB = int(1.2 * GB)


class Child:
    """The process that uses the files; a new one after one that died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **order: str) -> dict[str, Any]:
        """What became of an order."""
        if self._process is None:
            command = [sys.executable, str(Path(__file__).with_name("mutation_worker.py"))]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        worked, before = 0.0, -1.0
        while not (answered := select.select([stdout], [], [], WAIT)[0]) and worked - before > WORK:
            worked, before = sum(psutil.Process(self._process.pid).cpu_times()[:2]), worked
        if answered and (line := stdout.readline()):
            return json.loads(line)
        how = f"died with {self._process.wait()}" if answered else "hung"
        self.close()
        shutil.rmtree(Path(order["folder"]).with_name("out"), ignore_errors=True)
        return {"status": how, "text": "", "seconds": 0.0, "memory": 0, "left": []}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """One for all."""
    child = Child()
    yield child
    child.close()


def faults(said: dict[str, Any]) -> list[str]:
    """What must not be: anything but taken or refused in a line, too much time or memory, something left behind."""
    found = []
    if said["status"] not in ("taken", "refused"):
        found.append(f"{said['status']} {said['text']}".strip())
    if "\n" in said["text"].strip() and said["status"] == "refused":
        found.append(f"more than a line: {said['text']!r}")
    if any(word in said["text"] for word in ("MemoryError", "llocate")):
        found.append(f"memory was short: {said['text']}")
    if said["seconds"] > SECONDS:
        found.append(f"took {said['seconds']:.0f} s")
    if said["memory"] > GB:
        found.append(f"took {said['memory'] / GB:.1f} GB")
    return found + [f"left behind: {left}" for left in said["left"]]


def meet(child: Child, name: str, folder: Path, count: int) -> tuple[Counter, list[str]]:
    """Change the files of a target in `count` ways, the same at every run; how each use ended, and all faults."""
    made = child.ask(do="make", target=name, folder=str(folder / "files"))
    assert made["status"] == "taken", (name, made)
    assert faults(made) == []
    files = [Path(file) for file in made["files"]]
    sound = {file: file.read_bytes() for file in files}
    seen, ended, found = set(), Counter(), []

    @settings(
        max_examples=2 * count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([st.tuples(st.just(file), mutations(file)) for file in files]))
    def one(changed: tuple[Path, Mutation]) -> None:
        file, mutation = changed
        key = file, mutation.content, mutation.zeros
        if len(seen) == count or key in seen or (mutation.content == sound[file] and not mutation.zeros):
            return
        seen.add(key)
        mutation.write(file)
        said = child.ask(do="use", target=name, folder=str(folder / "files"))
        file.write_bytes(sound[file])
        ended[said["status"]] += 1
        found.extend(f"{name}, {file.name}, {mutation.what[:90]}: {fault}" for fault in faults(said))

    one()
    return ended, found


@pytest.fixture(scope="module")
def tally() -> Iterator[dict[str, Counter]]:
    """Counts of all targets, printed when all are done."""
    begun, counts = time.monotonic(), {}
    yield counts
    total = sum(counts.values(), Counter())
    print(f"\n{sum(total.values())} changed files in {time.monotonic() - begun:.0f} s: {dict(total)}")


@pytest.mark.parametrize(("what", "found"), [
    ("nothing", ""), ("refuse", ""), ("crash", "crash ?: ZeroDivisionError"), ("eat", "took 1.1 GB"),
    ("leave", "left behind"), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in
                                (("die", "died with 3"), ("spin", "died with -"), ("sleep", "hung"))),
])  # fmt: skip
def test_the_child_is_watched(child, tmp_path, what, found):
    assert child.ask(do="make", target="trap", folder=str(tmp_path / "files"))["status"] == "taken"
    (tmp_path / "files" / "trap").write_text(what)
    said = faults(child.ask(do="use", target="trap", folder=str(tmp_path / "files")))
    assert len(said) == bool(found) and all(found in one for one in said), said


@pytest.mark.parametrize("name", SHARES)
def test_changed_files(child, tmp_path, tally, name):
    tally[name], found = meet(child, name, tmp_path, SHARES[name])
    assert not found, "\n".join(found)
    assert tally[name].total() == SHARES[name] and tally[name]["refused"] >= 0.2 * SHARES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARES)
def test_many_changed_files(child, tmp_path, tally, name):
    tally[name], found = meet(child, name, tmp_path, 10 * SHARES[name])
    assert not found, "\n".join(found)
    assert tally[name].total() == 10 * SHARES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARES)
def test_bombs_of_zeros(child, tmp_path, name):
    """A file that goes on with zeros, or is nothing else, for more than may be held in memory."""
    files = [Path(file) for file in child.ask(do="make", target=name, folder=str(tmp_path / "files"))["files"]]
    found = []
    for file in files:
        content = file.read_bytes()
        for head in (content, b""):
            Mutation("", head, BOMB).write(file)
            said = child.ask(do="use", target=name, folder=str(tmp_path / "files"))
            found += [f"{name}, {file.name}, {len(head)} bytes and zeros: {fault}" for fault in faults(said)]
        file.write_bytes(content)
    assert not found, "\n".join(found)
