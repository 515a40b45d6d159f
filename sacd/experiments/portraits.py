"""People whom a student has not seen, their features beside their AHI: notebooks 09 and 10.

The student is Table II's: SACD where the profile has it, all labels, frozen tier. On a simulated cohort the people are
further test participants, whole nights simulated straight to the features of the student's trunk, with motion and
without EEG; on any other cohort they are the student's own test participants. Two thirds of them are the *reference*,
on which everything is fitted and chosen; the others are *new*.
"""

import pandas as pd

from sacd.analysis.ahi import adults, enough
from sacd.analysis.people import People
from sacd.analysis.video_markers import kept_markers, recording_markers
from sacd.cohort import Cohort
from sacd.cohort.extras import MOTION
from sacd.exceptions import NotApplicable
from sacd.experiments.calibration_nights import keep_calibration
from sacd.experiments.common import folds, is_features, student
from sacd.experiments.companions import Companion
from sacd.experiments.distillation import methods
from sacd.experiments.profile import Portraits, Profile
from sacd.runs.elsewhere import said_elsewhere
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.simulate.beside import Place, ensure, make_whole, place_beside
from sacd.simulate.planned import settings_of
from sacd.simulate.provenance import is_ours


def settings(profile: Profile) -> Portraits:
    """The profile's part.

    Raises
    ------
    NotApplicable
        It has none.
    """
    if profile.portraits is None:
        raise NotApplicable(f"profile {profile.name} leaves portraits out; laptop has them")
    return profile.portraits


def portrait_student(cohort: Cohort, profile: Profile) -> StudentRun:
    """The student whose features are looked at; Table II has it."""
    if profile.trunk is None and not is_features(cohort):
        raise NotApplicable(f"profile {profile.name} has no frozen tier, on which portraits stand")
    known = methods(cohort, profile, "paper")
    if not known:
        raise NotApplicable(f"none of the methods of profile {profile.name} learns from all labels")
    method = "sacd" if "sacd" in known else known[0]
    return student(cohort, profile, method, "paper", 0, folds(cohort, profile)[0], raw=False)


def portrait_place(cohort: Cohort, profile: Profile, weak: bool = False) -> Place:
    """Where the people are: beside a simulated cohort of pictures; any other cohort has them itself.

    Parameters
    ----------
    weak : bool
        Those whose video shows less; only beside a simulated cohort.
    """
    own = settings(profile)
    if not has_people_beside(cohort):
        return Place(cohort.path)
    chosen = portrait_student(cohort, profile).trunk
    # Beside the test participants of this cohort and of the nights of notebook 16, who are the same people.
    skip = max(settings_of(cohort)["test"], profile.night.test)
    who = {"skip": skip, "test": own.people}
    if weak:
        who = {"skip": skip + own.people, "test": own.weak, "coupling": "weak"}
    encoder = f"{chosen.model.name}-{chosen.model.weights}"
    name = f"portraits-{own.people}-weak-{own.weak}" if weak else f"portraits-{own.people}"
    return place_beside(cohort, name, train=0, nights=0, encoder=encoder, camera_only=True, **who)


def has_people_beside(cohort: Cohort) -> bool:
    """Whether further people can be simulated beside a cohort."""
    return is_ours(cohort.info) and not is_features(cohort)


def portrait_runs(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """The student, on its own cohort.

    Raises
    ------
    NotApplicable
        The profile leaves portraits out; the cohort's own people are too few.
    """
    settings(profile)
    run = portrait_student(cohort, profile)
    if not has_people_beside(cohort):
        enough(adults(cohort.participants.loc[list(run.split(cohort).test)]))
    return [run]


def portrait_companions(cohort: Cohort, profile: Profile) -> list[Companion]:
    """The people beside a simulated cohort; nothing is trained on them."""
    if not has_people_beside(cohort):
        return []
    places = [portrait_place(cohort, profile, weak) for weak in (False, True)]
    return [Companion(place, lambda there: [], spent=(MOTION,)) for place in places]


def no_ahi(cohort: Cohort) -> str | None:
    """Why notebooks 09 and 10 do not apply: nobody's AHI is known."""
    if cohort.participants["ahi"].isna().all():
        return "nobody's AHI is known; write events/h into the column ahi of participants.tsv"
    return None


def people_of(run: StudentRun, home: Cohort, cohort: Cohort, names: list[str]) -> People:
    """The adults of known AHI among some people, and what a trained student says of their clips.

    Parameters
    ----------
    run : StudentRun
        Trained on `home`.
    cohort : Cohort
        Where the people are.
    """
    grown = adults(cohort.participants.loc[names])
    features, clips = said_elsewhere(run, home, cohort, grown.index)
    return People(cohort, grown, features, clips)


def sitters(cohort: Cohort, profile: Profile) -> pd.DataFrame:
    """Everybody whom the student has not seen, minors and people of unknown AHI among them: `Cohort.participants`."""
    if has_people_beside(cohort):
        return portrait_place(cohort, profile).open_or_plan().participants
    return cohort.participants.loc[list(portrait_student(cohort, profile).split(cohort).test)]


def unseen(cohort: Cohort, profile: Profile) -> People:
    """Everybody whom the student has not seen, of known AHI and grown up; nights are simulated where they are absent.

    Raises
    ------
    NotApplicable
        They are too few.
    """
    if has_people_beside(cohort):
        nights = _measured(portrait_place(cohort, profile))
        people = people_of(portrait_student(cohort, profile), cohort, nights, list(nights.participants.index))
    else:
        people = filmed(cohort, profile)
    enough(people.participants)
    return people


def _measured(place: Place) -> Cohort:
    """The nights beside a cohort; simulated again where what is wanted of their motion went with it."""
    [nights] = ensure([place])
    if any(kept_markers(recording) is None for recording in nights):
        make_whole([nights])
        for recording in nights:
            recording_markers(recording)
    return nights


def outliers(cohort: Cohort, profile: Profile) -> People | None:
    """People whose video shows less; None where none can be simulated."""
    if not has_people_beside(cohort):
        return None
    nights = _measured(portrait_place(cohort, profile, weak=True))
    return people_of(portrait_student(cohort, profile), cohort, nights, list(nights.participants.index))


def keep_nights(cohort: Cohort, profile: Profile) -> None:
    """Have the further people's nights calibrate the night reports of the student; any other cohort has its own."""
    if not has_people_beside(cohort):
        return
    student, [nights] = portrait_student(cohort, profile), ensure([portrait_place(cohort, profile)])
    _, clips = said_elsewhere(student, cohort, nights, nights.participants.index)
    keep_calibration(RunStore.beside(cohort).open(student, cohort), nights, clips)


def filmed(cohort: Cohort, profile: Profile) -> People:
    """The student's test participants in the cohort itself; where it holds pictures, they can be looked at."""
    run = portrait_student(cohort, profile)
    return people_of(run, cohort, cohort, list(run.split(cohort).test))
