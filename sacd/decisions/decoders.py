"""Decoders: what a network says of each clip, read again in the light of the night that the clip is part of.

Offline ones use the clips after it too, causal ones could run at the bedside. None crosses a gap.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.decisions import explicit_duration, forward_backward
from sacd.decisions.decision import Clips
from sacd.decisions.median import medians
from sacd.decisions.night_model import NightModel
from sacd.decisions.stretches import steps
from sacd.exceptions import SacdError
from sacd.stages import STAGES

PROBABILITIES = [f"p_{stage}" for stage in STAGES]
"""Columns of predictions."""


class Decoder(NamedTuple):
    """A decoder.

    Attributes
    ----------
    title, description : str
    probabilities : callable
        Of `Clips` and a `NightModel`, giving probabilities of the stages, ndarray [n, 5] float64.
    causal : bool
        Whether no later clip matters.
    """

    title: str
    description: str
    probabilities: Callable[[Clips, NightModel], np.ndarray]
    causal: bool

    def stages(self, clips: Clips, model: NightModel) -> np.ndarray:
        """The likeliest stage of each clip, ndarray [n] int."""
        return self.probabilities(clips, model).argmax(axis=1)


def _median(clips: Clips, model: NightModel) -> np.ndarray:
    return medians(model.calibrated(clips), clips.night, clips.number, model.window)


def _markov(pass_: Callable[..., np.ndarray]) -> Callable[[Clips, NightModel], np.ndarray]:
    return lambda clips, model: pass_(
        model.emissions(clips), steps(clips.night, clips.number), model.transition, model.start
    )


def _durations(pass_: Callable[..., np.ndarray]) -> Callable[[Clips, NightModel], np.ndarray]:
    return lambda clips, model: pass_(
        model.emissions(clips), steps(clips.night, clips.number), model.transition, model.hazard, model.start
    )


DECODERS: dict[str, Decoder] = {
    "median": Decoder(
        "Median filter", "each stage's median probability over the clips around", _median, causal=False
    ),
    "forward-backward": Decoder(
        "Forward–backward", "tempered hidden Markov model of the labelled nights, all clips of the night",
        _markov(forward_backward.smoothed), causal=False,
    ),
    "durations": Decoder(
        "Explicit durations", "the same, but how likely a stage ends depends on how long it has lasted",
        _durations(explicit_duration.smoothed), causal=False,
    ),
    "filter": Decoder(
        "Filter", "tempered hidden Markov model of the labelled nights, clips up to this one",
        _markov(forward_backward.filtered), causal=True,
    ),
    "filter-durations": Decoder(
        "Filter, durations", "explicit durations, clips up to this one", _durations(explicit_duration.filtered),
        causal=True,
    ),
}
"""By name, as in `sacd.decisions.DECISIONS`."""


def decode(name: str, clips: Clips, model: NightModel) -> np.ndarray:
    """Probabilities of the stages of clips after a decoder.

    Parameters
    ----------
    name : str
        Of `DECODERS`.
    clips : Clips
        Of one run, whole nights.
    model : NightModel
        That run's.

    Returns
    -------
    ndarray [n, 5] float64
        In the order of the clips.

    Raises
    ------
    SacdError
        There is no decoder of that name.
    """
    if name not in DECODERS:
        raise SacdError(f"decoder {name!r} is unknown; use one of {', '.join(DECODERS)}")
    return DECODERS[name].probabilities(clips, model)


def decoded_table(table: pd.DataFrame, name: str, model: NightModel) -> pd.DataFrame:
    """A table of one run's probabilities, decoded.

    Parameters
    ----------
    table : DataFrame
        recording_id, clip, p_W … p_REM; a row a clip.
    name : str
        Of `DECODERS`.
    model : NightModel
        That run's.

    Returns
    -------
    DataFrame
        The same with other probabilities, and with `predicted`, the likeliest stage's code.
    """
    clips = Clips(table[PROBABILITIES].to_numpy(), table["recording_id"].to_numpy(), table["clip"].to_numpy())
    probability = decode(name, clips, model)
    columns = {column: probability[:, code].astype(np.float32) for code, column in enumerate(PROBABILITIES)}
    return table.assign(**columns, predicted=probability.argmax(axis=1))
