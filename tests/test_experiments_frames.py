"""Frame sampling: which cohorts and runs it asks for, where it does not apply, and its figure."""

import json

import matplotlib
import pandas as pd
import pytest
from synthetic_predictions import predictions
from tiny import make_cohort as make_tiny

from sacd import runs
from sacd.analysis.summary import summarise
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.frames import SPREAD, frame_companions, frame_sampling, no_other_sampling, sampling_title
from sacd.experiments.profile import load_profile
from sacd.figures.frames import by_frames
from sacd.runs.store import RunStore
from sacd.simulate.beside import ensure
from sacd.simulate.simulated_cohort import simulate

PROFILE = load_profile("smoke")


def with_sampling(**changes):
    return PROFILE.model_copy(update={"frame_sampling": PROFILE.frame_sampling.model_copy(update=changes)})


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "main"
    return Cohort.open(simulate(path, train=2, test=1, nights=0, frames=2, size=16, viewing=False))


@pytest.fixture(scope="module")
def samplings(main):
    """Four frames, spread and consecutive, of the same participants."""
    profile = with_sampling(frames=(4,), rate=8.0, train=2, test=1, steps=2, seeds=1)
    return profile, ensure(companion.place for companion in frame_companions(main, profile))


@pytest.mark.parametrize("name", ["smoke", "evening", "paper"])
def test_every_number_of_frames_is_cut_in_both_ways_of_the_same_nights(main, name):
    profile = load_profile(name)
    planned = [companion.place.open_or_plan().info for companion in frame_companions(main, profile)]
    ways = {(info.sampling.frames, info.sampling.span_s) for info in planned}
    rate = profile.frame_sampling.rate
    assert ways == {(n, span) for n in profile.frame_sampling.frames for span in (30.0, n / rate)}
    assert len(planned) == len(ways) == 2 * len(profile.frame_sampling.frames)
    assert len({info.source_id for info in planned}) == 1


@pytest.mark.parametrize("name", ["evening", "paper"])
def test_eight_to_sixty_four_frames(name):
    assert set(load_profile(name).frame_sampling.frames) >= {8, 16, 32, 64}


def test_samplings_differ_in_their_frames_alone(samplings):
    profile, (spread, consecutive) = samplings
    assert [sampling_title(cohort) for cohort in (spread, consecutive)] == [SPREAD, "consecutive, 8 Hz"]
    assert consecutive.info.sampling.span_s == 0.5
    for recording in spread:
        other = consecutive[recording.recording_id]
        assert recording.hash_of("eeg") == other.hash_of("eeg")
        assert recording.clips.equals(other.clips)
        assert (recording.video != other.video).any()
    assert frame_sampling(spread, profile) == frame_sampling(consecutive, profile)


def test_runs_are_students_without_teacher_that_see_every_label(main):
    wanted = frame_sampling(main, with_sampling(steps=7, seeds=2))
    assert [(run.seed, run.protocol, run.tier, run.training.steps) for run in wanted] == [
        (seed, "paper", "raw", 7) for seed in range(2)
    ]
    assert all(run.dependencies == [] for run in wanted)
    # Without a cut it is Table II's own run.
    (table_two,) = frame_sampling(main, with_sampling(steps=None, seeds=1))
    assert table_two.training == PROFILE.student.training


def test_they_train(samplings, tmp_path):
    profile, cohorts = samplings
    store = RunStore(tmp_path)
    (run,) = frame_sampling(cohorts[1], profile)
    table = runs.ensure(cohorts[1], [run], store)
    assert table.status.tolist() == ["done"], table.error.tolist()
    description = store.open(run, cohorts[1]).description
    assert description["input_shape"] == [4, 16, 16] and description["sampling"]["span_s"] == 0.5
    assert len(runs.predictions(table)) == 120


def relabel_as_real(path):
    info = json.loads((path / "cohort.json").read_text())
    (path / "cohort.json").write_text(json.dumps(info | {"simulated": False, "provenance": {}}))


def test_a_real_cohort_needs_siblings_that_were_cut_both_ways(tmp_path):
    def cut(name, frames, span_s, size):
        path = simulate(tmp_path / name, train=1, test=1, nights=0, frames=frames, size=size, span_s=span_s)
        relabel_as_real(path)
        return Cohort.open(path)

    cohort = cut("a", 4, 30.0, 8)
    assert "ingest them again" in no_other_sampling(cohort)
    cut("b", 6, 30.0, 8)
    cut("c", 4, 0.4, 12)
    assert no_other_sampling(cohort), "other frames or another size do not make a pair"
    cut("d", 4, 0.4, 8)
    assert no_other_sampling(cohort) is None
    found = frame_companions(cohort, PROFILE)
    assert [companion.place.path.name for companion in found] == ["a", "b", "d"]
    assert all(companion.place.settings is None for companion in found)


def test_a_profile_may_leave_frame_sampling_out(main):
    for ask in (frame_companions, frame_sampling):
        with pytest.raises(NotApplicable, match="profile laptop leaves frame sampling out; evening has it"):
            ask(main, load_profile("laptop"))


def test_features_have_no_frames(tmp_path):
    assert "features" in no_other_sampling(make_tiny(tmp_path / "features", features=True, train=2, test=1))


def test_a_simulated_cohort_of_unknown_origin_has_no_samplings(tmp_path):
    with pytest.raises(NotApplicable, match="not made by"):
        frame_companions(make_tiny(tmp_path / "tiny", train=2, test=1), PROFILE)


@pytest.mark.parametrize("label", ["main $x$ (simulated)", "clinic"])
def test_the_figure_draws_what_it_is_given(label):
    rows = [
        predictions({"CE": right}, participants=4).assign(sampling=sampling, frames=frames)
        for sampling, frames, right in ((SPREAD, 8, 0.3), (SPREAD, 16, 0.6), ("consecutive, 10 Hz", 16, 0.4))
    ]
    summary = summarise(pd.concat(rows), by=["sampling", "frames"])
    cost = summary[["sampling", "frames"]].drop_duplicates().assign(clips_per_second=[30.0, 20.0, 21.0])
    figure = by_frames(summary, cost, label, floor=0.2)
    accuracy, _, speed = figure.axes
    lines = {line.get_label(): line for line in accuracy.lines}
    drawn = summary[(summary.metric == "accuracy") & (summary.sampling == SPREAD)]["mean"]
    assert lines[SPREAD].get_ydata().tolist() == drawn.tolist()
    assert [text.get_text() for text in accuracy.get_xticklabels()] == ["8", "16"]
    assert speed.lines[1].get_ydata().tolist() == [21.0]
    assert label in [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
