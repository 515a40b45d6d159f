"""From probabilities to stages: the list of decisions. A new one is a file of its own, and a line here.

Each is made from the same probabilities of the same run, so that tables show them beside each other.
"""

import numpy as np

from sacd.decisions.decision import Clips, Decision, Fitted
from sacd.decisions.decoders import DECODERS
from sacd.decisions.night_model import NightModel
from sacd.decisions.prior import Correction, corrected, tuned
from sacd.exceptions import SacdError

ARGMAX = "argmax"


def _argmax(clips: Clips, fitted: None) -> np.ndarray:
    return clips.probability.argmax(axis=1)


DECISIONS: dict[str, Decision] = {
    ARGMAX: Decision("Argmax", "the likeliest stage", _argmax),
    "corrected": Decision(
        "Corrected", "temperature-scaled, divided by the network's own mean over its training draws", corrected,
        Correction,
    ),
    "tuned": Decision(
        "Tuned", "as corrected, with a power of that mean chosen by cross-fitting on the labelled", tuned, Correction
    ),
    **{
        name: Decision(
            decoder.title, decoder.description, decoder.stages, NightModel, decoder.causal, whole_nights=True
        )
        for name, decoder in DECODERS.items()
    },
}  # fmt: skip
"""By the name that stands in the column `decision` of predictions."""


def decision_named(name: str) -> Decision:
    """A decision by its name.

    Raises
    ------
    SacdError
        There is none of that name.
    """
    if name not in DECISIONS:
        raise SacdError(f"decision {name!r} is unknown; use one of {', '.join(DECISIONS)}")
    return DECISIONS[name]


def decide(name: str, clips: Clips, fitted: Fitted | None = None) -> np.ndarray:
    """Stages of clips by a decision.

    Parameters
    ----------
    name : str
        Of `DECISIONS`.
    clips : Clips
        Of one run.
    fitted : Fitted, optional
        What the decision needs to know of that run (`Decision.fitted`).

    Returns
    -------
    ndarray [n] int
        Codes, in the order of the clips.
    """
    return decision_named(name).stages(clips, fitted)
