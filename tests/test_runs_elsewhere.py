"""A student says the same of a person's pictures and of the same night simulated straight to its trunk's features."""

import numpy as np
import pytest

from sacd.cohort import Cohort
from sacd.experiments.common import student
from sacd.experiments.profile import load_profile
from sacd.runs.elsewhere import said_elsewhere
from sacd.runs.execute import execute
from sacd.runs.store import RunStore
from sacd.simulate import night
from sacd.simulate.simulated_cohort import simulate

CLIPS = 130
SETTINGS = {"coupling": "medium", "seed": 0, "frames": 16, "size": 16}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cohort of pictures whose first test night is whole, and that night as features."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "night_length", lambda participant: CLIPS)
        home = simulate(folder / "home", train=3, test=1, nights=1, viewing=False, **SETTINGS)
        away = simulate(
            folder / "away", train=0, test=2, encoder="r2plus1d_10-motion", camera_only=True, **SETTINGS
        )
    home, away, store = Cohort.open(home), Cohort.open(away), RunStore(folder / "runs")
    run = student(home, load_profile("smoke"), "ce", "paper", 0, None, raw=False)
    for needed in (*run.dependencies, run):
        execute(needed, home, store)
    return run, home, away, store


def test_the_same_night_is_read_the_same(made):
    run, home, away, store = made
    (own, clips), (theirs, others) = (said_elsewhere(run, home, where, ["T0001"], store) for where in (home, away))
    assert own.shape == theirs.shape == (CLIPS, 512)
    np.testing.assert_allclose(own, theirs, atol=0.02 * np.abs(own).max())
    assert (clips["predicted"] == others["predicted"]).mean() > 0.97
    assert clips["stage"].equals(others["stage"]) and (others["stage"] >= 0).all()


def test_it_is_computed_once_and_kept_with_the_run(made, monkeypatch):
    run, home, away, store = made
    first, clips = said_elsewhere(run, home, away, ["T0002", "T0001"], store)
    assert list(clips["participant_id"].unique()) == ["T0001", "T0002"], "the cohort's order"
    monkeypatch.setattr("sacd.runs.outputs.load_network", None)
    again, _ = said_elsewhere(run, home, away, ["T0001", "T0002"], store)
    np.testing.assert_array_equal(first, again)
    assert not [name for name in (store.root).iterdir() if away.path.name in name.name]
