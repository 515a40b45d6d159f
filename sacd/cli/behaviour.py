"""How commands answer people: errors of one line, options that come as a name and a value."""

import errno
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from sacd.exceptions import SacdError

_NOT_LET = dict.fromkeys((errno.EACCES, errno.EPERM), "correct its permissions") | {
    errno.EROFS: "name a folder that can be written", errno.ENOSPC: "free space", errno.EDQUOT: "free space",
    errno.EIO: "see whether its disk or network is sound",
}
"""What the machine does not let a command do, and the remedy; other errors of the system are ours."""


class Commands(TyperGroup):
    """Errors meant for people are one line; a traceback is for bugs."""

    def invoke(self, ctx: typer.Context) -> Any:
        """Exit status 1 after an error, 130 after an interruption."""
        # Names of files may hold bytes that are no text, and a terminal may lack a sign: what was done is told anyhow.
        sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except SacdError as error:
            print(f"sacd: {' '.join(str(error).split())}", file=sys.stderr)
            ctx.exit(1)
        except OSError as error:
            if error.errno not in _NOT_LET:
                raise
            what = f"{error.filename}: " if error.filename is not None else ""
            print(f"sacd: {what}{error.strerror}; {_NOT_LET[error.errno]}", file=sys.stderr)
            ctx.exit(1)
        except KeyboardInterrupt:
            print("sacd: interrupted; repeat the command to complete it", file=sys.stderr)
            ctx.exit(130)


class TakesPairs(TyperCommand):
    """Reads ``-p NAME VALUE`` as ``-p NAME=VALUE``: typer has no list of pairs."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """Join what follows a flag of `pairs`."""
        flags = {flag for option in self.params if option.name == "pairs" for flag in option.opts}
        joined: list[str] = []
        for arg in args:
            if len(joined) > 1 and joined[-2] in flags and "=" not in joined[-1]:
                joined[-1] += f"={arg}"
            else:
                joined.append(arg)
        return super().parse_args(ctx, joined)
