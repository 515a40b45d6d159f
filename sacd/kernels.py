"""Kernels of this very environment, for the processes that start them: those of reports, the clinic's server."""

import json
import os
import sys
from pathlib import Path

from ipykernel.kernelspec import get_kernel_dict

KERNEL = "python3"
ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""Of kernels: one thread each, and no word about a debugger that nobody uses."""


def write_kernel(home: Path) -> None:
    """Describe a kernel of this very environment under `home`, for `prepare_worker`."""
    folder = home / "kernels" / KERNEL
    folder.mkdir(parents=True)
    # What goes wrong is in the notebook; the kernel's own log would only disturb the progress bar.
    launch = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
    command = [*launch, "-f", "{connection_file}", "--log-level=CRITICAL"]
    (folder / "kernel.json").write_text(json.dumps(get_kernel_dict() | {"argv": command}))


def prepare_worker(home: Path) -> None:
    """Set up a process that starts kernels: they are those described under `home`."""
    os.environ.update(ENVIRONMENT)
    # A kernel of the same name may be registered elsewhere on this machine; JUPYTER_PATH is looked at first.
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(home), os.environ.get("JUPYTER_PATH")]))
