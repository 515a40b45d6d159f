"""Commands that serve pages on this machine alone: lab, clinic."""

import os
import secrets
import signal
from typing import Annotated

import typer

from sacd.cli.options import CohortFolder
from sacd.exceptions import SacdError
from sacd.paths import ROOT

Port = Annotated[int, typer.Option(min=1, max=65535, help="Of 127.0.0.1; where it is taken, one near it.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only say the address.")]


def lab(
    port: Port = 8888,
    no_browser: NoBrowser = False,
    allow_root: Annotated[bool, typer.Option("--allow-root", help="Run as root, which JupyterLab warns of.")] = False,
) -> None:
    """Open JupyterLab on the notebooks; it asks no other server for updates, news or extensions.

    Examples:

    \b
      sacd lab
      sacd lab --port 9999 --no-browser
    """
    if not (ROOT / "notebooks").is_dir():
        raise SacdError(f"{ROOT / 'notebooks'}: not found; install the repository itself, with pip install -e")
    if getattr(os, "geteuid", lambda: 1)() == 0 and not allow_root:
        raise SacdError("JupyterLab does not run as root unless told to; say sacd lab --allow-root")
    from jupyterlab.labapp import LabApp

    token = secrets.token_hex(24)
    server = LabApp.initialize_server([
        f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--IdentityProvider.token={token}",
        f"--ServerApp.allow_root={allow_root}", "--ServerApp.allow_remote_access=False",
        f"--ServerApp.open_browser={not no_browser}", "--ServerApp.log_level=WARN",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
    ])  # fmt: skip
    # Without news it would still ask, in a corner of the page, whether to fetch them.
    server.web_app.settings["page_config_hook"] = lambda _, page: page | {
        "disabledExtensions": [*page["disabledExtensions"], "@jupyterlab/apputils-extension:announcements"]
    }
    # Ctrl+C ends it at once, kernels too; by itself it would ask for a confirmation, or leave kernels behind.
    signal.signal(signal.SIGINT, server._signal_stop)
    address = f"{server.connection_url}lab/tree/notebooks?token={token}"
    server.io_loop.add_callback(lambda: print(f"JupyterLab: {address}\nCtrl+C ends it.", flush=True))
    server.start()
    print("JupyterLab is closed.", flush=True)


def clinic(
    cohort: CohortFolder,
    run: Annotated[str, typer.Option(help="A student's run: its folder, or its id ('sacd runs' lists them).")],
    port: Port = 8866,
    no_browser: NoBrowser = False,
) -> None:
    """Show night report and portrait of a cohort's participants, on this machine alone and behind a token.

    A portrait needs the people that notebook 10 of a report keeps with its run; with them, ranges have nights to go by.

    Examples:

    \b
      sacd clinic data/clinic --run RUN
      sacd clinic data/simulated-laptop --run RUN --no-browser
    """
    from sacd.clinic.nights import NightsOfRun
    from sacd.clinic.server import serve

    NightsOfRun(cohort, run)  # what does not fit together is said here, and not on the page
    serve(cohort, run, port, not no_browser)
