"""Commands that end in pages: report, claim."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sacd.cli.options import PlanOnly, ProfileName, values_of


def report(
    profile: ProfileName = "laptop",
    plan: PlanOnly = False,
    cohort: Annotated[Path | None, typer.Option(help="A cohort; by default the profile's simulated one.")] = None,
    only: Annotated[str, typer.Option(metavar="03,05", help="Only these notebooks, by number or name.")] = "",
    pairs: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME VALUE", help="Value of a name in the notebooks' parameters; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The report's folder; by default reports/PROFILE.")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Keep its summary tables in reports/reference, to stand beside others'.")
    ] = False,
) -> None:
    """Train what is missing, execute the notebooks, write a report that opens with the network off.

    Exit status 1 where a run or a notebook failed; the others are in the report all the same.

    Examples:

    \b
      sacd report
      sacd report --plan
      sacd report --cohort data/sleep-edf
      sacd report --only 03,06 -p seed 1 --out reports/seed-1
      sacd report --profile evening --cohort data/simulated-laptop --reference
    """
    from sacd.experiments.claim import commit_of
    from sacd.report import Report
    from sacd.report.reference import keep

    prepared = Report(profile, cohort, only.split(","), values_of(pairs), out)
    if plan:
        _print_plan(prepared)
        return
    commit = commit_of() if reference else ""
    entries = prepared.write()
    _print_entries(entries)
    print(prepared.folder.path / "index.html")
    if reference:
        print(keep(prepared.folder.path, " ".join(["sacd", *sys.argv[1:]]), commit))
    if any(entry.status == "failed" or entry.failed_runs for entry in entries):
        raise typer.Exit(1)


def _print_entries(entries: list[Any]) -> None:
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        print(f"{entry.name:<{width}}  {entry.status}{' (kept)' if entry.kept else ''}  {entry.reason}".rstrip())
        for failure in entry.failed_runs:
            print(f"{'':<{width}}  run failed: {failure}")


def _print_plan(prepared: Any) -> None:
    plan = prepared.plan()
    for run in plan.runs.to_dict("records"):
        print(f"{run['predicted_seconds'] / 60:6.1f} min  {run['run_id']}  {run['title']}")
    print(f"{len(plan.runs)} runs to train, {plan.cached} there already (minutes above: of one core)")
    print(f"cohorts to simulate: {', '.join(plan.simulated) or 'none'}")
    print(f"notebooks to execute: {', '.join(plan.notebooks) or 'none'}")
    _print_entries(prepared.left_out)
    print(plan.disk)
    print(f"predicted: {plan.seconds / 60:.1f} minutes on this machine")


def claim(
    stage: Annotated[Literal["A", "B"], typer.Option(help="A: development cohorts. B: fresh ones, once.")] = "B",
    plan: PlanOnly = False,
    seed: Annotated[int | None, typer.Option(help="First seed of the cohorts; the design's by default.")] = None,
    coupling: Annotated[
        str | None, typer.Option(help="How much pictures tell of these cohorts; the design's first by default.")
    ] = None,
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
      sacd claim --coupling weak
      sacd claim --seed 9100 --out reports/claim-again
      sacd claim --cohort data/sleep-accel
    """
    if cohort is not None:
        from sacd.report.claim_benchmark import benchmark

        if plan:
            _print_benchmark_plan(cohort)
        else:
            print(benchmark(cohort, out))
        return
    from sacd.report.claim import Confirmation

    prepared = Confirmation(stage, out, seed, coupling)
    if not plan:
        print(prepared.run())
        return
    table = prepared.plan()
    for row in table.to_dict("records"):
        minutes = "there already" if row["done"] else f"{row['seconds'] / 60:.1f} min"
        print(f"{prepared.coupling}, seed {row['seed']}: {minutes}")
    print(f"method {prepared.digest}; predicted: {table.seconds.sum() / 60:.1f} minutes on this machine")


def _print_benchmark_plan(cohort: Path) -> None:
    from sacd import runs
    from sacd.report.claim_benchmark import plan_benchmark

    table = plan_benchmark(cohort)
    cached = int(table.cached.sum())
    print(f"{len(table) - cached} runs to train, {cached} there already")
    print(f"predicted: {table.predicted_seconds.sum() / runs.workers() / 60:.1f} minutes on this machine")
