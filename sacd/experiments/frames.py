"""Frame sampling: students on the same nights with other frames of a clip, consecutive or spread over its 30 s."""

from functools import partial

from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.common import folds, is_features, student
from sacd.experiments.companions import Companion
from sacd.experiments.profile import FrameSampling, Profile
from sacd.runs.kind import RunConfig
from sacd.simulate.beside import Place, place_beside, same_nights
from sacd.stages import CLIP_SECONDS

SPREAD = "spread over 30 s"
CUT_TRAINING = {"batch": 16, "sampler": "random", "precision": "32-true"}
"""Where steps are cut: small batches of unrelated clips learn most in a given time. One precision for all: short clips
are never computed in bfloat16 on a CPU (`sacd.models.video`)."""


def sampling_title(cohort: Cohort) -> str:
    """How a cohort's frames lie in time: spread over the clip, or consecutive at a rate."""
    sampling = cohort.info.sampling
    if sampling.span_s == CLIP_SECONDS:
        return SPREAD
    return f"consecutive, {sampling.frames / sampling.span_s:.3g} Hz"


def frame_sampling(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 14, on one sampling: CE on raw video, every training participant labelled, no teacher.

    The budget is the student's, or `steps` as `CUT_TRAINING` says, validated at half and at the end.
    """
    wanted = _asked_for(profile)
    training = profile.student.training
    if wanted.steps is not None:
        cut = CUT_TRAINING | {"steps": wanted.steps, "validate_every": max(1, wanted.steps // 2)}
        training = training.model_copy(update=cut)
    return [
        student(cohort, profile, "ce", "paper", seed, fold, raw=True).model_copy(update={"training": training})
        for seed in range(wanted.seeds)
        for fold in folds(cohort, profile)
    ]


def _asked_for(profile: Profile) -> FrameSampling:
    if profile.frame_sampling is None:
        raise NotApplicable(f"profile {profile.name} leaves frame sampling out; evening has it")
    return profile.frame_sampling


def frame_companions(cohort: Cohort, profile: Profile) -> list[Companion]:
    """The cohorts of notebook 14: simulated beside a simulated one; beside a real one those of its nights and size."""
    wanted, runs = _asked_for(profile), partial(frame_sampling, profile=profile)
    if not cohort.info.simulated:
        return [Companion(place, runs) for place in _of_one_size(cohort)]
    # Blocks of clips only: whole nights would cost inference, and participants weigh the same.
    common = {"train": wanted.train, "test": wanted.test, "nights": 0}
    return [
        Companion(place_beside(cohort, f"{frames}-{name}", frames=frames, span_s=span_s, **common), runs)
        for frames in wanted.frames
        for name, span_s in (("spread", CLIP_SECONDS), ("consecutive", frames / wanted.rate))
    ]


def no_other_sampling(cohort: Cohort) -> str | None:
    """Why notebook 14 does not apply: no video, or a real cohort whose clips were cut in one way only."""
    if is_features(cohort):
        return "the cohort holds features of the video, whose frames were chosen before"
    if cohort.info.simulated:
        return None
    cut = [place.open().info.sampling for place in _of_one_size(cohort)]
    spread = {sampling.frames for sampling in cut if sampling.span_s == CLIP_SECONDS}
    if spread & {sampling.frames for sampling in cut if sampling.span_s != CLIP_SECONDS}:
        return None
    return (
        "no two cohorts in this folder hold these nights with as many frames, spread over 30 s and consecutive; "
        "ingest them again with another --span"
    )


def _of_one_size(cohort: Cohort) -> list[Place]:
    """Cohorts of the same nights and picture size in this one's folder, itself among them."""

    def size(one: Cohort) -> tuple[int | None, int | None]:
        return one.info.sampling.height, one.info.sampling.width

    return [place for place in same_nights(cohort) if size(place.open()) == size(cohort)]
