"""The night's rows: what each sees and is taught, what they share, where nights lie, and what their ways are called."""

from pathlib import Path

import pandas as pd
import pytest
from tiny import make_cohort, night_profile

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments import night, our_method
from sacd.experiments.night import Row, named_runs, night_place, rows
from sacd.experiments.profile import load_profile
from sacd.runs.execute import execute
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.simulate.planned import plan_cohort
from sacd.training.config import ModelConfig


@pytest.fixture(scope="module")
def main() -> Cohort:
    """A planned simulated cohort: nothing of it is on disk."""
    return plan_cohort(Path("nowhere") / "main", load_profile("smoke").cohort.model_dump())


@pytest.fixture(scope="module")
def nights(main: Cohort) -> Cohort:
    """The whole nights beside it, planned."""
    return night_place(main, night_profile()).open_or_plan()


def test_rows_cross_methods_with_clip_and_longest_context(nights: Cohort) -> None:
    profile = night_profile(lengths=(1, 4, 0), networks=("tcn",), methods=("ce", "kd", "sacd"))
    found = rows(nights, profile)
    plain = [row for row in found if row.taught == "as-is" and row.view is None and not row.causal]
    assert {(row.objective, row.network, row.length) for row in plain} == {
        ("ce", "gru", 1), ("ce", "gru", 4), ("ce", "gru", 0), ("ce", "tcn", 0),
        ("kd", "gru", 1), ("kd", "gru", 0), ("kd", "tcn", 0),
        ("sacd", "gru", 1), ("sacd", "gru", 0), ("sacd", "tcn", 0),
    }
    assert [(row.objective, row.length) for row in found if row.taught == "smoothed"] == [("kd", 1), ("kd", 0)]
    assert {(row.objective, row.length) for row in found if row.causal} == {("ce", 0), ("kd", 0)}
    assert [(row.view, row.length) for row in found if row.view] == [("movement", 1), ("movement", 0), ("clock", 1)]
    assert len(set(found)) == len(found)


def test_rows_of_columns_that_a_cohort_lacks_are_left_out(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "c", features=True, train=4, test=2, clips=8)
    views = [row.view for row in rows(cohort, night_profile())]
    assert views.count(None) > 1 and set(views) == {None, "clock"}


def test_a_profile_without_one_of_the_nights_methods_does_not_apply(nights: Cohort) -> None:
    with pytest.raises(NotApplicable, match="profile smoke compares no method over the night"):
        rows(nights, night_profile(methods=("sacd",)).model_copy(update={"methods": ("ce", "kd")}))


def test_a_row_says_how_it_stages_a_night() -> None:
    ways = [Row("x", length=1, network="tcn"), Row("x", length=20), Row("x", length=0, network="tcn", causal=True)]
    assert [row.way for row in ways] == ["clip", "GRU, 20 clips", "TCN, the night, causal"]


@pytest.mark.parametrize("name", ["tiny", "laptop", "evening"])
def test_every_length_shares_all_but_its_length(nights: Cohort, name: str) -> None:
    profile = night_profile(lengths=(1, 4, 0)) if name == "tiny" else load_profile(name)
    seen: dict[tuple, list[StudentRun]] = {}
    for row, run in named_runs(nights, profile):
        seen.setdefault((row.method, row.network, row.causal, run.protocol, run.seed), []).append(run)
    several = [group for group in seen.values() if len(group) > 1]
    assert {len(group) for group in several} >= {2, len(profile.night.lengths)}
    for group in several:
        assert len({run.model_dump_json() for run in group}) == len(group)
        alone = [ModelConfig(name=run.model.name, options=run.model.options | {"length": 1}) for run in group]
        same = [run.model_copy(update={"model": model}) for run, model in zip(group, alone, strict=True)]
        assert len({run.model_dump_json() for run in same}) == 1


def test_a_run_is_what_its_row_says(nights: Cohort) -> None:
    for row, run in named_runs(nights, night_profile(networks=("tcn",))):
        assert (run.objective.name, run.taught) == (row.objective, row.taught)
        options = {"hidden": 16, "length": row.length, "causal": row.causal}
        assert run.model == ModelConfig(name=row.network, options=options)
        assert run.view == (row.view or "trunk") and run.trunk is None
        assert run.training.stretch == 8
        assert (run.teacher is None) == (row.objective == "ce")
        assert run.teacher is None or run.teacher.model.name == "sen"


def test_with_all_labels_stands_only_what_the_profile_names(nights: Cohort) -> None:
    found = named_runs(nights, night_profile(networks=("tcn",), all_labels=("kd",)))
    whole = [row for row, run in found if run.protocol == "paper"]
    assert whole == [Row("KD", "kd", 1), Row("KD", "kd", 4)]
    few = [row for row, run in found if run.protocol == "few-label"]
    assert few == rows(nights, night_profile(networks=("tcn",)))
    assert len({run.model_dump_json() for _, run in found}) == len(found)


def test_nights_lie_beside_a_simulated_cohort_and_in_any_other(main: Cohort, tmp_path: Path) -> None:
    profile, chapter = night_profile(train=5, test=3), experiments.CHAPTERS["16_night_context"]
    assert chapter.runs(main, profile) == []
    [companion] = chapter.companions(main, profile)
    beside = companion.place.open_or_plan()
    assert beside.path.name == "main-nights" and beside.info.video == "features" and beside.info.eeg == "raw"
    assert beside.participants["split"].value_counts().to_dict() == {"train": 5, "test": 3}
    assert companion.runs(beside) == [run for _, run in named_runs(beside, profile)]
    own = make_cohort(tmp_path / "c", features=True, train=4, test=2, clips=8)
    assert night_place(own, profile).path == own.path and chapter.companions(own, profile) == []
    assert chapter.runs(own, profile) == [run for _, run in named_runs(own, profile)]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What notebook 16 shows of CE: a clip, four of them both ways, four of them causal."""
    cohort = make_cohort(tmp_path_factory.mktemp("night") / "c", features=True, train=6, test=2, clips=16)
    profile = night_profile(methods=("ce",), all_labels=("ce",))
    named = [(row, run) for row, run in named_runs(cohort, profile) if row.view is None]
    store = RunStore.beside(cohort)
    for _, run in named:
        execute(run, cohort, store)
    table = runs.ensure(cohort, [run for _, run in named], store)
    found = night.staged(table, named)
    decisions = ["argmax", "corrected", *night.DECODED, *night.CAUSAL_DECODED]
    # The same from all predictions at once, of which the rows that a decision is not asked of are left out.
    every = night.with_ways(runs.predictions(table, decision=decisions), table, named)
    asked = {run_id: night.decisions_of(row) for run_id, (row, _) in zip(table["run_id"], named, strict=True)}
    every = every[[one in asked[run_id] for run_id, one in zip(every["run_id"], every["decision"], strict=True)]]
    same = {name: every[name].astype(found[name].dtype) for name in found}
    pd.testing.assert_frame_equal(found.reset_index(drop=True), pd.DataFrame(same).reset_index(drop=True))
    assert found.memory_usage(deep=True).sum() < 120 * len(found) + 10_000
    return found[found.decision != "corrected"].astype(
        dict.fromkeys(["protocol", "context", "way", "block", "method"], str)
    )


def test_single_clips_stand_in_both_contexts_and_nothing_else_does(staged: pd.DataFrame) -> None:
    contexts = staged[staged.protocol == "few-label"].groupby("way")["context"].unique().map(set).to_dict()
    decoded = {f"clip + {name}" for name in night.DECODED.values()} | {"GRU, 4 clips"}
    decoded |= {"GRU, 4 clips + forward–backward"}
    online = [name for name in contexts if name.startswith("GRU, 4 clips, causal")]
    online += [f"clip + {name}" for name in night.CAUSAL_DECODED.values()]
    expected = {"clip": {"offline", "causal"}} | dict.fromkeys(decoded, {"offline"}) | dict.fromkeys(online, {"causal"})
    assert contexts == expected and len(online) == 2 + 2
    assert set(staged[staged.protocol == "paper"]["way"]) == {way for way in contexts if "causal" not in way}


def test_every_prediction_stands_once_in_a_block(staged: pd.DataFrame) -> None:
    keys = ["block", "method", "way", "seed", "recording_id", "clip"]
    assert not staged.duplicated(keys).any()
    assert staged.groupby(keys[:4]).size().unique().tolist() == [32]
    both = staged[staged.way == "clip"]
    offline, causal = (both[both.context == name].drop(columns=["context", "block"]) for name in ("offline", "causal"))
    pd.testing.assert_frame_equal(offline.reset_index(drop=True), causal.reset_index(drop=True))
    assert (staged["block"] == staged["protocol"] + " · " + staged["context"]).all()
    assert set(zip(staged["way"].str.startswith("clip"), staged["length"], strict=True)) == {(True, 1), (False, 4)}


def test_what_belongs_together_stands_together(staged: pd.DataFrame) -> None:
    groups = staged[["block", "method", "way"]]
    starts = (groups != groups.shift()).any(axis=1).sum()
    assert starts == len(groups.drop_duplicates())
    assert staged["block"].iloc[0] == "few-label · offline" and staged["way"].iloc[0] == "clip"


def test_recordings_too_short_for_a_stretch_of_a_night_do_not_apply(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "c", features=True, train=4, test=2, clips=8)
    long = load_profile("smoke")
    assert long.night.student.training.stretch > 8
    for chapter in (named_runs, our_method.named_runs):
        with pytest.raises(NotApplicable, match=r"no recording has 24 clips \(12 min\)"):
            chapter(cohort, long)
        assert chapter(cohort, night_profile())
