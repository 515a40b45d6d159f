"""A recording folder, as `sacd.ingest.layout` describes it, becomes a raw cohort."""

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, Field, StrictBool, StrictStr

from sacd.cohort import Cohort
from sacd.cohort.format import read_json, validated
from sacd.ingest.layout import find_nights, read_source_participants
from sacd.ingest.many_nights import Source, take_in
from sacd.ingest.options import IngestOptions
from sacd.progress import Bar


class Description(BaseModel):
    """What is read of `dataset_description.json`."""

    name: StrictStr | None = Field(default=None, alias="Name")
    simulated: StrictBool = Field(default=False, alias="Simulated")


def read_description(source: Path) -> Description:
    """What a folder says of itself."""
    file = source / "dataset_description.json"
    return validated(Description, read_json(file, "correct or remove it") if file.exists() else {}, file)


def ingest_recording_folder(
    source: Path, out: Path, options: IngestOptions, progress: Bar | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Cohort:
    """Take the recordings of `source` into a raw cohort; see `sacd.ingest.many_nights.take_in`."""
    participants = read_source_participants(source)
    nights = find_nights(source, options.start_pattern, options.names)
    about = read_description(source)
    made = Source(about.name or source.resolve().name, about.simulated)
    return take_in(nights, participants, out, options, progress, made, say)
