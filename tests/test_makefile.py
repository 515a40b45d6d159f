"""What make says before it does anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not shutil.which("make") or getattr(os, "getuid", lambda: 1)() != 0, reason="needs make and root")
def test_lab_tells_root_what_to_add(tmp_path):
    lab = tmp_path / "bin" / "sacd"
    lab.parent.mkdir()
    lab.write_text('#!/bin/sh\necho started "$@"\n')
    lab.chmod(0o755)
    (tmp_path / ".installed").touch()

    def make(*options):
        quiet = ["--no-print-directory", "--old-file", str(tmp_path / ".installed")]
        command = ["make", *quiet, "lab", f"VENV={tmp_path}", *options]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    refused = make()
    assert refused.returncode != 0 and "started" not in refused.stdout
    assert refused.stdout == "JupyterLab does not run as root unless told to: make lab LAB_OPTIONS=--allow-root\n"
    assert "started lab --allow-root" in make("LAB_OPTIONS=--allow-root").stdout
