"""The one exception meant for people: its text is a single line with the file, the fault and the remedy."""


class SacdError(Exception):
    """Bad input or an impossible request; the command line prints its text and exits with 1."""


class NotApplicable(SacdError):
    """A cohort cannot serve this notebook or row; the text is the reason. A third status beside done and failed."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
