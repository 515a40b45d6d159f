"""The command line: thin commands over the library. Imports stay inside commands, so that help answers at once."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from sacd.exceptions import SacdError


class _Commands(TyperGroup):
    """Errors meant for people are one line; a traceback is for bugs."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SacdError as error:
            print(f"sacd: {' '.join(str(error).split())}", file=sys.stderr)
            ctx.exit(1)
        except KeyboardInterrupt:
            print("sacd: interrupted; repeat the command to complete it", file=sys.stderr)
            ctx.exit(130)


class _TakesPairs(TyperCommand):
    """Reads ``-p NAME VALUE`` as ``-p NAME=VALUE``: typer has no list of pairs."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        flags = {flag for option in self.params if option.name == "pairs" for flag in option.opts}
        joined: list[str] = []
        for arg in args:
            if len(joined) > 1 and joined[-2] in flags and "=" not in joined[-1]:
                joined[-1] += f"={arg}"
            else:
                joined.append(arg)
        return super().parse_args(ctx, joined)


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    help="Cross-modal distillation from EEG to infrared sleep video: from a cohort to a report.",
)
RUN_COLUMNS = (
    "run_id", "method", "tier", "protocol", "labelled", "fold", "seed", "test_accuracy", "test_kappa", "seconds",
)
CohortFolder = Annotated[Path, typer.Argument(metavar="COHORT", help="A cohort's folder.")]


def _values(pairs: list[str]) -> dict[str, Any]:
    import yaml

    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SacdError(f"{name!r} has no value; write the name and the value")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SacdError(f"{name} {value!r} is no value; write a number, a word or a list like [1, 2]") from None
    return values


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new cohort.")],
    train: Annotated[int, typer.Option(min=1, help="Training participants.")] = 64,
    test: Annotated[int, typer.Option(min=0, help="Test participants.")] = 24,
    nights: Annotated[int, typer.Option(min=0, help="Test participants with whole nights.")] = 4,
    coupling: Annotated[
        Literal["weak", "medium", "strong"], typer.Option(help="How much of the stage the video shows.")
    ] = "medium",
    seed: Annotated[int, typer.Option(help="Same seed, same participants.")] = 0,
    raw: Annotated[int, typer.Option(min=0, help="Test nights also written as EDF+ and video, like a clinic's.")] = 0,
    frames: Annotated[int, typer.Option(min=2, help="Frames a clip.")] = 32,
    size: Annotated[int, typer.Option(min=8, help="Height and width of a frame, pixels.")] = 32,
    span: Annotated[float, typer.Option(min=0.1, max=30, help="Seconds of a clip that its frames spread over.")] = 30,
    preview: Annotated[bool, typer.Option("--preview", help="Film one whole night at full rate: a minute.")] = False,
    encoder: Annotated[
        str | None, typer.Option(help="Whole nights as features of a shipped trunk, e.g. r2plus1d_10-motion.")
    ] = None,
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
            span_s=span, preview=preview, encoder=encoder, progress=lambda done, of: bar.to(done), exist_ok=raw > 0,
        )
    if raw:
        from sacd.simulate.raw import add_raw_nights

        with progress(f"writing {out / 'raw'}", 1) as bar:
            add_raw_nights(out, raw, bar.to)
    _describe(out)


@app.command()
def ingest(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the files of a clinic or data set.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the cohort, new or to be added to.")],
    format: Annotated[str, typer.Option(help="recordings, sleep-edf, sleep-accel, or auto: by the files.")] = "auto",
    offset: Annotated[float, typer.Option(help="Seconds added to the start of every video.")] = 0.0,
    channel: Annotated[str | None, typer.Option(help="EEG channel; by default a central one that all have.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip.")] = 32,
    span: Annotated[float, typer.Option(min=0.1, max=30, help="Seconds of a clip that its frames spread over.")] = 30,
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


@app.command()
def check(cohort: CohortFolder) -> None:
    """Validate a cohort: every fault, a line each; exit status 1 where there is one.

    Examples:

    \b
      sacd check data/simulated-laptop
    """
    from sacd.cohort.check import check as faults_of
    from sacd.cohort.format import read_recordings
    from sacd.progress import progress

    folder = cohort / "recordings"
    with progress(f"checking {cohort}", sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0) as bar:
        faults = faults_of(cohort, progress=lambda recording: bar.advance(1, recording))
    for fault in faults:
        print(fault)
    if faults:
        raise typer.Exit(1)
    recordings = read_recordings(cohort)
    print(f"no faults: {len(recordings)} recordings, {recordings.clips.sum()} clips")


@app.command(cls=_TakesPairs)
def train(
    cohort: CohortFolder,
    objective: Annotated[str, typer.Option(help="Way of distilling by name, or file.py:Class.")] = "ce",
    student: Annotated[str | None, typer.Option(help="Student network; the profile's by default.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Teacher network; the profile's by default.")] = None,
    labelled: Annotated[int | None, typer.Option(min=2, help="Few-label: participants whose labels are seen.")] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="An MLP on a trunk trained without labels.")] = False,
    profile: Annotated[str, typer.Option(help="smoke, laptop, evening, paper, or a YAML file.")] = "laptop",
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps of the student.")] = None,
    fold: Annotated[str | None, typer.Option(metavar="I/K", help="Test on fold I of K, I from 0.")] = None,
    seed: Annotated[int, typer.Option(help="Who is labelled, initial weights, order of clips.")] = 0,
    pairs: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME VALUE", help="An option of the objective; repeatable.")
    ] = None,
) -> None:
    """Train one student, and the teacher and trunk it needs; print its figures.

    Examples:

    \b
      sacd train data/simulated-laptop
      sacd train data/simulated-laptop --objective sacd --labelled 8 --option structure 0
      sacd train data/sleep-edf --objective kd --labelled 2 --fold 0/4
    """
    from sacd.cohort import Cohort
    from sacd.experiments.profile import load_profile
    from sacd.training.config import ModelConfig, ObjectiveConfig

    opened, settings, part = Cohort.open(cohort), load_profile(profile), _fold(fold)

    from sacd import runs
    from sacd.experiments import folds
    from sacd.experiments import student as student_run

    part = part or folds(opened, settings)[0]
    raw = opened.info.video == "raw" and not frozen
    run = student_run(opened, settings, objective, "few-label" if labelled else "paper", seed, part, raw)
    changes: dict[str, Any] = {"objective": ObjectiveConfig(name=objective, options=_values(pairs or []))}
    if labelled:
        changes["labelled"] = labelled
    if student:
        changes["model"] = ModelConfig(name=student)
    if steps:
        changes["training"] = run.training.model_copy(update={"steps": steps})
    if teacher and run.teacher is None:
        raise SacdError(f"objective {objective} has no teacher; leave --teacher out")
    if run.teacher is not None:
        network = ModelConfig(name=teacher) if teacher else run.teacher.model
        changes["teacher"] = run.teacher.model_copy(update={"model": network, "labelled": changes.get("labelled")})
    row = runs.ensure(opened, [run.model_copy(update=changes)]).iloc[0]
    if row.status != "done":
        raise SacdError(f"{row.path}: training failed: {row.error}")
    for name, value in row.dropna().items():
        if value != "":
            print(f"{name:<22}{value:.4g}" if isinstance(value, float) else f"{name:<22}{value}")


@app.command()
def pretrain(
    cohort: Annotated[Path | None, typer.Argument(metavar="[COHORT]", help="Go on on this cohort's own video.")] = None,
    network: Annotated[str, typer.Option(help="r2plus1d_10 or r3d_10.")] = "r2plus1d_10",
    targets: Annotated[
        Literal["motion", "pixels"], typer.Option(help="How the simulated body moved, or what the pixels do.")
    ] = "motion",
    name: Annotated[str | None, typer.Option(help="Of the weights; by default that of the targets.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="People, initial weights, order of clips.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="By default 3,000; with COHORT the profile's.")] = None,
    people: Annotated[int, typer.Option(min=10, help="Simulated people.")] = 200,
    couplings: Annotated[str, typer.Option(metavar="NAME,NAME", help="Of the people, in turn.")] = "weak,medium,strong",
    out: Annotated[Path, typer.Option(help="Folder of weights and cards.")] = Path("data/pretraining"),
    weights: Annotated[str | None, typer.Option(help="With COHORT: where to go on from; the profile's.")] = None,
    fold: Annotated[str | None, typer.Option(metavar="I/K", help="With COHORT: do not see fold I of K.")] = None,
    profile: Annotated[str, typer.Option(help="With COHORT: how it goes on.")] = "laptop",
) -> None:
    """Make the weights again from which the small video networks start, or go on from them on a cohort's own video.

    Without COHORT: simulated people who are in no cohort, motion or pixel targets; weights and their card. With it: its
    own unlabelled training video, pixel targets; the trunk lies in the run store, where students find it. No label is
    ever read.

    Examples:

    \b
      sacd pretrain
      sacd pretrain --network r3d_10 --targets pixels
      sacd pretrain --seed 1 --name motion-1
      sacd pretrain data/clinic
    """
    from sacd.pretraining.command import continue_on, make_weights

    if cohort is None:
        print(make_weights(out, network, targets, name, seed, steps, people, tuple(couplings.split(","))))
        return
    from sacd.cohort import Cohort
    from sacd.experiments.profile import load_profile

    print(continue_on(Cohort.open(cohort), load_profile(profile), network, weights, seed, steps, _fold(fold)))


def _fold(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise SacdError(f"fold {text!r} is not I/K; write 0/4 for the first of four")
    return int(index), int(count)


@app.command(cls=_TakesPairs)
def report(
    profile: Annotated[str, typer.Option(help="smoke, laptop, evening, paper, or a YAML file.")] = "laptop",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done, and the minutes.")] = False,
    cohort: Annotated[Path | None, typer.Option(help="A cohort; by default the profile's simulated one.")] = None,
    only: Annotated[str, typer.Option(metavar="03,05", help="Only these notebooks, by number or name.")] = "",
    pairs: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME VALUE", help="Value of a name in the notebooks' parameters; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The report's folder; by default reports/PROFILE.")] = None,
) -> None:
    """Train what is missing, execute the notebooks, write a report that opens with the network off.

    Exit status 1 where a run or a notebook failed; the others are in the report all the same.

    Examples:

    \b
      sacd report
      sacd report --plan
      sacd report --cohort data/sleep-edf
      sacd report --only 03,06 -p seed 1 --out reports/seed-1
    """
    from sacd.report import Report

    prepared = Report(profile, cohort, only.split(","), _values(pairs or []), out)
    if plan:
        _print_plan(prepared)
        return
    entries = prepared.write()
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        print(f"{entry.name:<{width}}  {entry.status}{' (kept)' if entry.kept else ''}  {entry.reason}".rstrip())
        for failure in entry.failed_runs:
            print(f"{'':<{width}}  run failed: {failure}")
    print(prepared.folder.path / "index.html")
    if any(entry.status == "failed" or entry.failed_runs for entry in entries):
        raise typer.Exit(1)


@app.command()
def claim(
    stage: Annotated[Literal["A", "B"], typer.Option(help="A: development cohorts. B: fresh ones, once.")] = "B",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done, and the minutes.")] = False,
    seed: Annotated[int | None, typer.Option(help="First seed of the cohorts; the design's by default.")] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="Run the same rows on a real cohort of features instead of a stage.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result; by default reports/claim.")] = None,
) -> None:
    """The confirmation of the method that sacd/experiments/claim.yaml describes; goes on where it stopped.

    Examples:

    \b
      sacd claim --stage A
      sacd claim --plan
      sacd claim --seed 9100 --out reports/claim-again
      sacd claim --cohort data/sleep-accel
    """
    if cohort is not None:
        from sacd.report.claim_benchmark import benchmark

        print(benchmark(cohort, out))
        return
    from sacd.report.claim import Confirmation

    prepared = Confirmation(stage, out, seed)
    if not plan:
        print(prepared.run())
        return
    table = prepared.plan()
    for row in table.to_dict("records"):
        minutes = "there already" if row["done"] else f"{row['seconds'] / 60:.1f} min"
        print(f"{row['coupling']}, seed {row['seed']}: {minutes}")
    print(f"method {prepared.digest}; predicted: {table.seconds.sum() / 60:.1f} minutes on this machine")


def _print_plan(prepared: Any) -> None:
    plan = prepared.plan()
    for run in plan.runs.to_dict("records"):
        print(f"{run['predicted_seconds'] / 60:6.1f} min  {run['run_id']}  {run['title']}")
    print(f"{len(plan.runs)} runs to train, {plan.cached} there already (minutes above: of one core)")
    print(f"cohorts to simulate: {', '.join(plan.simulated) or 'none'}")
    print(f"notebooks to execute: {', '.join(plan.notebooks) or 'none'}")
    print(plan.disk)
    print(f"predicted: {plan.seconds / 60:.1f} minutes on this machine")


@app.command()
def runs(
    cohort: Annotated[Path | None, typer.Option(help="Only this cohort's runs.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete runs of another version, unreadable and unfinished ones.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --prune: only say what would be deleted.")] = False,
) -> None:
    """List what has been trained, or delete what nothing will open again.

    Examples:

    \b
      sacd runs
      sacd runs --cohort data/simulated-laptop
      sacd runs --prune --dry-run
    """
    from sacd.cohort import Cohort
    from sacd.runs.store import RunStore, tabulate

    opened = None if cohort is None else Cohort.open(cohort)
    usual = os.environ.get("SACD_RUNS") or Path(__file__).parents[1] / "data" / "runs"
    store = RunStore(Path(usual)) if opened is None else RunStore.beside(opened)
    if prune or dry_run:
        _prune(store, dry_run)
        return
    done = store.done()
    if others := len(store.finished()) - len(done):
        print(f"{others} runs of another version, or unreadable, are not shown; 'sacd runs --prune' deletes them")
    if opened is not None:
        done = [run for run in done if run.description["cohort"]["source_id"] == opened.info.source_id]
    if not done:
        print(f"no runs in {store.root}")
        return
    table = tabulate(done)
    columns = [name for name in RUN_COLUMNS if name in table]
    print(table[columns].to_string(index=False, na_rep="–"))


def _prune(store: Any, dry_run: bool) -> None:
    from sacd.runs.store import size_of

    folders = store.prunable()
    total = sum(map(size_of, folders))
    for folder in folders:
        print(folder)
    if not dry_run:
        store.prune()
    print(f"{len(folders)} runs, {total / 1e6:.1f} MB {'would be deleted' if dry_run else 'deleted'}")


def _describe(path: Path) -> None:
    from sacd.cohort import Cohort

    print(f"{path}: {Cohort.open(path).summary}")
