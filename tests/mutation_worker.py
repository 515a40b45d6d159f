"""The child process that meets changed files: it uses one after the other, and says how each use ended.

Lines of JSON come in ("make" a target's sound files in a folder, "use" what lies there now) and go out. A use may take
ten seconds of the processor; memory is measured, and bounded so that the machine survives.
"""

import json
import resource
import shutil
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from mutation_targets import TARGETS, Target

from sacd.cohort.check import check
from sacd.exceptions import SacdError

SECONDS = 10
GB = 2**30
SPACE = 3 * GB
"""Address space beyond that of the idle process; what is measured may be at most 1 GB."""


def attempt(target: Target, folder: Path) -> dict[str, Any]:
    """Use the files once; how it ended, what it took, and what was left behind."""
    out = folder.parent / "out"
    before = sorted(folder.parent.iterdir())
    Path("/proc/self/clear_refs").write_text("5")
    begun = time.process_time()
    limit = int(begun) + SECONDS + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    said: dict[str, Any] = {"status": "taken", "text": ""}
    try:
        target.use(folder, out)
    except SacdError as error:
        said = {"status": "refused", "text": str(error)}
    except BaseException as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/sacd/" in frame.filename]
        where = f"{frames[-1].filename.partition('/sacd/')[2]}:{frames[-1].lineno}" if frames else "?"
        said = {"status": "crash", "text": f"{where}: {error!r}"}
    said |= {"seconds": time.process_time() - begun, "memory": peak() - IDLE, "left": []}
    if out.exists():
        said["left"] = check(out) + [str(file) for file in out.rglob(".*") if not file.name.endswith(".lock")]
        shutil.rmtree(out)
    said["left"] += [str(entry) for entry in sorted(folder.parent.iterdir()) if entry not in before]
    return said


def peak() -> int:
    """The most memory that was resident since it was last asked to forget, bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def serve() -> None:
    """Answer orders until there are no more."""
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        target, folder = TARGETS[order["target"]], Path(order["folder"])
        if order["do"] == "make":
            target.make(folder)
            said = attempt(target, folder)
            files = sorted({file for pattern in target.files for file in folder.glob(pattern) if file.is_file()})
            said["files"] = [str(file) for file in files]
        else:
            said = attempt(target, folder)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + SPACE
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    IDLE = peak()
    serve()
