"""Small recording folders for tests of ingest: a grey video whose level tells the time, an EDF with a sine, stages."""

import datetime
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import edfio
import numpy as np

PATIENT = "Zebediah_Quux"
START = datetime.datetime(2024, 3, 1, 22, 30, 0)
STAGES = ("W", "N1", "N2", "N2", "N3", "REM", "REM", "?")
HZ, SINE_HZ, AMPLITUDE_UV = 128, 2.0, 50.0
FPS = 2


def level(t: float) -> int:
    """Grey level of the video at t seconds from the start of the PSG: rises by one every two seconds."""
    return int(np.clip(20 + t / 2, 0, 255))


def frame_times_of(onsets: np.ndarray, frames: int) -> np.ndarray:
    """Times of `frames` pictures spread evenly over 30 s after each onset, [clips, frames]."""
    return onsets[:, None] + (np.arange(frames) + 0.5) * 30 / frames


def write_video(
    path: Path, seconds: float, begin: float = 0.0, created: str | None = None, codec: str = "mpeg4",
    lost: tuple[float, float] = (0, 0),
) -> None:
    """A video of `seconds` that begins at `begin` on the PSG's clock, without the pictures of the seconds `lost`."""
    with av.open(path, "w") as container:
        if created:
            container.metadata["creation_time"] = created
        options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {}
        stream = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.thread_count = 1
        for i in range(round(seconds * FPS)):
            if lost[0] <= begin + i / FPS < lost[1]:
                continue
            picture = np.full((48, 64), level(begin + i / FPS), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_edf(
    path: Path, seconds: int, stages: Sequence[str] | None = None, channels: Sequence[str] = ("EEG C3-A2", "EMG chin"),
    hz: int = HZ, notes: Sequence[tuple[float, float | None, str]] = ((5, None, "Lights off"),),
) -> None:
    """An EDF+ with a patient's name, and notes beside the stages; every channel is a 2-Hz sine of 50 µV."""
    wave = AMPLITUDE_UV * np.sin(2 * np.pi * SINE_HZ * np.arange(seconds * hz) / hz)
    signals = [edfio.EdfSignal(wave, hz, label=name, physical_dimension="uV") for name in channels]
    staged = [(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(stages or ())]
    edfio.Edf(
        signals,
        patient=edfio.Patient(name=PATIENT),
        recording=edfio.Recording(startdate=START.date()),
        starttime=START.time(),
        annotations=[edfio.EdfAnnotation(*note) for note in (*notes, *staged)],
        data_record_duration=1 if channels else None,
    ).write(path)


def make_discontinuous(path: Path, record: int, gap_s: int) -> None:
    """Turn an EDF+C into an EDF+D whose records from number `record` on begin `gap_s` later."""
    data = bytearray(path.read_bytes())
    data[192:197] = b"EDF+D"
    count = int(data[252:256])
    labels = [bytes(data[256 + 16 * i : 272 + 16 * i]).strip() for i in range(count)]
    begin = 256 + 216 * count
    sizes = [2 * int(data[begin + 8 * i : begin + 8 * i + 8]) for i in range(count)]
    notes = labels.index(b"EDF Annotations")
    first, size = sum(sizes[:notes]), sizes[notes]
    for number in range(record, int(data[236:244])):
        at = int(data[184:192]) + number * sum(sizes) + first
        onset, _, rest = bytes(data[at : at + size]).partition(b"\x14")
        later = b"%+d\x14" % (int(onset) + gap_s) + rest
        assert not later[size:].strip(b"\x00")
        data[at : at + size] = later[:size]
    path.write_bytes(data)


def make_source(
    folder: Path, nights: Sequence[str] = ("P1_a",), stages: Sequence[str] = STAGES, video_begin: float = -3.0
) -> Path:
    """A sound recording folder; each night has the stages as EDF+ annotations and a video that begins 3 s earlier."""
    folder.mkdir(parents=True)
    people = sorted({night.partition("_")[0] for night in nights})
    lines = ["participant_id\tsex\tage\tweight\tahi", *(f"{name}\tfemale\t40\tn/a\t7.5" for name in people)]
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    began = (START + datetime.timedelta(seconds=video_begin)).isoformat()
    rows = ["recording_id\tvideo_start", *(f"{night}\t{began}" for night in nights)]
    (folder / "recordings.tsv").write_text("\n".join(rows) + "\n")
    for night in nights:
        (folder / night).mkdir()
        write_edf(folder / night / "psg.edf", 30 * len(stages), stages)
        write_video(folder / night / "video.mp4", 30 * len(stages) + 6, video_begin)
    return folder
