"""What `sacd finetune` makes of a finished student: the run that goes on on another laboratory's nights."""

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.objectives import load_objective
from sacd.runs.kinds.carried import CarriedTeacherRun, Parent
from sacd.runs.kinds.finetuned import FinetunedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import FIXED, TrunkRun
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import Run
from sacd.training.config import ObjectiveConfig, TrainingConfig

SLOWER = 1 / 3
"""Factor on the learning rate: the weights are near where they should be."""
SHORTER = 1 / 3
"""Factor on the steps where nobody chooses among them."""
FEWEST = 3
"""Validating people by whom weights are chosen: by one night's scoring the student stayed as it came in runs of which
every later step was better."""
VALIDATIONS = 12
"""How often a run is validated."""
PATIENCE = 6
"""Validations without a better score, after which it stops."""
LABELLED_SHARE = 0.25
"""Of a batch, where the student's own training does not say."""


def finetuned(
    run: Run, cohort: Cohort, objective: ObjectiveConfig | None = None, *, labelled: int | None = None,
    steps: int | None = None, seed: int = 0, fold: tuple[int, int] | None = None, flagged: bool = False,
) -> FinetunedRun:
    """A student that goes on from a finished one's weights.

    Parameters
    ----------
    run : Run
        A student's; its network, its training but for a lower learning rate, and its trunk stay.
    cohort : Cohort
        Of the new laboratory; its clips are cut as those that the student learnt from.
    objective : ObjectiveConfig, optional
        By default the student's own with its own teacher, which is carried there too; where it has none, or the cohort
        no EEG, self-training on unlabelled nights; where there are none either, the labels alone.
    labelled : int, optional
        Participants whose labels are seen, one of four of them for validation; by default all who are scored.
    steps : int, optional
        At most; by default as many as the student was trained. Where a teacher leads and fewer than `FEWEST` people
        validate, all of them are made, by default a third, and the weights are those midway.
    seed : int
    fold : (int, int), optional
        Whom to test; by default those whom the cohort names, or nobody.
    flagged : bool
        Whether clips that a quality flag marks are learnt from too.

    Raises
    ------
    SacdError
        The run is no student's or the clips are cut otherwise; the objective needs a teacher that cannot be carried.
    """
    student = TrainedStudent(run)
    student.check(cohort)
    known = student.config
    common = {
        "protocol": "few-label" if labelled else "paper", "labelled": labelled, "seed": seed, "fold": fold,
        "parent": Parent.of(run), "model": known.model.model_copy(update={"weights": None}), "view": known.view,
        "training": _training(known.training, steps, flagged), "trunk": _trunk(student),
    }
    if objective is None:
        if load_objective(known.objective.name).needs_teacher and cohort.info.eeg != "none" and _can_be_carried(known):
            objective = known.objective
        else:
            alone = FinetunedRun(**common).split(cohort).unlabelled == ()
            objective = ObjectiveConfig(name="ce" if alone else "self-training")
    if not load_objective(objective.name).needs_teacher:
        return FinetunedRun(**common, objective=objective)
    if cohort.info.eeg == "none":
        raise SacdError(
            f"{cohort.path}: was filmed without EEG, of which objective {objective.name} asks a teacher; "
            "use self-training, or ce"
        )
    run = FinetunedRun(**common, objective=objective, taught=known.taught, teacher=_teacher(student, common))
    if len(run.split(cohort).validation) >= FEWEST:
        return run
    return run.model_copy(update={"training": _midway(known.training, run.training, steps)})


def _training(known: TrainingConfig, steps: int | None, flagged: bool) -> TrainingConfig:
    steps = steps or known.steps
    changes = {
        "steps": steps, "lr": known.lr * SLOWER, "validate_every": max(1, steps // VALIDATIONS), "patience": PATIENCE,
        "labelled_share": known.labelled_share or LABELLED_SHARE, "flagged": flagged,
    }
    return known.model_copy(update=changes)


def _midway(known: TrainingConfig, own: TrainingConfig, steps: int | None) -> TrainingConfig:
    steps = steps or max(1, round(known.steps * SHORTER))
    changes = {"steps": steps, "validate_every": max(1, steps // VALIDATIONS), "patience": None, "keep": "midway"}
    return own.model_copy(update=changes)


def _can_be_carried(known: StudentRun) -> bool:
    return isinstance(known.teacher, TeacherRun)


def _teacher(student: TrainedStudent, common: dict) -> CarriedTeacherRun:
    known = student.config.teacher
    if not isinstance(known, TeacherRun):
        what = "no teacher" if known is None else "several teachers"
        raise SacdError(f"{student.run.path}: learnt from {what}; name an objective without one (self-training, ce)")
    own = {name: common[name] for name in ("protocol", "labelled", "seed", "fold")}
    training = known.training.model_copy(update={"flagged": common["training"].flagged})
    return CarriedTeacherRun(
        **own, parent=Parent.of(Run(student.folder_of(known))), training=training, without=known.without,
        model=known.model.model_copy(update={"weights": None}),
    )


def _trunk(student: TrainedStudent) -> TrunkRun | None:
    """The trunk whose features its network knows: one that went on on its own cohort stays as it is there."""
    known = student.config.trunk
    if known is None or isinstance(known, TrunkRun):
        return known
    model = known.model.model_copy(update={"weights": str(student.folder_of(known).resolve() / "weights.safetensors")})
    own = {name: getattr(known.training, name) for name in ("normalise", "precision")}
    return TrunkRun(model=model, training=FIXED.model_copy(update=own))
