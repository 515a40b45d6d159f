"""Commands that train networks, or list those that were: train, finetune, pretrain, runs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sacd.cli.options import CohortFolder, Flagged, Fold, ProfileName, fold_of, values_of
from sacd.exceptions import SacdError

RUN_COLUMNS = (
    "run_id", "method", "tier", "protocol", "labelled", "fold", "seed", "test_accuracy", "test_kappa", "seconds",
)


def train(
    cohort: CohortFolder,
    objective: Annotated[str, typer.Option(help="Way of distilling by name, or file.py:Class.")] = "ce",
    student: Annotated[str | None, typer.Option(help="Student network; the profile's by default.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Teacher network; the profile's by default.")] = None,
    labelled: Annotated[int | None, typer.Option(min=2, help="Few-label: participants whose labels are seen.")] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="An MLP on a trunk trained without labels.")] = False,
    profile: ProfileName = "laptop",
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps of the student.")] = None,
    fold: Fold = None,
    seed: Annotated[int, typer.Option(help="Who is labelled, initial weights, order of clips.")] = 0,
    flagged: Flagged = False,
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
    from sacd.experiments.single_student import single_student
    from sacd.runs import ensure_one
    from sacd.training.config import ObjectiveConfig

    opened, settings, part = Cohort.open(cohort), load_profile(profile), fold_of(fold)
    distils = ObjectiveConfig(name=objective, options=values_of(pairs))
    run = single_student(
        opened, settings, distils, network=student, teacher=teacher, labelled=labelled, frozen=frozen, steps=steps,
        seed=seed, fold=part, flagged=flagged,
    )
    _print_row(ensure_one(opened, run))


def _print_row(row: Any) -> None:
    for name, value in row.dropna().items():
        if value != "":
            print(f"{name:<22}{value:.4g}" if isinstance(value, float) else f"{name:<22}{value}")


def finetune(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A student's run: its folder, or its id.")],
    cohort: CohortFolder,
    objective: Annotated[
        str | None, typer.Option(help="By default its own where there is EEG, else self-training, or ce.")
    ] = None,
    labelled: Annotated[int | None, typer.Option(min=2, help="Participants whose labels are seen; else all.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="By default as many as it was trained, or a third.")] = None,
    fold: Fold = None,
    seed: Annotated[int, typer.Option(help="Who is labelled, order of clips.")] = 0,
    flagged: Flagged = False,
    pairs: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME VALUE", help="An option of the objective; repeatable.")
    ] = None,
) -> None:
    """Carry a student to a new laboratory: go on from its weights on that cohort's labelled and unlabelled nights.

    Its teacher goes with it, where the cohort has EEG. At least two participants must be scored: one of them validates,
    and where nothing better comes the student stays what it was. The result is a run like any other.

    Examples:

    \b
      sacd finetune student-kd-1a2b3c4d5e6f data/clinic
      sacd finetune data/runs/student-kd-1a2b3c4d5e6f data/clinic --labelled 2
      sacd finetune student-ce-0f9e8d7c6b5a data/ward --objective self-training --option threshold 0.8
    """
    from sacd.cohort import Cohort
    from sacd.experiments.finetuning import finetuned
    from sacd.runs import ensure_one
    from sacd.runs.staging import find_run
    from sacd.training.config import ObjectiveConfig

    if pairs and objective is None:
        raise SacdError("options belong to an objective; name it with --objective")
    asked = None if objective is None else ObjectiveConfig(name=objective, options=values_of(pairs))
    opened = Cohort.open(cohort)
    config = finetuned(
        find_run(run), opened, asked, labelled=labelled, steps=steps, seed=seed, fold=fold_of(fold), flagged=flagged
    )
    _print_row(ensure_one(opened, config))


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
    fold: Fold = None,
    profile: ProfileName = "laptop",
) -> None:
    """Make the weights again from which the small video networks start, or go on from them on a cohort's own video.

    Without COHORT: simulated people who are in no cohort, motion or pixel targets; weights and their card. With it: its
    own unlabelled training video, pixel targets, as the profile says and without the people of the fold; the trunk lies
    in the run store, where students find it. No label is ever read.

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

    print(continue_on(Cohort.open(cohort), load_profile(profile), network, weights, seed, steps, fold_of(fold)))


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
    store = RunStore.beside(opened)
    if prune or dry_run:
        _prune(store, dry_run)
        return
    done = store.done()
    if others := len(store.finished()) - len(done):
        print(f"{others} runs of another version, or unreadable, are not shown; 'sacd runs --prune' deletes them")
    shown = [run for run in done if opened is None or run.is_of(opened)]
    if not shown:
        print(f"no runs in {store.root}")
        return
    print(tabulate(shown).filter(RUN_COLUMNS).to_string(index=False, na_rep="–"))


def _prune(store: Any, dry_run: bool) -> None:
    from sacd.runs.store import size_of

    folders = store.prunable()
    total = sum(map(size_of, folders))
    for folder in folders:
        print(folder)
    if not dry_run:
        store.prune()
    print(f"{len(folders)} runs, {total / 1e6:.1f} MB {'would be deleted' if dry_run else 'deleted'}")
