"""`sacd lab`: JupyterLab that asks no other server, behind a token, ended by Ctrl+C."""

import json
import os
import re

import pytest
from serving import served
from typer.testing import CliRunner

from sacd.cli import app


def test_lab_asks_nobody_elsewhere(tmp_path):
    with served(tmp_path, "-m", "sacd", "lab", "--port", "PORT", "--no-browser", "--allow-root") as server:
        given = {"Authorization": f"token {server.token}"}
        assert server.ask("/lab/tree/notebooks")[0] == 302 and server.ask("/api/contents")[0] == 403
        assert server.ask("/lab", **given, Host="evil.example")[0] == 403
        status, page = server.ask("/lab/tree/notebooks", **given)
        assert status == 200 and '"news": {"disabled": true}' in page and '"can_install": false' in page
        disabled = re.search(r'"disabledExtensions": (\[[^]]*\])', page)[1]
        assert "@jupyterlab/apputils-extension:announcements" in json.loads(disabled)  # asks whether to fetch news
        assert '"notification": null' in server.ask("/lab/api/update", **given)[1]
        assert '"00_quickstart.ipynb"' in server.ask("/api/contents/notebooks", **given)[1]
        assert "JupyterLab is closed." in server.end() and server.process.returncode == 0
        assert not server.watched.exists(), server.watched.read_text()


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="needs root")
def test_lab_does_not_run_as_root_unless_told_to():
    result = CliRunner().invoke(app, ["lab"])
    assert result.exit_code == 1 and "sacd lab --allow-root" in result.output
