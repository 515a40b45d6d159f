"""Commands that make a cohort: simulate, ingest, and region, which shows what an ingest would keep of a video."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sacd.cli.options import Span


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new cohort.")],
    train: Annotated[int, typer.Option(min=0, max=10_000, help="Training participants.")] = 64,
    test: Annotated[int, typer.Option(min=0, max=10_000, help="Test participants.")] = 24,
    nights: Annotated[
        int | None, typer.Option(min=0, help="Test participants with whole nights; by default 4, or all of fewer.")
    ] = None,
    coupling: Annotated[
        Literal["weak", "medium", "strong"], typer.Option(help="How much of the stage the video shows.")
    ] = "medium",
    seed: Annotated[int, typer.Option(help="Same seed, same participants.")] = 0,
    raw: Annotated[int, typer.Option(min=0, help="Test nights also written as EDF+ and video, like a clinic's.")] = 0,
    frames: Annotated[int, typer.Option(min=2, max=1000, help="Frames a clip.")] = 32,
    size: Annotated[int, typer.Option(min=8, max=512, help="Height and width of a frame, pixels.")] = 32,
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

    nights = min(4, test) if nights is None else nights
    with progress(f"simulating {out}", train + test) as bar:
        make(
            out, train=train, test=test, nights=nights, coupling=coupling, seed=seed, frames=frames, size=size,
            span_s=span, preview=preview, encoder=encoder, skip=skip, camera_only=camera_only,
            progress=lambda done, of: bar.to(done), exist_ok=raw > 0,
        )
    if raw:
        from sacd.cohort.format import RAW
        from sacd.simulate.raw import add_raw_nights

        with progress(f"writing {out / RAW}", 1) as bar:
            add_raw_nights(out, raw, bar.to)
    _describe(out)


def ingest(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the files of a clinic or data set.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the cohort, new or to be added to.")],
    format: Annotated[
        str, typer.Option(help="recordings, bids, s3ve, sleep-edf, sleep-accel, or auto: by the files.")
    ] = "auto",
    channel: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="EEG channels; by default a central one that all have.")
    ] = None,
    notch: Annotated[float | None, typer.Option(min=1, help="Mains frequency to be taken out of the EEG, Hz.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip.")] = 32,
    span: Span = 30,
    size: Annotated[int, typer.Option(min=1, help="Height and width of a frame, pixels.")] = 32,
    region: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H|find", help="Part of the picture that is kept, in shares of it.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Keep a film of each night at full rate.")] = False,
    blur: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Part of the picture that previews show blurred.")
    ] = None,
    offset: Annotated[float, typer.Option(help="Seconds added to the start of every video.")] = 0.0,
    drift: Annotated[float, typer.Option(help="How much too fast the camera's clock runs, millionths.")] = 0.0,
    sync: Annotated[
        bool, typer.Option("--sync", help="Draw each night's clock as movements and breathing tell it: OUT/clocks.")
    ] = False,
    start_pattern: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Starts in the videos' names, e.g. cam_%Y%m%d-%H%M%S.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the recorder's clock, e.g. Europe/Zurich or +01:00.")
    ] = None,
    clock: Annotated[
        Literal["date", "time of day"],
        typer.Option("--clock", "--scoring-clock", help="With changed dates, place files by the time of day alone."),
    ] = "date",
    allow_gaps: Annotated[
        bool, typer.Option("--allow-gaps", help="Leave out what EEG, video or scoring do not cover.")
    ] = False,
    stage_names: Annotated[Path | None, typer.Option(metavar="YAML", help="Your scorers' names of stages.")] = None,
    keep_dates: Annotated[bool, typer.Option("--keep-dates", help="Do not move dates by a secret.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out nights that cannot be taken in, and say why.")
    ] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="Nights side by side; by default one a core.")] = None,
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
    """Make a cohort from real files, or add the nights that it has not yet; each night whole or not at all.

    recordings: PSG, videos and scorings of each night; docs/from-your-lab.md leads from the first line to the last.
    bids: a BIDS data set, videos beside it. s3ve: the release of the paper's data. sleep-edf: published feature nights
    of Sleep-EDF. sleep-accel: published nights of a heart-rate and a movement sensor (two-sensor benchmark).
    What was stopped goes on with the same command. OUT/ingest.tsv says what became of each night.

    Examples:

    \b
      sacd ingest exported/ data/clinic --channel C4-M1 --offset 1.5
      sacd ingest exported/ data/clinic --keep-going
      sacd ingest cameras/ data/ward --start-pattern cam_%Y%m%d-%H%M%S --region find
      sacd ingest abroad/ data/clinic --time-zone Europe/Zurich --stage-names names.yaml
      sacd ingest anonymised/ data/clinic --clock "time of day"
      sacd ingest exported/ data/clinic-16-consecutive --channel C4-M1 --frames 16 --span 1.6
      sacd ingest sleep-edf-features/ data/sleep-edf
      sacd ingest sleep-edf-features/ data/mobility --student-view Pz-Oz_mobility
      sacd ingest sleep-edf-features/ data/sleep-edf-drawn --crop drawn
      sacd ingest sleep-edf-features/ data/sleep-edf-causal --causal
      sacd ingest sleep-accel/ data/two-sensor
    """
    from sacd.ingest import ingest as take_in
    from sacd.ingest.box import Box
    from sacd.ingest.sources import recognise
    from sacd.progress import progress

    found = recognise(source, format)
    print(f"{source}: taken for {found.what} ({found.name})")
    view = {} if student_view is None else {"student_view": tuple(student_view.split(","))}
    lines: list[str] = []
    with progress(f"ingesting {source}", 1) as bar:
        take_in(
            source, out, format=found.name, crop=crop, causal=causal, progress=bar, say=lines.append, **view,
            channel=None if channel is None else tuple(channel.split(",")), notch=notch, frames=frames, span_s=span,
            size=size, region=region if region in (None, "find") else Box.parse(region),
            blur=None if blur is None else Box.parse(blur), preview=preview, offset=offset, drift_ppm=drift,
            start_pattern=start_pattern, time_zone=time_zone, clock=clock, allow_gaps=allow_gaps,
            stage_names=stage_names, keep_dates=keep_dates, keep_going=keep_going, processes=processes,
        )
    for line in lines:
        print(line)
    if sync:
        _draw_clocks(out)
    _describe(out)


def region(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video of a night.")],
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("region.png"),
    given: Annotated[
        str | None, typer.Option("--region", metavar="X,Y,W,H", help="Of your choice; by default where the bed is.")
    ] = None,
    blur: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="What previews would show blurred.")] = None,
) -> None:
    """Draw which part of a video an ingest with --region would keep, and say it in shares of the picture.

    Examples:

    \b
      sacd region night.mp4
      sacd region night.mp4 --region 0.1,0.2,0.6,0.5 --blur 0.2,0.25,0.1,0.15 --out bed.png
    """
    from sacd.exceptions import reading
    from sacd.figures.region import region_figure
    from sacd.ingest.box import Box
    from sacd.ingest.region import region_of, stills
    from sacd.ingest.video import read_video
    from sacd.ingest.video_night import is_simulated

    label = "region of interest (simulated)" if is_simulated(video) else "region of interest"
    pictures = stills(read_video(video))
    box = region_of(pictures) if given is None else Box.parse(given)
    figure = region_figure(pictures[len(pictures) // 2], box, label, blur and Box.parse(blur))
    with reading(out, "name another file with --out", "cannot be written"):
        figure.savefig(out)
    print(f"--region {box.x:.3f},{box.y:.3f},{box.width:.3f},{box.height:.3f}    {out}")


def _draw_clocks(path: Path) -> None:
    """A picture of the clock of each night that has none yet, and what it shows."""
    from sacd.cohort import Cohort
    from sacd.cohort.format import CLOCKS
    from sacd.figures.sync import clock_figure
    from sacd.ingest.clock_traces import PsgTraces, VideoTraces
    from sacd.ingest.sync import estimate_clock
    from sacd.progress import progress

    cohort, folder = Cohort.open(path), path / CLOCKS
    folder.mkdir(exist_ok=True)
    files = {night.recording_id: folder / f"{night.recording_id}.png" for night in cohort if night.motion is not None}
    missing = {name: file for name, file in files.items() if not file.exists()}
    said: list[str] = []
    with progress("drawing the clocks", len(missing)) as bar:
        for name, file in missing.items():
            night = cohort[name]
            onsets = night.clips.onset.to_numpy()
            eeg = None if cohort.info.eeg == "none" else night.eeg
            psg = PsgTraces.from_signals(night.signals, night.signal_info, eeg, onsets)
            estimate = estimate_clock(VideoTraces.from_motion(night.motion, onsets), psg)
            clock_figure(estimate, cohort.label).savefig(file)
            said.append(f"{name}: {estimate.sentence}")
            bar.advance(1, name)
    for line in said:
        print(line)
    if len(files) > len(missing):
        print(f"{len(files) - len(missing)} clocks were drawn already; delete a picture to have it drawn again")
    print(f"{folder}: pictures of {len(files)} clocks")


def _describe(path: Path) -> None:
    from sacd.cohort import Cohort

    print(f"{path}: {Cohort.open(path).summary}")
