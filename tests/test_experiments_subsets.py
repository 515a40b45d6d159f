"""A profile may hold any methods: every chapter has runs or says why not, and its tables and figures can be drawn."""

from pathlib import Path

import pandas as pd
import pytest
from synthetic_predictions import predictions
from tiny import make_cohort, night_profile

from sacd import experiments
from sacd.analysis.comparison import compare_present
from sacd.analysis.misclassification import common_errors
from sacd.analysis.summary import mean_confusion, summarise
from sacd.analysis.verdict import coverage, judge_cohort, summary
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments import night, notes
from sacd.experiments.profile import Profile
from sacd.experiments.verdict import named_runs
from sacd.figures.confusion import confusion_matrices
from sacd.figures.distillation import differences, forest
from sacd.figures.findings import runs_in_words
from sacd.figures.night import by_context
from sacd.figures.tables import comparison_table, plain_table, results_table
from sacd.figures.verdict import claims_forest, evidence_table, verdict_table
from sacd.figures.words import NOTHING, differences_in_words
from sacd.objectives import OBJECTIVES
from sacd.paper.claims import claims
from sacd.runs.kind import RunConfig

OWN = """
from sacd.objectives.base import Objective, labelled_cross_entropy


class Own(Objective):
    title = "Own"
    needs_teacher = False

    def forward(self, pair):
        return {"ce": labelled_cross_entropy(pair.student_logits, pair.label)}
"""
ABOUT = {
    "04_ablation": "sacd", "05_hyperparameters": "sacd", "17_our_method": "night-kd", "18_method_by_hand": "sacd",
}
"""Chapters that are about one method; the night's is about some."""
SUBSETS = {
    "ce": ("ce",), "ce, kd": ("ce", "kd"), "without ce": ("kd", "ccl", "sacd"),
    "without sacd": tuple(name for name in OBJECTIVES if name != "sacd"), "a file": ("own.py:Own",),
    "few-label only": ("pseudo-label",),
}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory) -> dict[str, Cohort]:
    folder = tmp_path_factory.mktemp("cohorts")
    found = {name: make_cohort(folder / name, features=name == "features", clips=8) for name in ("raw", "features")}
    raw = found["raw"]
    real = raw.info.model_copy(update={"simulated": False})
    return found | {"real": Cohort(raw.path, real, raw.participants, raw.recordings)}


def profile_of(methods: tuple[str, ...], folder: Path) -> Profile:
    (folder / "own.py").write_text(OWN)
    whole = tuple(name.replace("own.py", str(folder / "own.py")) for name in methods)
    return night_profile().model_copy(update={"methods": whole})


def told(configs: list[RunConfig]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `runs.ensure` and `runs.predictions` would give of some runs, made up."""
    table = pd.DataFrame([
        {"run_id": f"run-{number}", "path": "", "status": "done", "trial": 0, **config.row()}
        for number, config in enumerate(configs)
    ])
    made = predictions({"x": 0.6}, participants=3, clips=10, seeds=1).drop(columns=["method", "seed"])
    return table, made.merge(table, how="cross")


@pytest.mark.parametrize("kind", ["raw", "features", "real"])
@pytest.mark.parametrize("name", SUBSETS)
def test_every_chapter_has_runs_of_the_methods_named_or_says_why(name, kind, cohorts, tmp_path):
    profile = profile_of(SUBSETS[name], tmp_path)
    for chapter in experiments.CHAPTERS.values():
        try:
            configs = chapter.runs(cohorts[kind], profile)
        except NotApplicable as reason:
            if chapter.name == "16_night_context":
                assert not {*profile.night.methods} & {*profile.methods} and "over the night" in str(reason)
            elif chapter.name in ("09_ahi_spearman", "10_feature_portraits"):
                assert "leaves portraits out" in str(reason)
            elif chapter.name == "13_night_report":
                none = not {"night-kd", *profile.night.methods} & {*profile.methods}
                assert (none and "over the night" in str(reason)) or "parts of nights" in str(reason)
            elif chapter.name == "12_video_eeg_viewer":
                assert len({"ce", "kd", "sacd"} & {*profile.methods}) < 2 and "two methods" in str(reason)
            else:
                assert ABOUT[chapter.name] not in profile.methods and ABOUT[chapter.name] in str(reason).lower()
            continue
        used = {run.distils.name for run in configs if getattr(run, "distils", None)}
        assert used <= {*profile.methods, "ce"}, chapter.name
        assert ABOUT.get(chapter.name, profile.methods[0]) in profile.methods
        if kind == "real":
            assert "oracle" not in used, chapter.name


@pytest.mark.parametrize("name", SUBSETS)
def test_table_two_is_drawn_for_any_methods(name, cohorts, tmp_path):
    cohort, profile = cohorts["raw"], profile_of(SUBSETS[name], tmp_path)
    table, predicted = told(experiments.distillation(cohort, profile))
    predicted = experiments.named(predicted[predicted.kind != "tuned"], cohort, profile)
    found, printed = summarise(predicted, by=["block", "method"]), experiments.printed_rows(profile)
    results_table(found, "a", "b", block="block", published=printed, notes=notes.table_ii(cohort, profile))
    forest(found, "a", facet="block")
    for title, method in (("CE", "ce"), ("KD", "kd")):
        against = compare_present(predicted, title, within=["block"])
        differences(against, "a", facet="block")
        shown, said = comparison_table(against, "a", "b"), differences_in_words(against, "a", ["block", "method"])
        compared = method in profile.methods and set(predicted.method) > {title}
        assert (NOTHING in shown, said == NOTHING, against.empty) == (not compared,) * 3
    plain_table(experiments.choices(table, cohort, profile), "a", "b")
    looked_into = experiments.taken_apart(table, cohort, profile)
    assert len(looked_into) and looked_into.objective.nunique() == 1
    assert ("sacd" in set(looked_into.objective)) == ("sacd" in profile.methods)


@pytest.mark.parametrize("name", SUBSETS)
def test_confusion_and_verdict_are_drawn_for_any_methods(name, cohorts, tmp_path):
    cohort, profile = cohorts["raw"], profile_of(SUBSETS[name], tmp_path)
    _, predicted = told(experiments.confusion(cohort, profile))
    matrices = {method: mean_confusion(part) for method, part in predicted.groupby("method", sort=False)}
    confusion_matrices(matrices, "a", note=runs_in_words(predicted))
    assert all(len(common_errors(matrix)) for matrix in matrices.values())
    named = named_runs(cohort, profile)
    _, predicted = told([one.run for one in named])
    names = {f"run-{number}": (one.system, one.setting) for number, one in enumerate(named)}
    predicted[["system", "setting"]] = predicted.run_id.map(names).tolist()
    judged = [judge_cohort("a", "simulation", predicted, claims())]
    assert coverage(judged[0]).systems.min() > 0
    assert summary(judged, claims())
    verdict_table(judged, claims(), notes.verdict(profile))
    evidence_table(judged, claims())
    claims_forest(judged, claims())


@pytest.mark.parametrize("name", ["ce", "without ce"])
def test_the_night_is_drawn_for_any_methods(name, cohorts, tmp_path):
    cohort, profile = cohorts["features"], profile_of(SUBSETS[name], tmp_path)
    named = night.named_runs(cohort, profile)
    table, predicted = told([run for _, run in named])
    decisions = ["argmax", *night.DECODED, *night.CAUSAL_DECODED]
    every = pd.concat([predicted.assign(decision=decision) for decision in decisions], ignore_index=True)
    shown = night.with_ways(every, table, named)
    results_table(summarise(shown, by=["block", "method", "way"]), "a", "b", ["method", "way"], block="block")
    own = shown[(shown.method == named[0][0].method) & (shown.context == "offline")]
    plain = summarise(own[own.decision == "argmax"], by=["protocol", "length"])
    by_context(plain, summarise(own[own.way == night.SMOOTHED], by=["protocol"]), "a", "CE")
    for context, way in (("offline", night.SMOOTHED), ("causal", "clip + filter")):
        within = ["block", "method"]
        against = compare_present(shown[shown.context == context], way, by="way", within=within)
        assert set(against.method) == set(shown.method)
        assert NOTHING not in comparison_table(against, "a", "b", ["method", "way"], "block")


def test_a_profile_whose_only_method_cannot_be_run_says_so(cohorts, tmp_path):
    profile = profile_of(("oracle",), tmp_path)
    for chapter in (experiments.distillation, experiments.confusion, experiments.embeddings):
        with pytest.raises(NotApplicable, match="none of the methods of profile smoke"):
            chapter(cohorts["real"], profile)
