"""What happens in a night beside its stages: `events.tsv`, with a closed list of types."""

from pathlib import Path

import numpy as np
import pandas as pd

from sacd.cohort.format import read_tsv
from sacd.exceptions import SacdError

EVENT_TYPES = (
    "arousal", "apnoea", "hypopnoea", "limb movement", "position change", "artefact", "lights off", "lights on",
)
EVENT_COLUMNS = ("onset", "duration", "type")


def read_events(file: Path) -> pd.DataFrame:
    """`events.tsv`: onset and duration in s as float, type as text."""
    return read_tsv(file, EVENT_COLUMNS, EVENT_COLUMNS[:2])


def event_faults(file: Path) -> list[str]:
    """What is wrong with an `events.tsv`, a line each."""
    try:
        events = read_events(file)
    except SacdError as error:
        return [str(error)]
    faults = []
    unknown = sorted(set(events["type"]) - set(EVENT_TYPES))
    if unknown:
        faults.append(f"{file}: type {unknown[0]!r} is unknown ({len(unknown)} such); use {', '.join(EVENT_TYPES)}")
    for name in EVENT_COLUMNS[:2]:
        bad = np.flatnonzero(~np.isfinite(events[name]))
        if len(bad):
            faults.append(f"{file}: {name} in row {bad[0]} is not a number; write seconds (0 where unknown)")
    negative = np.flatnonzero(events.duration < 0)
    if len(negative):
        faults.append(f"{file}: duration in row {negative[0]} is negative; write seconds, 0 or more")
    return faults
