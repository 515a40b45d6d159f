"""What a teacher makes of simulated EEG: neither too easy nor hopeless, on people nobody tuned for."""

import pytest

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.experiments.profile import load_profile
from sacd.runs.store import RunStore
from sacd.simulate.simulated_cohort import simulate
from sacd.stages import STAGES


@pytest.mark.slow
def test_the_all_labelled_teacher_stays_in_its_band_and_names_every_stage(tmp_path):
    profile = load_profile("laptop")
    settings = profile.cohort.model_dump() | {"nights": 0, "seed": 2029, "viewing": False, "preview": False}
    cohort = Cohort.open(simulate(tmp_path / "cohort", **settings))
    wanted = experiments.teacher(cohort, profile, "paper", 0, None)
    table = runs.ensure(cohort, [wanted], RunStore(tmp_path / "runs"))
    assert 0.72 <= table.test_accuracy[0] <= 0.85, table.error[0]
    found = runs.predictions(table)
    right = found[found.stage == found.predicted].groupby("stage").size() / found.groupby("stage").size()
    print({STAGES[code]: round(share, 2) for code, share in right.items()})
    assert (right.reindex(range(len(STAGES)), fill_value=0) > 0.02).all()
