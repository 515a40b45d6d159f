"""A night to choose, and its report below."""

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets

from sacd.analysis.night_report import NightReport
from sacd.exceptions import SacdError
from sacd.figures.night_html import fragment


def choose_night(names: Sequence[str], report_of: Callable[[str], NightReport]) -> ipywidgets.VBox:
    """A list of nights and the report of the chosen one; the first stands there from the start.

    Parameters
    ----------
    names : sequence of str
        Ids of recordings.
    report_of : callable
        ``report_of(recording_id)``; a `SacdError` is shown in the report's place.
    """
    night = ipywidgets.Dropdown(options=list(names), description="Night")
    below = ipywidgets.HTML()

    def show(chosen: str) -> None:
        try:
            below.value = str(fragment(report_of(chosen)))
        except SacdError as error:
            below.value = f"<p>{escape(str(error))}</p>"

    night.observe(lambda change: show(change["new"]), "value")
    show(night.value)
    return ipywidgets.VBox([night, below])
