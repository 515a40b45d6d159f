"""Trained networks: the kinds of run, what identifies one, where it lies, how the missing ones are trained."""

from sacd.runs.pool import closure, ensure, ensure_all, ensure_one, histories, plan, predictions, workers

__all__ = ["closure", "ensure", "ensure_all", "ensure_one", "histories", "plan", "predictions", "workers"]
