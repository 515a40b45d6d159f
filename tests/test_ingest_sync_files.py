"""The camera's clock through files: EDF+ and video as a clinic hands them over, with a stated start that is wrong."""

import json
import os
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from sacd.ingest import ingest
from sacd.ingest.sync import VideoClock
from sacd.simulate import raw
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.participant import make_participant

CLIPS, BEGIN = 140, 300
ERRORS = ((-112.0, 48.0), (37.5, -50.0), (-3.2, 20.0), (119.0, -15.0))
"""What is added to each stated start, s, and how fast the camera's clock is, ppm."""
TICK = Fraction(1, 1_000_000)


def drift(file: Path, ppm: float) -> None:
    """Stamp the pictures of a video anew, by a clock that is so much too fast."""
    aside = file.with_name(f"drifting{file.suffix}")
    with av.open(file) as source, av.open(aside, "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.time_base = TICK
        scale = float(stream.time_base / TICK) * (1 + 1e-6 * ppm)
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            packet.pts, packet.dts = round(packet.pts * scale), round(packet.dts * scale)
            packet.time_base, packet.stream = TICK, copy
            target.mux(packet)
    os.replace(aside, file)


@pytest.mark.slow
def test_four_nights_through_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seventy minutes each: lags and lost pictures are the writer's, offsets and drift are added to what it states.

    Pictures are 48 × 64, for speed; the writer's own EMG and belts are undisturbed, unlike those of `clock_nights`.
    """
    monkeypatch.setattr(raw, "HEIGHT", 48)
    monkeypatch.setattr(raw, "WIDTH", 64)
    people = [make_participant(11, "test", k) for k in range(len(ERRORS))]
    source = raw.write_raw_nights(tmp_path / "raw", people, COUPLINGS["medium"], clips=CLIPS, begin=BEGIN)
    table = pd.read_csv(source / "recordings.tsv", sep="\t")
    truths = {}
    for row, (late, ppm) in enumerate(ERRORS):
        name = table.recording_id[row]
        made = json.loads((source / name / "truth.json").read_text())
        drift(source / name / "video.mp4", ppm)
        stated = datetime.fromisoformat(table.video_start[row]) + timedelta(seconds=late)
        table.loc[row, "video_start"] = stated.isoformat(timespec="milliseconds")
        # A picture stamped v was taken at v / (1 + drift) − lead − lag; its stated time is v − lead + late.
        stated_begin, true_begin = late - made["video_lead_s"], -made["video_lead_s"] - made["lag_s"]
        truths[name] = VideoClock(true_begin + stated_begin * -1 / (1 + 1e-6 * ppm), ppm)
    table.to_csv(source / "recordings.tsv", sep="\t", index=False)
    cohort = ingest(source, tmp_path / "cohort", allow_gaps=True)
    assert len(cohort.recordings) == len(ERRORS)
    for recording in cohort:
        told = recording.metadata["provenance"]["clock"]["estimate"]
        assert told["identifiable"], told["why"]
        found, truth = VideoClock(told["offset_s"], told["drift_ppm"]), truths[recording.recording_id]
        edges = recording.clips.onset.to_numpy()[[0, -1]] + [0, 30]
        error = np.abs(found.to_recording(edges) - truth.to_recording(edges)).max()
        print(recording.recording_id, truth, told, f"error {error:.2f} s")
        assert error <= 1
