"""The clinic's server: Voilà on this machine alone, behind a token.

Voilà's defaults would undo that: they hand out any picture under the root folder unasked for a token, answer to any
Host (so that a page of the web whose name is pointed at this machine could read along), and load style sheets from
content-delivery networks. Here the root folder holds the page's notebook and nothing else, every handler looks at the
Host first, and the templates have no outside links.
"""

import logging
import os
import secrets
import shutil
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import jinja2
from jupyter_core.utils import run_sync
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler
from traitlets import Bool
from traitlets.config import Config
from voila.app import Voila

from sacd.clinic.page import ENVIRONMENT
from sacd.kernels import prepare_worker, write_kernel

HOME = Path(__file__).parent
ROOT = HOME / "root"
NOTEBOOK = "clinic.ipynb"
TEMPLATE = "sacd-clinic"
LOCAL_HOSTS = ("127.0.0.1", "localhost")
IDLE_SECONDS = 300
"""After which the kernel of a page that was closed ends."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:;"
    " connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
"""What a browser may load for a page: from this server alone."""


class Clinic(Voila):
    """Voilà as a clinic can have it; its address is printed once it listens."""

    show = Bool(True, help="Whether to open a browser.").tag(config=True)

    def init_settings(self) -> dict[str, Any]:
        """Voilà's settings, with own pages for logging in and for errors."""
        settings = super().init_settings()
        for name in ("jinja2_env", "voila_jinja2_env"):
            settings[name].loader = jinja2.FileSystemLoader(HOME / "pages")
        return settings

    def init_handlers(self) -> list[tuple[Any, ...]]:
        """Voilà's handlers, each of which refuses a foreign Host; its file handlers would not ask."""
        return [(pattern, _local(handler), *rest) for pattern, handler, *rest in super().init_handlers()]

    def start(self) -> None:
        """Serve until interrupted."""
        IOLoop.current().add_callback(self._tell)
        super().start()
        print("The clinic's page is closed.", flush=True)

    def stop(self) -> None:
        """End the kernels, while the sockets by which they are told are still there."""
        run_sync(self.kernel_manager.shutdown_all)()
        super().stop()

    def _tell(self) -> None:
        address = f"http://127.0.0.1:{self.port}/?token={self.token}"
        print(f"The clinic's page: {address}\nCtrl+C ends it.", flush=True)
        if self.show:
            webbrowser.open(address)


def _local(handler: type[RequestHandler]) -> type[RequestHandler]:
    """A handler that answers only to this machine's own names."""

    class Local(handler):
        def prepare(self) -> Any:
            if self.request.host_name not in LOCAL_HOSTS:
                self.set_status(403)
                return self.finish("Only this machine's own names are answered.")
            return super().prepare()

    return Local


def serve(cohort: Path, run: str, port: int = 8866, show: bool = True, root: Path = ROOT) -> None:
    """Serve the clinic's page on 127.0.0.1 until interrupted, at `port` or, where that is taken, near it.

    Parameters
    ----------
    cohort : Path
        Whose participants can be chosen.
    run : str
        The trained model: a run's id in the store beside the cohort, or its folder.
    port : int
    show : bool
        Whether to open a browser.
    root : Path
        Folder of the page's notebook and nothing else.
    """
    logging.getLogger("tornado").setLevel(logging.ERROR)  # of every refused request it would say a line
    os.environ |= dict(zip(ENVIRONMENT, (str(cohort.resolve()), run), strict=True))
    with tempfile.TemporaryDirectory(prefix="sacd-clinic-") as folder:
        home = Path(folder)
        write_kernel(home)
        # Below nbconvert's name: a folder of Voilà's own name would be taken for all of Voilà's data.
        shutil.copytree(HOME / "template", home / "nbconvert" / "templates" / TEMPLATE)
        prepare_worker(home)
        Clinic.launch_instance(argv=[], config=configuration(root, port, show))


def configuration(root: Path, port: int, show: bool) -> Config:
    """Voilà's configuration; no file of the user's is read, which could open what is closed here."""
    return Config({
        "Clinic": {"show": show},
        "Voila": {
            "ip": "127.0.0.1", "port": port, "token": secrets.token_hex(24), "open_browser": False,
            "log_level": "ERROR", "root_dir": str(root), "notebook_path": str(root / NOTEBOOK), "config_file_paths": [],
            "tornado_settings": {"allow_remote_access": False, "headers": {"Content-Security-Policy": POLICY}},
        },
        "VoilaConfiguration": {
            "template": TEMPLATE, "file_allowlist": [], "allow_template_override": "NO",
            "allow_theme_override": "NO", "show_tracebacks": False,
            "extension_allowlist": [
                "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget",
            ],
        },
        # By sockets in a private folder, for over TCP others on this machine could listen.
        "KernelManager": {"transport": "ipc"},
        "MappingKernelManager": {"cull_idle_timeout": IDLE_SECONDS, "cull_interval": 30},
    })  # fmt: skip
