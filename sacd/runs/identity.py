"""What identifies a run: a hash of its configuration without default values, of the versions of the components whose
numbers it depends on, and of the data that it may see. A docstring edit retrains nothing."""

import hashlib
import json
from functools import lru_cache
from typing import Any

from sacd.cohort import Cohort
from sacd.runs.kind import RunConfig
from sacd.training.config import TRAINING_VERSION


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def data_fingerprint(config: RunConfig, cohort: Cohort) -> str:
    """Hash of all that a run may see, and of nothing else."""
    return _digest(sorted(config.data(cohort)))


def run_id(config: RunConfig, cohort: Cohort) -> str:
    """Kind, name and hash that identify a run on a cohort, e.g. ``student-kd-1a2b3c4d5e6f``.

    Raises
    ------
    SacdError
        A file that it names is not there; a budget or fold that the cohort does not allow.
    """
    # Files beside the cohort may be edited while a notebook runs: their hashes belong to the cache's key.
    return _run_id(config, cohort, _versions(config))


def _versions(config: RunConfig) -> str:
    return json.dumps([config.versions(), *(_versions(needed) for needed in config.dependencies)])


@lru_cache(maxsize=10_000)
def _run_id(config: RunConfig, cohort: Cohort, versions: str) -> str:
    content = {
        "config": config.content(),
        "loop": TRAINING_VERSION,
        "versions": config.versions(),
        "data": data_fingerprint(config, cohort),
        "dependencies": sorted(run_id(dependency, cohort) for dependency in config.dependencies),
    }
    return f"{config.kind}-{config.name}-{_digest(content)[:12]}"
