"""How strongly the video shows the night, and how scorers label it: numbers that no comparison of methods may touch.

How strongly infrared video shows sleep stages is *uncalibrated*: no open data pairs the two. Hence three presets, which
change the picture and breathing only: labels and EEG of a night are the same under all of them. The label model was
fitted to real scorers (`calibration.json`). Both were fixed before any comparison of distillation methods.
"""

from dataclasses import dataclass

from sacd.exceptions import SacdError


@dataclass(frozen=True)
class Coupling:
    """What the camera gets to see.

    Attributes
    ----------
    name : str
    breathing : float
        Exponent on how breathing's variability differs between stages; 0 would make all stages breathe alike.
    visibility : float
        Gain of breathing motion in the picture.
    seen : float
        Share of movements that the camera sees.
    eyes : float
        Share of the night in which the eyes are in sight.
    noise : float
        Sensor noise, standard deviation in grey levels.
    nuisance : float
        Factor on the rate of everything that only the camera sees.
    """

    name: str
    breathing: float
    visibility: float
    seen: float
    eyes: float
    noise: float
    nuisance: float


@dataclass(frozen=True)
class LabelModel:
    """A scorer: a noisy quantisation of the latents with noise that lasts.

    Attributes
    ----------
    widths : (float, float, float)
        Softness of the borders W–N1, N1–N2 and N2–N3, in units of depth.
    rem_width, rem_depth : float
        The same for REM-ness, and how far from its usual depth REM is still believed.
    n1_penalty : float
        Reluctance to score N1, in nats.
    bias, fresh : float
        Shares of the noise's variance that a scorer keeps through the night, and that is new in each clip (on average
        over scorers); the rest changes slowly.
    fresh_shape : float
        How alike scorers are in that (shape of a gamma distribution): most hardly change their mind, few often.
    slow_s : float
        Time constant of the slow part, s.
    """

    widths: tuple[float, float, float] = (0.35, 0.22, 0.4)
    rem_width: float = 0.35
    rem_depth: float = 0.84
    n1_penalty: float = 0.45
    bias: float = 0.2
    fresh: float = 0.033
    fresh_shape: float = 0.15
    slow_s: float = 1000.0


COUPLINGS: dict[str, Coupling] = {
    "weak": Coupling("weak", breathing=0.6, visibility=0.7, seen=0.6, eyes=0.15, noise=3.5, nuisance=2.0),
    "medium": Coupling("medium", breathing=1.0, visibility=1.0, seen=0.85, eyes=0.3, noise=2.5, nuisance=1.0),
    "strong": Coupling("strong", breathing=1.3, visibility=1.6, seen=1.0, eyes=0.5, noise=1.5, nuisance=0.5),
}
"""Presets by name, uncalibrated, ordered by how much a video tells about the stage."""

LABELS = LabelModel()


def get_coupling(name: str) -> Coupling:
    """A preset by name; `SacdError` names the presets where there is none."""
    if name not in COUPLINGS:
        raise SacdError(f"coupling {name!r} is unknown; use {', '.join(COUPLINGS)}")
    return COUPLINGS[name]
