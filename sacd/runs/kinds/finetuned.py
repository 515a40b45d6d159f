"""The kind of run *finetuned*: a student that goes on, from the weights it has, on the nights of another laboratory."""

from typing import Any, ClassVar, Literal

from sacd.runs.kinds.carried import CarriedRun, CarriedTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.training.tasks import FinetuneTask, StudentTask


class FinetunedRun(CarriedRun, StudentRun):
    """A student that goes on on another cohort's labelled nights, and on its unlabelled ones as the objective has it.

    Its own weights are validated first, and kept where nothing later is better: validation chooses when to stop, but
    where too few people validate (`TrainingConfig.keep`). Its teacher, if it has one, was carried there too.
    """

    trained_by: ClassVar[type[StudentTask]] = FinetuneTask
    kind: Literal["finetuned"] = "finetuned"
    teacher: CarriedTeacherRun | None = None
    trunk: TrunkRun | None = None

    def row(self) -> dict[str, Any]:
        """A method of its own in tables."""
        row = super().row()
        return row | {"method": f"{row['method']}, finetuned"}
