"""What stands below the tables: the labels, steps, seeds and teachers of the runs behind them."""

from sacd.cohort import Cohort
from sacd.cohort.splits import make_split
from sacd.experiments.ablation import named_runs
from sacd.experiments.common import budget, folds, is_features
from sacd.experiments.frames import frame_sampling
from sacd.experiments.fusion import fusion
from sacd.experiments.hyperparameters import chosen_cell, hyperparameters
from sacd.experiments.profile import Profile
from sacd.runs.kinds.reverse import ReverseRun
from sacd.training.config import Recipe


def table_ii(cohort: Cohort, profile: Profile) -> list[str]:
    """Notebook 03: labelled participants, steps, seeds, the search of the equal budget."""
    raw, frozen, features = (recipe.training for recipe in (profile.student, profile.frozen, profile.feature_student))
    steps = f"features {features.steps}, batch {features.batch}"
    if not is_features(cohort):
        steps = f"raw {raw.steps}, batch {raw.batch}; frozen {frozen.steps}, batch {frozen.batch}"
    others, search = profile.comparison, profile.equal_budget
    teachers = ", ".join(["the profile's own", *(model.name for model in search.teachers)])
    notes = [
        f"few-label: {budget(cohort, profile, 'few-label')} labelled participants, a quarter of them for validation;"
        " the teacher is trained on the same.",
        f"Steps: {steps} (profile {profile.name}; the paper: 80 epochs).",
        f"Seeds: {profile.seeds}, other teachers {others.seeds}, equal budget {search.seeds};"
        f" {max(map(profile.seeds_of, profile.headline), default=profile.seeds)} of what claims rest on.",
        f"Equal budget: {search.trials} trials of every method, with few labels also of how the labels weigh;"
        f" teachers: {teachers}.",
    ]
    if is_features(cohort):
        notes.append(
            "Privileged-feature benchmark: the student's view is a part of the teacher's own input, "
            "but for the rows whose teacher does not see that channel."
        )
    return notes + left_out(cohort, profile)


def left_out(cohort: Cohort, profile: Profile) -> list[str]:
    """What a real cohort has and no label teaches: flagged clips, and people of whom nothing is scored."""
    notes = []
    if flagged := sum(int(recording.flagged.sum()) for recording in cohort):
        taken = any(recipe.training.flagged for recipe in (profile.student, profile.frozen, profile.feature_student))
        fate = "are used all the same" if taken else "are left out of training and test"
        notes.append(f"{flagged:,} of {sum(map(len, cohort)):,} clips carry a quality flag and {fate}.")
    if unscored := len(cohort.participants) - len(cohort.scored()):
        notes.append(f"Of {unscored} participants no usable clip is scored: they train as unlabelled pairs alone.")
    return notes


def night(cohort: Cohort, profile: Profile) -> list[str]:
    """Notebooks 16 and 17, on a cohort of nights: labels, nights, trunk, teacher, steps, seeds."""
    own = profile.night
    training, recordings = own.student.training, cohort.recordings["participant_id"]
    split = make_split(cohort.participants, fold=folds(cohort, profile)[0], scored=cohort.scored().index)
    trained, tested = (int(recordings.isin(part).sum()) for part in (split.pool, split.test))
    encoder = cohort.info.provenance.get("encoder", "given features")
    taught = "mlp" if cohort.info.eeg == "features" or own.teacher is None else own.teacher.model.name
    return [
        f"few-label: {budget(cohort, profile, 'few-label')} labelled participants, a quarter of them for validation.",
        f"{trained} nights to train and validate, {tested} to test; features: {encoder}; teacher: {taught}.",
        f"{training.steps} steps of {training.batch} clips in stretches of {training.stretch}, the same for all;"
        f" seeds: {own.seeds} (profile {profile.name}).",
    ]


def table_iii(student: Recipe) -> str:
    """Notebook 08: the student and its steps."""
    training = student.training
    return f"Student {student.model.name}, {training.steps} steps of {training.batch} clips; grey video."


def table_v(cohort: Cohort, profile: Profile) -> list[str]:
    """Notebook 04: labelled participants, tier, steps, seeds."""
    every = [run for row, run in named_runs(cohort, profile) if row.name == "ours" and run.protocol == "few-label"]
    complete, seeds = every[0], len({run.seed for run in every})
    return [
        f"few-label: {complete.labelled} labelled participants, a quarter of them for validation.",
        f"Tier {complete.tier}, {complete.training.steps} steps of {complete.training.batch} clips, seeds: {seeds}"
        f" (profile {profile.name}; the paper: 80 epochs on video).",
    ]


def figure_5(cohort: Cohort, profile: Profile) -> list[str]:
    """Notebook 05: the paper's choice, steps, seeds."""
    runs = hyperparameters(cohort, profile)
    training, seeds = runs[0].training, len({run.seed for run in runs})
    cut = "" if profile.sweep.steps is None else ", fewer than in Table II"
    return [
        f"({chosen_cell()}) is the paper's choice; λ in the order 1, 2, 3.",
        f"{training.steps} steps of {training.batch} clips{cut}, seeds: {seeds} (profile {profile.name}).",
    ]


def table_iv(cohort: Cohort, profile: Profile) -> list[str]:
    """Notebook 07: both networks, the steps of heads, released encoders and distilled EEG networks."""
    runs = fusion(cohort, profile)
    video, eeg = runs[:2]
    heads = {run.experiment: run.training for run in runs if run.kind == "fusion"}
    a, c = heads["A"], heads["C"]
    reverse = next((run.training.steps for run in runs if isinstance(run, ReverseRun)), None)
    further = "" if reverse is None else f", E to G: {reverse}"
    notes = [
        f"EEG: {eeg.model.name}, {eeg.training.steps} steps. Video: {video.model.name}, tier {video.tier},"
        f" {video.training.steps} steps. The paper's are AttnSleep and R3D-18.",
        f"Heads (A, B): {a.steps} steps of {a.batch} clips, features out-of-fold in {profile.fusion.parts} parts;"
        f" C and D: {c.steps} steps of {c.batch}{further} (the paper: 100 epochs for A and B, not given for C to G).",
    ]
    if eeg.without:
        notes.append(f"The EEG view leaves out {eeg.without}, the channel that stands for video in this cohort.")
    return notes


def frame_numbers(beside: Cohort, profile: Profile) -> list[str]:
    """Notebook 14: the student, its steps, and the size of each row's cohort, of which `beside` is one."""
    student, sampling = frame_sampling(beside, profile)[0], beside.info.sampling
    training, people = student.training, beside.participants["split"].value_counts()
    return [
        f"CE, {student.model.name} on video of {sampling.height}×{sampling.width}, all training participants labelled.",
        f"{training.steps} steps of {training.batch} clips ({training.sampler} sampler), profile {profile.name};"
        " the paper: 80 epochs of all clips.",
        f"Each row has a cohort of {len(beside.participants)} participants"
        f" ({', '.join(f'{count} {split}' for split, count in people.items())}).",
    ]


def verdict(profile: Profile) -> list[str]:
    """Notebook 15: what a setting is, the steps of both tiers, what the other couplings bring."""
    return [
        "Settings: the protocol (paper: every training participant labelled; few-label: a few) and the student's tier.",
        f"Profile {profile.name}: frozen {profile.frozen.training.steps} steps, raw {profile.student.training.steps};"
        f" other couplings: {', '.join(profile.verdict.methods)}, seeds: {profile.verdict.seeds}.",
    ]
