"""The one exception meant for people: its text is a single line with the file, the fault and the remedy."""


from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SacdError(Exception):
    """Bad input or an impossible request; the command line prints its text and exits with 1."""


class NotApplicable(SacdError):
    """A cohort cannot serve this notebook or row; the text is the reason. A third status beside done and failed."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def reading(file: Path, remedy: str, fault: str = "cannot be read") -> Iterator[None]:
    """Whatever stops the reading of a file becomes one line: its name, the fault with the parser's words, the remedy.

    Parsers report a broken file by whatever they stumble over, so any exception counts: enclose their calls alone.

    Parameters
    ----------
    file : Path
    remedy : str
        What to do, an imperative: "restore it".
    fault : str
        What is said of a file that does not parse: "not valid JSON".

    Raises
    ------
    SacdError
    """
    if file.is_fifo():
        raise SacdError(f"{file}: is a pipe, which would be waited for; {remedy}")
    try:
        yield
    except SacdError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise SacdError(f"{file}: not found; {remedy}") from None
    except PermissionError:
        raise SacdError(f"{file}: cannot be read (permission denied); correct its permissions") from None
    except Exception as error:
        raise SacdError(f"{file}: {fault} ({getattr(error, 'strerror', '') or first_line(error)}); {remedy}") from None
