"""A server of pages as a process of its own: started, asked, watched for what it connects to, and ended by Ctrl+C."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
WATCH = """
import os, sys

def watch(event, args):
    if event == "socket.connect":
        host = args[1][0] if isinstance(args[1], tuple) else "127.0.0.1"
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if not host.startswith("127.") and host not in ("localhost", "::1"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {args}\\n")

sys.addaudithook(watch)
"""
"""Of every process of a server, kernels too: names and addresses outside this machine that it asks for."""
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}


@dataclass
class Server:
    """A running one: its port, the token that its address ends with, and the file of what it asked for elsewhere."""

    process: subprocess.Popen
    port: int
    token: str
    watched: Path

    def ask(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of the answer to a request, by default without a token; of a websocket the status alone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = "" if answer.status == 101 else answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text + (answer.getheader("Location") or "")

    def cookie(self) -> str:
        """What a browser is given for the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/login?token={self.token}")
        given = connection.getresponse().headers.get_all("Set-Cookie")
        connection.close()
        return "; ".join(line.split(";")[0] for line in given)

    def end(self) -> str:
        """Press Ctrl+C; what was printed since the address."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=30)[0]


@contextmanager
def served(folder: Path, *command: str, **environment: str) -> Iterator[Server]:
    """Start a server with ``python``; `command` may hold PORT.

    Parameters
    ----------
    folder : Path
        Where its settings and its watch lie.
    """
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    paths = os.pathsep.join([str(folder / "watch"), str(ROOT)])
    env = os.environ | own | {"PYTHONPATH": paths, "WATCHED": str(folder / "watched"), **environment}
    process = subprocess.Popen(
        [sys.executable, *(word.replace("PORT", str(port)) for word in command)], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        # What a shell starts in the background ignores Ctrl+C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        said = process.stdout.readline()
        assert "?token=" in said, said + process.stderr.read()
        address = urlsplit(said.split()[-1])
        assert address.hostname == "127.0.0.1"
        yield Server(process, address.port, address.query.removeprefix("token="), folder / "watched")
    finally:
        process.kill()
        process.wait()
