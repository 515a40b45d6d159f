"""The clinic's page: who is chosen, what is then seen, and that no name becomes markup."""

from html import unescape

import pytest

from sacd.clinic.page import CHOOSE, Seen, page
from sacd.exceptions import SacdError

EVIL = "<img src=x onerror=alert(1)>"


class StandIn:
    label = "tiny (simulated)"
    people = {"P001": ["P001-night1"], "P002": ["P002-night1", EVIL], "P003": ["P003-night1"]}

    def seen(self, recording_id):
        if recording_id == "P003-night1":
            raise SacdError(f"{EVIL}: cut off; ingest it again")
        return Seen(f"<h1>Night {recording_id}</h1>", b"%PDF", b"\x89PNG", f"AHI 15 or more: {EVIL}")


@pytest.fixture
def shown():
    heading, choice, below = page(StandIn()).children
    return heading, *choice.children, below


def test_nothing_is_seen_before_somebody_is_chosen(shown):
    heading, participant, night, below = shown
    assert participant.options == (CHOOSE, "P001", "P002", "P003") and below.value == ""
    assert "simulated" in heading.value and "Research use only" in heading.value


def test_the_night_of_who_is_chosen_is_seen(shown):
    _, participant, night, below = shown
    participant.value = "P001"
    assert night.layout.display == "none", "there is one night"
    assert "<h1>Night P001-night1</h1>" in unescape(below.value)
    assert 'download="night-report-P001-night1.pdf"' in below.value and "image/png;base64" in below.value
    participant.value = "P002"
    assert night.layout.display == "" and "P002-night1" in below.value
    participant.value = CHOOSE
    assert below.value == ""


def test_no_name_becomes_markup(shown):
    _, participant, night, below = shown
    participant.value = "P002"
    night.value = EVIL
    assert "&lt;img src=x" in below.value and EVIL not in below.value
    assert "<iframe sandbox=" in below.value and "allow-scripts" not in below.value


def test_a_night_that_cannot_be_read_is_a_line(shown):
    _, participant, _, below = shown
    participant.value = "P003"
    assert "cut off; ingest it again" in below.value and "<iframe" not in below.value and EVIL not in below.value
