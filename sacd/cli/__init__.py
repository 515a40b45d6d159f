"""The command line: thin commands over the library. Imports stay inside commands, so that help answers at once."""

import typer

from sacd.cli.behaviour import Commands, TakesPairs
from sacd.cli.checks import check
from sacd.cli.cohorts import ingest, region, simulate
from sacd.cli.networks import finetune, pretrain, runs, train
from sacd.cli.prediction import predict
from sacd.cli.reports import claim, report
from sacd.cli.servers import clinic, lab

app = typer.Typer(
    cls=Commands, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    help="Cross-modal distillation from EEG to infrared sleep video: from a cohort to a report.",
)
for command in (
    simulate, ingest, region, check, train, finetune, pretrain, predict, report, claim, runs, lab, clinic,
):
    app.command(cls=TakesPairs)(command)
