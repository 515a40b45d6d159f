"""The command that stages a night from its video alone: predict."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    path: Annotated[Path, typer.Argument(metavar="VIDEO|FOLDER", help="A video, a folder of videos, or a cohort.")],
    run: Annotated[str, typer.Option(help="A student's run: its folder, or its id ('sacd runs' lists them).")],
    out: Annotated[Path | None, typer.Option(help="Folder of the reports; by default reports/nights.")] = None,
    decision: Annotated[
        str | None, typer.Option(help="argmax, corrected, median, forward-backward, durations, filter …")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="A cohort of scored nights for the ranges, in place of those of the run.")
    ] = None,
    lights_off: Annotated[float | None, typer.Option(help="Lights off, seconds from a video's first picture.")] = None,
    lights_on: Annotated[float | None, typer.Option(help="Lights on, likewise; both or neither.")] = None,
) -> None:
    """Stage nights from infrared video alone; write of each a one-page report (HTML, PDF) and a table (CSV).

    A text scoring of the video's name beside it (night.mp4, night.txt) is compared with. Research use only.

    Examples:

    \b
      sacd predict night.mp4 --run student-kd-1a2b3c4d5e6f
      sacd predict videos/ --run data/runs/student-kd-1a2b3c4d5e6f --out reports/ward
      sacd predict night.mp4 --run student-ce-0f9e8d7c6b5a --lights-off 600 --lights-on 28200
      sacd predict data/simulated-laptop-nights --run student-night-kd-1a2b3c4d5e6f
    """
    from sacd.exceptions import SacdError
    from sacd.report.nights import predict as report_nights

    if (lights_off is None) != (lights_on is None):
        raise SacdError("lights off and lights on belong together; name both --lights-off and --lights-on, or neither")
    lights = None if lights_off is None or lights_on is None else (lights_off, lights_on)
    for night in report_nights(path, run, out, decision, calibration, lights):
        print(f"{night.source}: {night.page}")
