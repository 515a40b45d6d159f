"""One process at a time: who waits says so, and no lock file stays."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from sacd.exceptions import SacdError
from sacd.locks import alone

HOLD = """
import os, signal, sys
from pathlib import Path
from sacd.locks import alone
with alone(Path(sys.argv[1]), "works on it"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_second_waits_says_so_and_finds_what_the_first_did(tmp_path, capsys):
    target, done, entered = tmp_path / "new" / "x", [], threading.Event()

    def second():
        entered.set()
        with alone(target, "makes it"):
            done.append("second")

    with alone(target, "makes it"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        thread.join(0.5)
        assert done == [] and thread.is_alive()
        done.append("first")
    thread.join(10)
    assert done == ["first", "second"]
    assert capsys.readouterr().err == f"{target}: another process makes it; waiting for it\n"
    assert list(target.parent.iterdir()) == []


def test_a_short_wait_is_not_worth_a_line(tmp_path, capsys):
    target, entered = tmp_path / "outputs", threading.Event()

    def second():
        entered.set()
        with alone(target, "computes these", quiet_s=30):
            pass

    with alone(target, "computes these"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive() and capsys.readouterr().err == ""


def test_the_lock_of_a_killed_process_holds_nobody_up_and_goes(tmp_path, capsys):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", HOLD, str(tmp_path / "x")], env=environment)
    assert killed.returncode == -signal.SIGKILL and (tmp_path / ".x.lock").exists()
    with alone(tmp_path / "x", "works on it"):
        pass
    assert capsys.readouterr().err == "" and list(tmp_path.iterdir()) == []


def test_errors_pass_and_free_the_lock(tmp_path):
    with pytest.raises(OSError, match="mine"), alone(tmp_path / "x", ""):
        raise OSError("mine")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SacdError, match="cannot be written"), alone(tmp_path / "file" / "x", ""):
        pass
