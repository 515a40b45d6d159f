"""What several commands ask for, and how it is read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sacd.exceptions import SacdError

CohortFolder = Annotated[Path, typer.Argument(metavar="COHORT", help="A cohort's folder.")]
ProfileName = Annotated[str, typer.Option(help="smoke, laptop, evening, paper, or a YAML file.")]
Fold = Annotated[str | None, typer.Option(metavar="I/K", help="Leave fold I of K, I from 0, to testing.")]
Flagged = Annotated[bool, typer.Option("--flagged", help="Also use clips that a quality flag marks.")]
Span = Annotated[float, typer.Option(min=0.1, max=30, help="Seconds of a clip that its frames spread over.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Only say what would be done, and the minutes.")]


def values_of(pairs: list[str] | None) -> dict[str, Any]:
    """Names and values of ``NAME=VALUE``, each value read as YAML.

    Raises
    ------
    SacdError
        A name without a value, or a value that is none.
    """
    import yaml

    values = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SacdError(f"{name!r} has no value; write the name and the value")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SacdError(f"{name} {value!r} is no value; write a number, a word or a list like [1, 2]") from None
    return values


def fold_of(text: str | None) -> tuple[int, int] | None:
    """(i, k) of ``I/K``.

    Raises
    ------
    SacdError
        It is written otherwise.
    """
    if text is None:
        return None
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise SacdError(f"fold {text!r} is not I/K; write 0/4 for the first of four")
    return int(index), int(count)
