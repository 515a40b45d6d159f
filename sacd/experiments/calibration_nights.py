"""Calibration nights: scored nights of people with no part in a run's training or selection, as the run stages them.

From them come the ranges of a night report, one night a person, and how often the run is right when it is so sure. A
run's own test nights are such, and those of further people that were kept with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from sacd.analysis.sleep_statistics import Lights, lights_of, paired_statistics
from sacd.cohort import Cohort
from sacd.decisions.decoders import PROBABILITIES
from sacd.exceptions import SacdError, reading
from sacd.replacing import replacing
from sacd.runs.staging import TrainedStudent, decide_night
from sacd.runs.store import Run

FILE = "calibration.parquet"
"""In a run's folder, what it says of further people's clips: recording_id, participant_id, clip, stage, predicted (the
likeliest), p_W … p_REM, and the lights off and on of the recording, NaN where they were not marked."""
_LIGHTS = list(Lights._fields)


@dataclass(frozen=True)
class Calibration:
    """Scored nights as a run stages them.

    Attributes
    ----------
    predictions : DataFrame
        Of one decision: recording_id, participant_id, clip, stage, predicted, p_W … p_REM.
    pairs : DataFrame
        Statistics as predicted and as scored, of a whole night a person (`paired_statistics`).
    simulated : bool
    lit : bool
        Whether of some of them lights off and on are known.
    """

    predictions: pd.DataFrame
    pairs: pd.DataFrame
    simulated: bool
    lit: bool

    @classmethod
    def of(cls, predictions: pd.DataFrame, lights: Mapping[str, Lights | None], simulated: bool) -> "Calibration":
        """Of the whole nights among some predictions; `lights` by recording."""
        pairs = paired_statistics(predictions, lights)
        whole = predictions[predictions["recording_id"].isin(pairs["recording_id"])]
        return cls(whole, pairs, simulated, any(known is not None for known in lights.values()))

    @property
    def nights(self) -> int:
        """How many there are, one a person."""
        return self.pairs["participant_id"].nunique()

    def joined(self, other: "Calibration") -> "Calibration":
        """These nights and those of other people."""
        predictions, pairs = (
            pd.concat(tables, ignore_index=True)
            for tables in ((self.predictions, other.predictions), (self.pairs, other.pairs))
        )
        return replace(self, predictions=predictions, pairs=pairs, lit=self.lit or other.lit)

    def without(self, participant: str) -> "Calibration":
        """The same without one person's night."""
        kept = [table[table["participant_id"] != participant] for table in (self.predictions, self.pairs)]
        return replace(self, predictions=kept[0], pairs=kept[1])

    def in_the_dark(self) -> "Calibration":
        """The same as if nobody had marked lights off and on: to go with a night of which they are not known."""
        return Calibration.of(self.predictions, {}, self.simulated) if self.lit else self


def own_calibration(run: Run, decision: str, cohort: Cohort | None = None) -> Calibration:
    """A run's own test nights, and those that were kept with it; with its `cohort` also when lights went off and on.

    Raises
    ------
    SacdError
        The nights that were kept cannot be read.
    """
    known, simulated = run.predictions, run.description["cohort"]["simulated"]
    tested = decide_night(run, known[known["split"] == "test"], decision)
    names = set(tested["recording_id"])
    lights = {one.recording_id: lights_of(one) for one in cohort if one.recording_id in names} if cohort else {}
    own = Calibration.of(tested, lights, simulated)
    if not (run.path / FILE).exists():
        return own
    with reading(run.path / FILE, "execute the notebook again that kept it (10 or 13), or remove it"):
        kept = pd.read_parquet(run.path / FILE)
        marked = kept.groupby("recording_id")[_LIGHTS].first().dropna().astype(int)
    lights = {name: Lights(*clips) for name, *clips in marked.itertuples()}
    return own.joined(Calibration.of(decide_night(run, kept, decision), lights, simulated))


def keep_calibration(run: Run, cohort: Cohort, predictions: pd.DataFrame) -> None:
    """Keep scored nights of further people with a run, in place of those that were kept.

    Parameters
    ----------
    run : Run
    cohort : Cohort
        Where the nights are; of the kind of the run's own, simulated or real, and of nobody whom it knows.
    predictions : DataFrame
        What the run says of their clips: recording_id, participant_id, clip, stage, predicted, p_W … p_REM.
    """
    names = set(predictions["recording_id"])
    lights = pd.DataFrame.from_dict(
        {one.recording_id: lights_of(one) or (None, None) for one in cohort if one.recording_id in names},
        orient="index", columns=_LIGHTS, dtype=float,
    )
    kept = predictions[["recording_id", "participant_id", "clip", "stage", "predicted", *PROBABILITIES]]
    with replacing(run.path / FILE) as aside:
        kept.join(lights, on="recording_id").to_parquet(aside, index=False)


def calibration_on(student: TrainedStudent, cohort: Cohort, decision: str) -> Calibration:
    """The scored nights of a cohort's people whom a student did not learn from.

    Raises
    ------
    SacdError
        Its clips were cut otherwise than those the student learnt from.
    """
    student.check(cohort)
    if student.run.is_of(cohort):
        people = student.config.split(cohort).test
    else:
        tested = cohort.participants.index[cohort.participants["split"] == "test"]
        people = tuple(tested) or tuple(cohort.participants.index)
    recordings = [one for one in cohort.of(people) if (one.clips["stage"] >= 0).any()]
    if not recordings:
        raise SacdError(f"{cohort.path}: no scored night of people whom the run does not know; name another cohort")
    tables = [student.staged(recording, decision) for recording in recordings]
    lights = {recording.recording_id: lights_of(recording) for recording in recordings}
    return Calibration.of(pd.concat(tables, ignore_index=True), lights, cohort.info.simulated)
