"""Infrared video of a night: a picture is a matrix product of the resting scene's modes with the body's motion.

What only the camera sees: bumps of the camera, people who come in, pets, a blanket thrown off, light, sensor noise.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sacd.simulate.body import (
    ABDOMEN,
    CAMERA_X,
    CAMERA_Y,
    EYES,
    MODES,
    THORAX,
    Breathing,
    Motion,
    Movements,
    simulate_lies,
)
from sacd.simulate.coupling import Coupling
from sacd.simulate.eyes import Eyes
from sacd.simulate.night import BIN_S, Latents, wander
from sacd.simulate.participant import Participant, Stream
from sacd.simulate.scene import Room, Scene

NUISANCES = ("bump", "person", "pet", "light")
BUMP, PERSON, PET, LIGHT = range(4)
# An hour: rate; s: median length.
_NUISANCE_RATE = (0.5, 0.25, 1.0, 0.25)
_NUISANCE_S = (3.0, 50.0, 240.0, 90.0)
_PET_OWNERS = 0.15
_BREATH = 0.34
_BLANKET_S, _LONGEST_FADE_S = 3.0, 12.0
# Of resting pictures that are kept, so that those of half an hour fit when they are small.
_REST_PIXELS = 2**18
# Sensor noise by table: 256 quantiles of the normal distribution, drawn by random bytes.
_QUANTILES = ndtri((np.arange(256) + 0.5) / 256).astype(np.float32)


@dataclass(frozen=True)
class Nuisance:
    """Events that only the camera sees, arrays [events]: onset, duration (s), kind (`NUISANCES`), place, size."""

    onset: np.ndarray
    duration: np.ndarray
    kind: np.ndarray
    place: np.ndarray
    size: np.ndarray


def simulate_nuisance(participant: Participant, duration_s: float, factor: float) -> tuple[Nuisance, np.ndarray]:
    """The night's nuisance, and the rising times (s) at which the blanket goes off, on, off …

    Independent of the latents by construction.
    """
    rng = participant.rng(Stream.VIDEO_NUISANCE)
    rates = np.array(_NUISANCE_RATE) * factor
    rates[PET] *= rng.random() < _PET_OWNERS
    kind = np.repeat(np.arange(len(NUISANCES)), rng.poisson(rates * duration_s / 3600))
    n = len(kind)
    onset = rng.uniform(0, duration_s, n)
    length = np.array(_NUISANCE_S)[kind] * np.exp(0.6 * rng.standard_normal(n))
    events = Nuisance(onset, length, kind, rng.uniform(-1, 1, (n, 2)), rng.uniform(0.5, 1.5, n))
    changes, time = [], 0.0
    while time < duration_s:
        time += rng.exponential(3 * 3600 / factor)
        off = rng.gamma(2, 900)
        changes += [time, time + off]
        time += off
    return events, np.array(changes)


def _make_room(known: dict, most: int) -> None:
    """Forget the oldest entries."""
    while len(known) > most:
        del known[next(iter(known))]


class Video:
    """The video of a night.

    Parameters
    ----------
    participant, latents, movements, breathing, coupling
        The night; the coupling says how much of it the camera sees.
    """

    def __init__(
        self, participant: Participant, latents: Latents, movements: Movements, breathing: Breathing, coupling: Coupling
    ) -> None:
        self._participant, self._breathing, self._coupling = participant, breathing, coupling
        self._motion = Motion(movements, coupling.seen)
        self._room = Room.draw(participant)
        duration = len(latents.depth) * BIN_S
        self.nuisance, blanket = simulate_nuisance(participant, duration, coupling.nuisance)
        lies = simulate_lies(participant, movements, coupling.seen)
        # The blanket too cuts the night into stretches with one resting picture each.
        blanket = blanket[blanket < duration]
        self.lie_onset, order = np.unique(np.concatenate([lies.onset, blanket]), return_index=True)
        place = np.searchsorted(lies.onset, self.lie_onset, side="right") - 1
        cover = np.searchsorted(blanket, self.lie_onset, side="right")
        self._fade = np.minimum(np.where(order < len(lies.onset), lies.fade[place], _BLANKET_S), _LONGEST_FADE_S)
        self.lie_posture, self._rest, self.lie_blanket = lies.posture[place], lies.rest[place], cover % 2 == 0
        self._group = lies.group[place] + cover
        rng = participant.rng(Stream.SENSOR)
        self._noise = coupling.noise * np.exp(rng.normal(0, 0.2))
        self._exposure = 1 + 0.02 * wander(rng, (int(duration) + 2,), 1.0, 60.0)
        self._eyes = Eyes(participant, latents, coupling)
        self._scenes: dict[tuple[int, int], Scene] = {}
        self._known_modes: dict[tuple[int, int, int], np.ndarray] = {}
        self._known_rests: dict[tuple[int, int, int], np.ndarray] = {}

    def motion(self, times: np.ndarray) -> np.ndarray:
        """Motion modes [n, MODES] at rising times (s): movements, breathing, eyes and bumps of the camera."""
        result = self._motion(times)
        thorax, abdomen = self._breathing.effort(times)
        gain = _BREATH * self._coupling.visibility
        result[:, THORAX] += gain * thorax
        result[:, ABDOMEN] += gain * abdomen
        # Large displacements saturate: the modes are linear only near rest.
        result = np.tanh(2 * result) / 2
        result[:, EYES] = self._eyes(times)
        events = self.nuisance
        for i in np.nonzero((events.kind == BUMP) & (events.onset < times[-1]) & (events.onset > times[0] - 10))[0]:
            since = times - events.onset[i]
            shake = np.where(since >= 0, np.exp(-np.maximum(since, 0)) * np.sin(9 * since), 0)
            result[:, [CAMERA_X, CAMERA_Y]] += 0.03 * events.size[i] * shake[:, None] * events.place[i]
        return result

    def _scene(self, height: int, width: int) -> Scene:
        if (height, width) not in self._scenes:
            self._scenes[height, width] = Scene(self._room, height, width)
        return self._scenes[height, width]

    def _modes(self, lie: int, height: int, width: int) -> np.ndarray:
        """Modes [MODES, pixels] in grey levels, made once for all lies between two gross movements."""
        key = int(self._group[lie]), height, width
        if key not in self._known_modes:
            _make_room(self._known_modes, 3)
            first = int(np.searchsorted(self._group, self._group[lie]))
            modes = self._scene(height, width).modes(*self._covers(first), self._rest[first])
            self._known_modes[key] = 255 * modes.reshape(len(MODES), -1)
        return self._known_modes[key]

    def _rests(self, lies: np.ndarray, height: int, width: int) -> list[np.ndarray]:
        """Resting pictures [pixels] in grey levels; those of one posture are rendered together."""
        # First: what it forgets may be asked for.
        _make_room(self._known_rests, max(24, _REST_PIXELS // (height * width)))
        missing = [lie for lie in lies if (lie, height, width) not in self._known_rests]
        for cover in {self._covers(lie) for lie in missing}:
            part = [lie for lie in missing if self._covers(lie) == cover]
            pictures = 255 * self._scene(height, width).rest(*cover, self._rest[part])
            for lie, picture in zip(part, pictures, strict=True):
                self._known_rests[lie, height, width] = picture.ravel()
        return [self._known_rests[lie, height, width] for lie in lies]

    def _lies(self, first_s: float, last_s: float) -> np.ndarray:
        """Every lie that may be in a picture between two times."""
        first, last = np.searchsorted(self.lie_onset, [first_s - _LONGEST_FADE_S, last_s], side="right")
        return np.arange(max(first - 1, 0), last)

    def prepare(self, times: np.ndarray, height: int, width: int) -> None:
        """Render the resting pictures of clips at once, to be at hand when each is; times [clips, frames] (s).

        Ask for some dozens of small clips.
        """
        self._rests(np.unique(np.concatenate([self._lies(at[0], at[-1]) for at in times])), height, width)

    def _covers(self, lie: int) -> tuple[int, bool]:
        return int(self.lie_posture[lie]), bool(self.lie_blanket[lie])

    def render(self, times: np.ndarray, height: int, width: int, key: int | None = None) -> np.ndarray:
        """Pictures at rising times (s) within a minute or so, uint8 [n, height, width].

        `key` seeds the sensor noise; by default it follows from the first time.
        """
        times = np.asarray(times, dtype=float)
        weights = self.motion(times).astype(np.float32)
        lies = self._lies(times[0], times[-1])
        # Each new position fades in while the body moves, over those before it.
        come = np.clip((times - self.lie_onset[lies, None]) / self._fade[lies, None], 0, 1)
        come[0] = 1
        after = np.cumprod((1 - come)[::-1], axis=0)[::-1]
        share = come * np.concatenate([after[1:], np.ones((1, len(times)))])
        pictures = np.zeros((len(times), height * width), dtype=np.float32)
        lies, share = lies[share.any(axis=1)], share[share.any(axis=1)].astype(np.float32)
        for lie, part, rest in zip(lies, share, self._rests(lies, height, width), strict=True):
            shown = slice(*(np.nonzero(part)[0][[0, -1]] + (0, 1)))
            moved = weights[shown] @ self._modes(lie, height, width)
            moved += rest
            moved *= part[shown, None]
            pictures[shown] += moved
        pictures = pictures.reshape(len(times), height, width)
        self._intrude(pictures, times, self._scene(height, width))
        return self._expose(pictures, times, round(times[0] * 1000) if key is None else key)

    def _intrude(self, pictures: np.ndarray, times: np.ndarray, scene: Scene) -> None:
        """Someone at the bedside, or a pet on the bed, in front of everything else."""
        events = self.nuisance
        inside = (events.onset < times[-1]) & (events.onset + events.duration > times[0])
        for i in np.nonzero(inside & ((events.kind == PERSON) | (events.kind == PET)))[0]:
            since, length = times - events.onset[i], events.duration[i]
            there = np.nonzero((since > 0) & (since < length))[0]
            if len(there) == 0:
                continue
            t = since[there]
            near = np.clip(np.minimum(t, length - t) / 6, 0, 1)
            side = np.sign(events.place[i, 0])
            x = side * (0.85 - (0.85 - (0.42 if events.kind[i] == PERSON else 0.2)) * near) + 0.01 * np.sin(1.7 * t)
            y = 0.35 * events.place[i, 1] + 0.015 * np.sin(0.6 * t + 1)
            coat = 255 * (0.12 + 0.2 * events.size[i])
            # Seen from above: a body, and nearer the bed a dark head.
            length, breadth, head = (0.2, 0.12, 0.07) if events.kind[i] == PERSON else (0.085, 0.05, 0.035)
            for cx, cy, a, b, grey in ((x, y, breadth, length, coat), (x - 0.6 * side * breadth, y, head, head, 30.0)):
                dx, dy = scene.x - cx[:, None, None], scene.y - cy[:, None, None]
                dome = np.maximum(1 - (dx / a) ** 2 - (dy / b) ** 2, 0)
                cover = np.minimum(4 * dome, 1).astype(np.float32)
                pictures[there] = pictures[there] * (1 - cover) + cover * (grey * (0.7 + 0.5 * dome)).astype(np.float32)

    def _expose(self, pictures: np.ndarray, times: np.ndarray, key: int) -> np.ndarray:
        rng = self._participant.rng(Stream.SENSOR, key)
        gain = np.interp(times, np.arange(len(self._exposure)), self._exposure)
        gain = gain + 0.003 * rng.standard_normal(len(times))
        events = self.nuisance
        for i in np.nonzero(events.kind == LIGHT)[0]:
            since = times - events.onset[i]
            lit = np.clip(np.minimum(since, events.duration[i] - since) / 0.4, 0, 1)
            gain = gain * (1 + 0.5 * events.size[i] * lit)
        pictures *= gain[:, None, None].astype(np.float32)
        grain = np.frombuffer(rng.bytes(pictures.size), dtype=np.uint8)
        pictures += (np.float32(self._noise) * _QUANTILES)[grain].reshape(pictures.shape)
        np.clip(pictures, 0, 255, out=pictures)
        return pictures.astype(np.uint8)
