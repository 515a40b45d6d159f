"""Table IV: each modality alone, heads on both, and video distilled into EEG."""

from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.common import folds, hidden_view, is_features, parts_of, student, teacher
from sacd.experiments.profile import Profile
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.fusion import FusionRun
from sacd.runs.kinds.reverse import ReverseRun
from sacd.training.config import ObjectiveConfig


def fusion(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 07, Table IV: each modality alone, heads on both (A–D), and video distilled into EEG (E–G).

    Every training participant is labelled. Heads take the budget of the frozen tier, without augmentation, and
    everything that trains an EEG network that of the EEG teacher; C and D, which start from trained weights, may take
    fewer steps. On a feature cohort the EEG view leaves out the channel that the video view stands for: one view
    within the other has nothing to add. E and F are by SACD, G by CCL: they are left out where the profile's methods
    leave those out.

    Raises
    ------
    NotApplicable
        The profile leaves Table IV out.
    """
    if profile.fusion is None:
        raise NotApplicable(f"profile {profile.name} leaves Table IV out; evening has it")
    features = is_features(cohort)
    raw = profile.trunk is None or "ce" in profile.raw_methods.get("paper", ())
    head = (profile.feature_student if features else profile.frozen).training.model_copy(update={"augment": False})
    runs: list[RunConfig] = []
    for seed in range(min(profile.fusion.seeds, profile.seeds)):
        for fold in folds(cohort, profile):
            eeg = teacher(cohort, profile, "paper", seed, fold, hidden_view(cohort) if features else "")
            video = student(cohort, profile, "ce", "paper", seed, fold, raw)
            end_to_end = eeg.training.model_copy(update={"momentum_encoder": video.training.momentum_encoder})
            tuned = end_to_end.model_copy(update={"steps": profile.fusion.released_steps or end_to_end.steps})
            parts = parts_of(cohort, profile, profile.fusion.parts, "paper", fold)
            common = {"seed": seed, "fold": fold}
            runs += [video, eeg]
            runs += [
                FusionRun(
                    experiment=letter,
                    eeg=eeg,
                    video=video,
                    parts=parts,
                    training=head if letter in "AB" else tuned,
                    **common,
                )
                for letter in ("A", "B", "C", "D")
            ]
            runs += [
                ReverseRun(
                    model=eeg.model,
                    without=eeg.without,
                    source=video,
                    objective=ObjectiveConfig(name=name),
                    released=released,
                    training=end_to_end,
                    **common,
                )
                for name, released in (("sacd", False), ("sacd", True), ("ccl", True))
                if name in profile.methods
            ]
    return runs
