"""The command that looks at a cohort: is it sound, does anything tell who somebody is, how good are its nights."""

from pathlib import Path
from typing import Annotated

import typer

from sacd.cli.options import CohortFolder


def check(
    cohort: CohortFolder,
    privacy: Annotated[
        bool, typer.Option("--privacy", help="Search it, its reports and its runs for what should not be there.")
    ] = False,
    source: Annotated[
        Path | None, typer.Option(help="With --privacy: the folder it was made from; its names are searched for.")
    ] = None,
    reports: Annotated[
        list[Path] | None, typer.Option(help="With --privacy: a folder of reports; by default reports/. Repeatable.")
    ] = None,
    quality: Annotated[
        bool, typer.Option("--quality", help="A page for each night: faults of signals and pictures, what is missing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="With --quality: folder of the pages; by default reports/quality/COHORT.")
    ] = None,
) -> None:
    """Validate a cohort: every fault, a line each; exit status 1 where there is one.

    Examples:

    \b
      sacd check data/simulated-laptop
      sacd check data/clinic --privacy --source exported/
      sacd check data/clinic --quality
    """
    from sacd.exceptions import SacdError

    if source is not None and not privacy:
        raise SacdError("a source is searched for with --privacy; add it, or leave out --source")
    faults = _privacy(cohort, source, reports) if privacy else _soundness(cohort)
    for fault in faults:
        print(fault)
    if quality and not faults:
        _quality(cohort, out)
    if faults:
        raise typer.Exit(1)


def _soundness(cohort: Path) -> list[str]:
    from sacd.cohort.check import check as faults_of
    from sacd.cohort.format import read_recordings
    from sacd.progress import progress

    folder = cohort / "recordings"
    with progress(f"checking {cohort}", sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0) as bar:
        faults = faults_of(cohort, progress=lambda recording: bar.advance(1, recording))
    if not faults:
        recordings = read_recordings(cohort)
        print(f"no faults: {len(recordings)} recordings, {recordings.clips.sum()} clips")
    return faults


def _privacy(path: Path, source: Path | None, folders: list[Path] | None) -> list[str]:
    from sacd.cohort import Cohort
    from sacd.cohort.privacy import check_privacy
    from sacd.paths import ROOT
    from sacd.progress import progress
    from sacd.report.folder import reports_of
    from sacd.runs.store import RunStore

    cohort = Cohort.open(path)
    reports = [found for folder in folders or [ROOT / "reports"] for found in reports_of(cohort, folder)]
    runs = [run.path for run in RunStore.beside(cohort).done() if run.is_of(cohort)]
    identifiers = []
    if source is not None:
        from sacd.ingest.identifiers import identifiers_of

        identifiers = identifiers_of(source)
    with progress(f"searching {path}", 1 + len(cohort) + len(reports) + len(runs)) as bar:
        faults = check_privacy(path, reports, runs, identifiers, progress=lambda name: bar.advance(1, name))
    if not faults:
        looked_for = "" if source is None else f", for {len(identifiers)} names, numbers and dates of {source}"
        print(f"nothing found: {len(cohort)} recordings, {len(reports)} reports, {len(runs)} runs searched{looked_for}")
    return faults


def _quality(path: Path, out: Path | None) -> None:
    from sacd.analysis.night_quality import summary
    from sacd.cohort import Cohort
    from sacd.figures.quality import quality_page
    from sacd.paths import ROOT
    from sacd.progress import progress

    cohort, out = Cohort.open(path), out or ROOT / "reports" / "quality" / path.resolve().name
    out.mkdir(parents=True, exist_ok=True)
    with progress(f"drawing {out}", len(cohort)) as bar:
        for recording in cohort:
            quality_page(cohort, recording.recording_id).savefig(out / f"{recording.recording_id}.png")
            bar.advance(1, recording.recording_id)
    print(summary(cohort).to_string(index=False))
    print(out)
