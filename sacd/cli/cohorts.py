"""Commands that make a cohort: simulate, ingest."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sacd.cli.options import Span


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new cohort.")],
    train: Annotated[int, typer.Option(min=0, help="Training participants.")] = 64,
    test: Annotated[int, typer.Option(min=0, help="Test participants.")] = 24,
    nights: Annotated[int, typer.Option(min=0, help="Test participants with whole nights.")] = 4,
    coupling: Annotated[
        Literal["weak", "medium", "strong"], typer.Option(help="How much of the stage the video shows.")
    ] = "medium",
    seed: Annotated[int, typer.Option(help="Same seed, same participants.")] = 0,
    raw: Annotated[int, typer.Option(min=0, help="Test nights also written as EDF+ and video, like a clinic's.")] = 0,
    frames: Annotated[int, typer.Option(min=2, help="Frames a clip.")] = 32,
    size: Annotated[int, typer.Option(min=8, help="Height and width of a frame, pixels.")] = 32,
    span: Span = 30,
    preview: Annotated[bool, typer.Option("--preview", help="Film one whole night at full rate: a minute.")] = False,
    encoder: Annotated[
        str | None, typer.Option(help="Whole nights as features of a shipped trunk, e.g. r2plus1d_10-motion.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Test participants passed over: another cohort has them.")] = 0,
    camera_only: Annotated[
        bool, typer.Option("--camera-only", help="With an encoder: features and motion, and no EEG.")
    ] = False,
) -> None:
    """Make a simulated cohort: EEG and infrared video of the same nights.

    Examples:

    \b
      sacd simulate data/tiny --train 6 --test 3 --nights 1
      sacd simulate data/weak --coupling weak --seed 7
      sacd simulate data/with-files --train 6 --test 3 --raw 2
      sacd simulate data/nights --train 6 --test 3 --encoder r2plus1d_10-motion
    """
    from sacd.progress import progress
    from sacd.simulate.simulated_cohort import simulate as make

    with progress(f"simulating {out}", train + test) as bar:
        make(
            out, train=train, test=test, nights=nights, coupling=coupling, seed=seed, frames=frames, size=size,
            span_s=span, preview=preview, encoder=encoder, skip=skip, camera_only=camera_only,
            progress=lambda done, of: bar.to(done), exist_ok=raw > 0,
        )
    if raw:
        from sacd.simulate.raw import add_raw_nights

        with progress(f"writing {out / 'raw'}", 1) as bar:
            add_raw_nights(out, raw, bar.to)
    _describe(out)


def ingest(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the files of a clinic or data set.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the cohort, new or to be added to.")],
    format: Annotated[str, typer.Option(help="recordings, sleep-edf, sleep-accel, or auto: by the files.")] = "auto",
    offset: Annotated[float, typer.Option(help="Seconds added to the start of every video.")] = 0.0,
    channel: Annotated[str | None, typer.Option(help="EEG channel; by default a central one that all have.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip.")] = 32,
    span: Span = 30,
    size: Annotated[int, typer.Option(min=1, help="Height and width of a frame, pixels.")] = 32,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Take EDF+D files, without clips at a gap.")] = False,
    student_view: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Sleep-EDF features that the student sees; * is a wildcard.")
    ] = None,
    crop: Annotated[
        Literal["clock", "drawn"],
        typer.Option(help="Sleep-EDF nights: 22:00 to 09:00, or sleep with margins drawn for each night."),
    ] = "clock",
    causal: Annotated[
        bool, typer.Option("--causal", help="Features of sleep-edf and sleep-accel from each clip's own past alone.")
    ] = False,
) -> None:
    """Make a cohort from real files, or add to one: all of them, or none when something is wrong.

    recordings: EDF/EDF+, video and scoring of each night. sleep-edf: published feature nights of Sleep-EDF.
    sleep-accel: published nights of a heart-rate and a movement sensor (two-sensor benchmark).

    Examples:

    \b
      sacd ingest exported/ data/clinic --channel C4-M1 --offset 1.5
      sacd ingest exported/ data/clinic-16-consecutive --channel C4-M1 --frames 16 --span 1.6
      sacd ingest sleep-edf-features/ data/sleep-edf
      sacd ingest sleep-edf-features/ data/mobility --student-view Pz-Oz_mobility
      sacd ingest sleep-edf-features/ data/sleep-edf-drawn --crop drawn
      sacd ingest sleep-edf-features/ data/sleep-edf-causal --causal
      sacd ingest sleep-accel/ data/two-sensor
    """
    from sacd.ingest import ingest as take_in
    from sacd.progress import progress

    view = {} if student_view is None else {"student_view": tuple(student_view.split(","))}
    with progress(f"ingesting {source}", 1) as bar:
        take_in(
            source, out, format=format, offset=offset, channel=channel, frames=frames, span_s=span, size=size,
            allow_gaps=allow_gaps, crop=crop, causal=causal, progress=bar, **view,
        )
    _describe(out)


def _describe(path: Path) -> None:
    from sacd.cohort import Cohort

    print(f"{path}: {Cohort.open(path).summary}")
