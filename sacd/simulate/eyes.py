"""The eyelids as a camera above the bed sees them: a habit of the person, seldom in sight and never certain."""

import numpy as np
from scipy.special import ndtri

from sacd.simulate.coupling import Coupling
from sacd.simulate.night import BIN_S, Latents, by_state, wander
from sacd.simulate.participant import Participant, Stream

# How far willing eyes open at depth −1, 0, 1, 2, 3 and in REM.
_LIDS = (0.9, 0.75, 0.1, 0.0, 0.0, 0.0)
# Eyes stay open or shut for minutes; a face stays in sight or hidden longer.
_WILL_S, _SIGHT_S = 150.0, 1500.0
# The light on a face: shadows, lashes and glasses look like lids that move; about the person's own level.
_SHADE_SD, _SHADE_S, _PERSON_SD = 0.12, 60.0, 0.15
_BLINKS_HZ, _BLINK_SHARE = 0.2, 0.06


class Eyes:
    """The apparent opening of the eyes over a night.

    Many who lie awake in the dark keep them shut, some sleep with their lids ajar, and faces are turned away or covered
    for most of the night: the coupling's `eyes` is the share of it in which they can be seen.
    """

    def __init__(self, participant: Participant, latents: Latents, coupling: Coupling) -> None:
        rng = participant.rng(Stream.EYES)
        bins = len(latents.depth)
        # The share of waking time with open eyes, and how far the lids stay ajar in sleep.
        habit, ajar = rng.beta(1.5, 2.0), abs(rng.normal(0, 0.12))
        willing = wander(rng, (bins,), BIN_S, _WILL_S) < ndtri(habit)
        in_sight = wander(rng, (bins,), BIN_S, _SIGHT_S) < ndtri(coupling.eyes)
        lids = np.maximum(willing * by_state(_LIDS, latents.depth, latents.remness), ajar)
        shade = rng.normal(0, _PERSON_SD) + _SHADE_SD * wander(rng, (bins,), BIN_S, _SHADE_S)
        self._bins = (np.arange(bins) + 0.5) * BIN_S
        self._opening = np.where(in_sight, lids + shade, 0.0)
        self._phase = rng.uniform(0, 1)

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Apparent opening [n] at rising times (s): 0 is shut or unseen, 1 wide open."""
        blink = (_BLINKS_HZ * times + 0.7 * np.sin(0.37 * times) + self._phase) % 1 < _BLINK_SHARE
        return np.interp(times, self._bins, self._opening) * ~blink
