"""What a finished network says of nights of another cohort than the one it was trained on."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sacd.cohort import Cohort
from sacd.runs.execute import prediction_table
from sacd.runs.kinds.encoder import StageRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.clip_set import ClipSet
from sacd.training.inputs import Outputs


def said_elsewhere(
    run: StageRun, home: Cohort, cohort: Cohort, participants: Iterable[str], store: RunStore | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Features and predictions of all clips of some people, computed once and kept with the run.

    Parameters
    ----------
    run : StageRun
        Trained on `home`.
    cohort : Cohort
        Where the people are; `home` itself, or one that holds what the run reads.
    participants : iterable of str
    store : RunStore, optional
        By default the one beside `home`.

    Returns
    -------
    features : ndarray [n, 512] float32
    clips : DataFrame [n rows]
        As `sacd.runs.execute.prediction_table`: recording_id, participant_id, clip, stage, predicted, p_W … p_REM.
    """
    wanted = tuple(participants)
    recordings = cohort.of(wanted)
    found = cached_outputs(run, cohort, store or RunStore.beside(home), recordings, home=home)
    clips = ClipSet(recordings, wanted, run.training.flagged)
    outputs = Outputs.joined([found[recording.recording_id] for recording in recordings])
    return outputs.features, prediction_table(clips, recordings, outputs.logits)
