"""People of known AHI, and what a student says of their clips: what notebooks 09 and 10 look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sacd.analysis.ahi import person_means, stage_means, stage_shares
from sacd.analysis.video_markers import video_markers
from sacd.cohort import Cohort
from sacd.cohort.splits import stratified_order
from sacd.stages import W

REFERENCE_SHARE = 2 / 3


@dataclass(frozen=True)
class People:
    """Adults of known AHI.

    Attributes
    ----------
    cohort : Cohort
        Where their nights are.
    participants : DataFrame
        Their rows of `Cohort.participants`.
    features : ndarray [n, d] float32
    clips : DataFrame [n rows]
        recording_id, participant_id, clip, stage, predicted, and the probabilities p_W … p_REM.
    """

    cohort: Cohort
    participants: pd.DataFrame
    features: np.ndarray
    clips: pd.DataFrame

    @property
    def ahi(self) -> pd.Series:
        """Events/h."""
        return self.participants["ahi"]

    @property
    def owner(self) -> np.ndarray:
        """The participant of each clip, [n] of str."""
        return self.clips["participant_id"].to_numpy()

    @cached_property
    def stage_means(self) -> np.ndarray:
        """Mean feature of each scored stage, [people, 5, d]; NaN below 10 clips."""
        return stage_means(self.features, self.clips["stage"].to_numpy(), self.owner, self.participants.index)

    @cached_property
    def stage_shares(self) -> pd.DataFrame:
        """Share of each scored stage, [people rows]."""
        return stage_shares(self.clips["stage"].to_numpy(), self.owner, self.participants.index)

    @cached_property
    def asleep(self) -> np.ndarray:
        """Mean feature of the clips that the student calls sleep, [people, d]: from the video alone; NaN below 10."""
        sleeps = self.clips["predicted"].to_numpy() != W
        return person_means(self.features, sleeps, self.owner, self.participants.index)

    @cached_property
    def markers(self) -> pd.DataFrame:
        """`sacd.analysis.video_markers.MARKERS` of each; NaN where a recording holds no motion."""
        return video_markers(self.cohort.of(self.participants.index), self.participants.index)

    def of(self, names: Sequence[str]) -> "People":
        """Some of them, in the order of `names`."""
        here = self.clips["participant_id"].isin(names).to_numpy()
        clips = self.clips[here].reset_index(drop=True)
        return People(self.cohort, self.participants.loc[list(names)], self.features[here], clips)

    def split(self) -> tuple["People", "People"]:
        """Two thirds, the *reference*, on whom all is fitted and chosen, and the *new* people; of every AHI group."""
        order = stratified_order(self.participants, seed=0)
        cut = round(REFERENCE_SHARE * len(order))
        return self.of(order[:cut]), self.of(order[cut:])
