"""``python -m sacd``."""

from sacd.cli import app

app()
