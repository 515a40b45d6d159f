"""A whole simulated night in the viewer, with two models, as one would look at it; light and dark."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import picture_of
from playwright.sync_api import Page

from sacd.cohort import Cohort, Recording
from sacd.cohort.remarks import Remarks
from sacd.simulate.simulated_cohort import simulate
from sacd.stages import STAGES
from sacd.widgets.viewing import Viewing, listed, named_runs

pytestmark = pytest.mark.slow
CLIP = 400


def made_up(night: Recording, method: str, noise: float) -> pd.DataFrame:
    """What a model could say that sees the latent night through noise."""
    rng = np.random.default_rng(len(method))
    seen = np.log(night.clips[[f"posterior_{stage}" for stage in STAGES]].to_numpy() + 0.01)
    odds = np.exp(seen + noise * rng.standard_normal(seen.shape))
    chances = pd.DataFrame(odds / odds.sum(1, keepdims=True), columns=[f"p_{stage}" for stage in STAGES])
    who = {"recording_id": night.recording_id, "participant_id": night.participant_id, "method": method}
    return night.clips[["clip", "stage"]].assign(predicted=odds.argmax(1), **who).join(chances)


def test_a_night_light_and_dark(live: Callable[[Viewing], Page], tmp_path: Path) -> None:
    cohort = Cohort.open(simulate(tmp_path / "cohort", train=0, test=1, nights=1, frames=32, size=32))
    (night,) = cohort
    said = named_runs(pd.concat([made_up(night, "CE", 1.3), made_up(night, "SACD", 0.7)]))
    page = live(Viewing(cohort, listed(cohort, None, said), said, Remarks(cohort.path), None, "AB"))
    show = "([recording, clip]) => heard.forEach((f) => f({ kind: 'show', recording, clip }, []))"
    page.evaluate(show, [night.recording_id, CLIP])
    page.wait_for_selector(f".sacd-viewer[data-clip='{CLIP}']")
    assert page.locator(".tag").first.inner_text() == "simulated"
    ours = said[said["run"] == "SACD"].set_index("clip")
    wrong = ours.index[(ours["predicted"] != ours["stage"]) & (ours["stage"] >= 0)]
    page.locator(".sacd-viewer").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector(f".sacd-viewer[data-clip='{wrong[wrong > CLIP][0]}']")
    # In the lane of errors, above the times and the colours of events, the next one to the pointer is meant.
    box = page.locator(".night").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 43)
    page.wait_for_function(f"{wrong.tolist()}.includes(Number(document.querySelector('.sacd-viewer').dataset.clip))")
    paper = "getComputedStyle(document.querySelector('.sacd-viewer')).backgroundColor"
    light = page.evaluate(paper)
    picture_of(page, "viewer-light", ".sacd-viewer")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{paper} !== '{light}'")
    picture_of(page, "viewer-dark", ".sacd-viewer")
