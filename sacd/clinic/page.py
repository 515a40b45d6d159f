"""The clinic's page: a participant is chosen, the night's report and the person's portrait are seen."""

import base64
import os
from dataclasses import dataclass
from html import escape
from typing import Protocol

import ipywidgets as widgets

from sacd.exceptions import SacdError

ENVIRONMENT = ("SACD_CLINIC_COHORT", "SACD_CLINIC_RUN")
"""Of the page's kernel: the cohort's folder, and the trained model's id or folder."""
CHOOSE = "choose …"
FRAME = (
    'sandbox="allow-same-origin" onload="this.style.height ='
    ' this.contentDocument.documentElement.scrollHeight + 8 + &quot;px&quot;"'
)
"""Scripts do not run in it, whatever a file's name or a remark holds; it is as high as what it shows."""
LEGEND = (
    "Each dot is 30 seconds of sleep, N2 (light) on the left and N3 (deep) on the right as the model stages them. Dots"
    " that lie near each other look alike to the model; directions have no meaning. Grey: people to compare with; in"
    " colour: this person, a few dozen dots drawn from the night. A danger zone, where one is outlined, is where people"
    " with an AHI of 15 or more prevail. The map is for looking: what is said above does not come from it."
)
STYLE = """\
<style>
.clinic { font: 16px/1.5 system-ui, sans-serif; color: #1b2a33; }
.clinic h1 { font-size: 1.5rem; margin: .5rem 0; }
.clinic .banner { background: #fff3d6; border-left: 5px solid #e69f00; padding: .5rem 1rem; margin: .5rem 0; }
.clinic iframe { width: 100%; height: 60rem; border: 1px solid #d9e0e5; background: #fff; }
.clinic img { max-width: min(100%, 52rem); border: 1px solid #d9e0e5; }
.clinic a { color: #0063a0; }
</style>
"""


@dataclass(frozen=True)
class Seen:
    """What is shown of a night.

    Attributes
    ----------
    report : str
        HTML of the night report, a page of its own.
    paper : bytes
        The same as PDF.
    portrait : bytes or None
        PNG; None where there is no reference of people to place somebody among.
    words : str
        What the portrait says, or why there is none.
    """

    report: str
    paper: bytes
    portrait: bytes | None
    words: str


class Nights(Protocol):
    """Whose nights can be chosen, and what is seen of one."""

    label: str
    people: dict[str, list[str]]
    """Participant → ids of the recordings."""

    def seen(self, recording_id: str) -> Seen:
        """The night report and the portrait; `SacdError` where the night cannot be read."""
        ...


def open_page() -> widgets.VBox:
    """The page of what the server was asked for; a line where it does not fit together."""
    from sacd.clinic.nights import NightsOfRun

    try:
        return page(NightsOfRun(*(os.environ[name] for name in ENVIRONMENT)))
    except SacdError as error:
        return widgets.VBox([widgets.HTML(_line(error))])


def page(nights: Nights) -> widgets.VBox:
    """The page as a widget: `participant` and `night` to choose, and below what is seen of the night."""
    participant = widgets.Dropdown(options=[CHOOSE, *nights.people], description="Participant")
    night = widgets.Dropdown(description="Night")
    below = widgets.HTML()

    def offer(change: dict) -> None:
        own = nights.people.get(change["new"], [])
        night.options = own
        night.value = own[0] if own else None
        night.layout.display = "" if len(own) > 1 else "none"
        if not own:
            below.value = ""

    def show(change: dict) -> None:
        if change["new"] is None:
            return
        below.value = _framed(f"<p>The night {escape(change['new'])} is being read …</p>")
        try:
            below.value = _framed(_body(change["new"], nights.seen(change["new"])))
        except SacdError as error:
            below.value = _line(error)

    night.layout.display = "none"
    participant.observe(offer, "value")
    night.observe(show, "value")
    return widgets.VBox([widgets.HTML(_framed(_head(nights.label))), widgets.HBox([participant, night]), below])


def _framed(html: str) -> str:
    return f'{STYLE}<div class="clinic">{html}</div>'


def _line(error: SacdError) -> str:
    told = f"This cannot be shown. For whoever set the page up: {escape(str(error))}"
    return _framed(f'<p class="banner" role="alert">{told}</p>')


def _head(label: str) -> str:
    banner = ""
    if "simulated" in label.lower():
        told = f"These people are <b>simulated</b>, by a computer: {escape(label)}. Nothing here is about a patient."
        banner = f'<p class="banner">{told}</p>'
    use = (
        "Research use only: nothing on this page serves a diagnosis or a decision about treatment. Choose a"
        " participant; the night's report and the person's portrait appear below."
    )
    return f"<h1>Sleep from infrared video</h1>{banner}<p>{use}</p>"


def _body(name: str, seen: Seen) -> str:
    paper = base64.b64encode(seen.paper).decode()
    file = f"night-report-{name}.pdf"
    portrait = ""
    if seen.portrait is not None:
        picture = base64.b64encode(seen.portrait).decode()
        portrait = f'<p>{LEGEND}</p><img alt="Portrait" src="data:image/png;base64,{picture}">'
    return (
        f'<p><a download="{escape(file)}" href="data:application/pdf;base64,{paper}">Save the report as PDF</a></p>'
        f'<iframe {FRAME} title="Night report of {escape(name)}" srcdoc="{escape(seen.report)}"></iframe>'
        f"<h2>Portrait: this person's sleep among that of others</h2><p>{escape(seen.words)}</p>{portrait}"
    )
