"""The list of kinds: a new one is a file of its own, and a line here."""

import json

from sacd.runs.kind import RunConfig
from sacd.runs.kinds.audio_video import AudioTeacherRun, AudioVideoRun
from sacd.runs.kinds.carried import CarriedTeacherRun
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.finetuned import FinetunedRun
from sacd.runs.kinds.fusion import FusionRun
from sacd.runs.kinds.reverse import ReverseRun
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.kinds.tuned import TunedRun

KINDS: list[type[RunConfig]] = [
    TeacherRun, EnsembleTeacherRun, TrunkRun, ContinuedTrunkRun, StudentRun, SelectedRun, TunedRun, FusionRun,
    ReverseRun, AudioTeacherRun, AudioVideoRun, CarriedTeacherRun, FinetunedRun,
]


def parse_run(text: str) -> RunConfig:
    """A run's configuration from its JSON text."""
    raw = json.loads(text)
    (kind,) = (kind for kind in KINDS if kind.model_fields["kind"].default == raw["kind"])
    return kind.model_validate(raw)
