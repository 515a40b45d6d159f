"""What a night report says, as numbers and tables: figures and pages put it into words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from sacd.analysis.sleep_statistics import Lights

CALIBRATED, FEW, TOO_FEW, OTHER_KIND = "calibrated", "few nights", "too few nights", "not calibrated"
"""How far the ranges can be trusted: `sacd.analysis.conformal.ENOUGH` calibration nights, fewer, below `FEWEST`, or
nights of another kind, simulated where this one is real."""


@dataclass(frozen=True)
class NightReport:
    """All that a night report says.

    Attributes
    ----------
    night_id, label : str
    simulated : bool
        Whether the night is.
    start : datetime or None
    lights : Lights or None
    run_id, method, decision : str
        The run, its method, and the decision's name.
    context : bool
        Whether its network reads a clip beside its neighbours.
    trained_simulated : bool
        Whether the run knows simulated people alone.
    standing : str
        CALIBRATED, FEW, TOO_FEW or OTHER_KIND.
    calibration_nights : int
    clips : DataFrame
        clip, onset (s), stage (−1 where not scored), predicted, p_W … p_REM.
    statistics : DataFrame
        statistic, value, scored, low, high, nights, absent, missed (`sacd.analysis.conformal.interval`); NaN where
        undefined or unknown; empty for a partial night.
    refused : str
        Why there are no statistics.
    agreement : DataFrame
        Of `sacd.analysis.night_agreement.agreement`; empty where nobody scored.
    quality : DataFrame or None
        title, meaning, clips, share: a row a check.
    review : DataFrame
        Of `sacd.analysis.review.review_list`.
    expected : dict of int to float
        Agreement to expect after so many reviewed clips, 0 among them; empty without calibration.
    known_person : bool
        Whether the run learnt from this very person.
    severity : object or None
        What the portrait says of breathing events (`sacd.analysis.severity.Answer`).
    """

    night_id: str
    label: str
    simulated: bool
    start: datetime | None
    lights: Lights | None
    run_id: str
    method: str
    decision: str
    context: bool
    trained_simulated: bool
    standing: str
    calibration_nights: int
    clips: pd.DataFrame
    statistics: pd.DataFrame
    refused: str
    agreement: pd.DataFrame
    quality: pd.DataFrame | None
    review: pd.DataFrame
    expected: dict[int, float]
    known_person: bool
    severity: Any = None

    @property
    def foreign(self) -> bool:
        """Whether a model of simulated people was shown a real person."""
        return self.trained_simulated and not self.simulated
