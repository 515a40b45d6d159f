"""Notebook 13: whose nights are reported, by which run, and how far reports of them can be trusted.

The run is one that notebooks 16 and 17 have: our method where the profile has it, few labels, the longest context.
Its test nights calibrate one another, and with them those of the further people of notebooks 09 and 10, if any.
"""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from sacd.analysis.conformal import coverage, leave_one_out, no_information
from sacd.analysis.review import review_check
from sacd.analysis.sleep_statistics import SHORTEST_H, lights_of, paired_statistics
from sacd.cohort import Cohort
from sacd.decisions import ARGMAX
from sacd.exceptions import NotApplicable
from sacd.experiments.calibration_nights import Calibration, calibration_on, keep_calibration, own_calibration
from sacd.experiments.common import OURS, folds, is_features
from sacd.experiments.companions import Companion
from sacd.experiments.distillation import methods
from sacd.experiments.night import Row, on_nights_beside, on_own_nights, run_of
from sacd.experiments.portraits import has_people_beside, portrait_place
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective
from sacd.runs.kinds.student import StudentRun
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import RunStore
from sacd.simulate.beside import Place, ensure
from sacd.stages import AHI_GROUPS, CLIP_SECONDS, ahi_group


def named_runs(cohort: Cohort, profile: Profile) -> list[tuple[Row, StudentRun]]:
    """The one run, on a cohort of nights (`sacd.experiments.night.night_place`).

    Raises
    ------
    NotApplicable
        The cohort has no night that is long enough; the profile compares no method over the night.
    """
    if cohort.recordings["clips"].max() * CLIP_SECONDS / 3600 < SHORTEST_H:
        raise NotApplicable(f"no recording is {SHORTEST_H:g} h long: it holds parts of nights")
    known = methods(cohort, profile, "few-label")
    name = next((name for name in (OURS, *profile.night.methods) if name in known), None)
    if name is None:
        raise NotApplicable(f"profile {profile.name} compares no method over the night")
    row = Row(load_objective(name).title, name, profile.night.longest)
    return [(row, run_of(row, cohort, profile, "few-label", 0, folds(cohort, profile)[0]))]


report_runs = partial(on_own_nights, named_runs)


def further_places(cohort: Cohort, profile: Profile) -> list[Place]:
    """Where further people lie beside a cohort: those like its own, and those whose video shows less; or nowhere."""
    if profile.portraits is None or not has_people_beside(cohort):
        return []
    return [portrait_place(cohort, profile, weak) for weak in (False, True)]


def report_companions(cohort: Cohort, profile: Profile) -> list[Companion]:
    """The whole nights beside a simulated cohort with the run, and the further people, on whom nothing is trained."""
    further = [Companion(place, lambda there: []) for place in further_places(cohort, profile)]
    return [*on_nights_beside(named_runs, cohort, profile), *further]


def reporting_student(nights: Cohort, profile: Profile) -> TrainedStudent:
    """The trained run, ready to stage nights."""
    [(_, config)] = named_runs(nights, profile)
    return TrainedStudent(RunStore.beside(nights).open(config, nights))


def further_people(cohort: Cohort, profile: Profile) -> list[Cohort]:
    """The cohorts of `further_places`, simulated where they are absent."""
    return ensure(further_places(cohort, profile))


def filmed_nights(cohort: Cohort) -> list[str]:
    """Recordings whose whole night a cohort holds as pictures, which a viewer can show."""
    long = cohort.recordings["clips"] * CLIP_SECONDS / 3600 >= SHORTEST_H
    return [] if is_features(cohort) else cohort.recordings["recording_id"][long].tolist()


def calibration(student: TrainedStudent, nights: Cohort, further: Sequence[Cohort] = ()) -> Calibration:
    """The student's test nights as it usually decides, and those of the first of the further cohorts.

    These are kept with its run, for whoever stages a night of his own by it.

    Raises
    ------
    NotApplicable
        None of them is whole.
    """
    for cohort in further[:1]:
        tables = [student.staged(recording, ARGMAX) for recording in cohort]
        keep_calibration(student.run, cohort, pd.concat(tables, ignore_index=True))
    own = own_calibration(student.run, student.usual_decision, nights)
    if not own.nights:
        raise NotApplicable("no test night is whole and scored: there is nothing to report")
    return own


def trust(known: Calibration, student: TrainedStudent, nights: Cohort) -> pd.DataFrame:
    """Coverage of the ranges of the calibration nights, each from all others, beside ranges without any recording.

    Returns
    -------
    DataFrame
        As `sacd.analysis.conformal.coverage`, with `blind`: the width of the range of the training nights' scored
        values; without a row below 20 nights.
    """
    found = coverage(leave_one_out(known.pairs))
    training = _scored(nights, student)
    widths = {}
    for name, part in training.groupby("statistic", sort=False):
        low, high = no_information(part["scored"].to_numpy())
        widths[name] = high - low
    return found.assign(blind=found["statistic"].map(widths))


def trust_by_group(
    known: Calibration, student: TrainedStudent, nights: Cohort, further: Sequence[Cohort] = ()
) -> pd.DataFrame:
    """The same coverage by AHI group, and of people whose video shows less; all statistics together.

    They are not exchangeable with all calibration nights, so nothing is promised.
    """
    ranges = leave_one_out(known.pairs)
    ahi = pd.concat([cohort.participants["ahi"] for cohort in (nights, *further[:1])])
    groups = pd.Series(ahi_group(ahi.to_numpy()), index=ahi.index)
    ranges["group"] = ranges["participant_id"].map(groups)
    found = coverage(ranges[ranges["group"] >= 0].sort_values("group"), ["group"])
    found = found.assign(group=[f"AHI {AHI_GROUPS[code]}" for code in found["group"]])
    for weak in further[1:2]:
        fresh = calibration_on(student, weak, student.usual_decision).pairs
        ranges = leave_one_out(known.pairs, fresh).assign(group="video shows less")
        found = pd.concat([found, coverage(ranges, ["group"])], ignore_index=True)
    return found


def review_trust(known: Calibration) -> pd.DataFrame:
    """Expected and obtained agreement of the calibration nights after reviews, each by all others."""
    return review_check(known.predictions, known.predictions)


def typical_night(known: Calibration, nights: Cohort, filmed: Sequence[str] = ()) -> str:
    """The test night whose agreement with the scoring is the median one, among filmed ones if there are any."""
    right = known.predictions["stage"] == known.predictions["predicted"]
    agreement = right.groupby(known.predictions["recording_id"]).mean().sort_values()
    agreement = agreement[agreement.index.isin(nights.recordings["recording_id"])]
    chosen = agreement[agreement.index.isin(filmed)]
    chosen = chosen if len(chosen) else agreement
    return str(chosen.index[len(chosen) // 2])


def _scored(nights: Cohort, student: TrainedStudent) -> pd.DataFrame:
    """Scored statistics of the participants whose labels the run has seen."""
    split = student.config.split(nights)
    tables, lights = [], {}
    for recording in nights.of(split.labelled + split.unlabelled + split.validation):
        table = recording.clips[["clip", "stage"]].assign(
            recording_id=recording.recording_id, participant_id=recording.participant_id,
            predicted=recording.clips["stage"],
        )
        tables.append(table)
        lights[recording.recording_id] = lights_of(recording)
    return paired_statistics(pd.concat(tables), lights)
