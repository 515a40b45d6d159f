"""The picture: a bed under an infrared ceiling camera, rendered for a posture and small displacements of each mode.

Units are picture heights; the origin is the picture's centre. `along` runs from head to feet, `across` over the bed.
Grey values are 0–1. Many poses are rendered at once, first axis, for finite differences.
"""

from dataclasses import dataclass

import numpy as np

from sacd.simulate.body import (
    ABDOMEN,
    CAMERA_X,
    EYES,
    HEAD,
    THORAX,
    TRUNK,
)
from sacd.simulate.participant import Participant, Stream

SUPINE, LEFT, RIGHT, PRONE = range(4)
ARM_LEFT, ARM_RIGHT, LEG_LEFT, LEG_RIGHT = 3, 4, 5, 6
_SIDE = (0, -1, 1, 0)
_BREADTH = (1.0, 0.78, 0.78, 1.05)
# Half an eye, in picture heights of about 2 m.
_EYE = 0.0045


@dataclass(frozen=True)
class Texture:
    """A sum of sinusoids over the plane; components finer than a pixel fade, so nothing aliases."""

    waves: np.ndarray
    phase: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int, cycles: float) -> "Texture":
        """`count` waves of about `cycles` periods a picture height."""
        return cls(2 * np.pi * cycles * rng.standard_normal((count, 2)), rng.uniform(0, 2 * np.pi, count))

    def __call__(self, x: np.ndarray, y: np.ndarray, pixel: float) -> np.ndarray:
        """About unit variance, float32, the shape of `x`."""
        result = np.zeros_like(x)
        for (kx, ky), phase in zip(self.waves, self.phase, strict=True):
            fade = np.exp(-((kx * kx + ky * ky) * pixel * pixel) / 24)
            if fade > 0.02:
                result += np.float32(fade) * np.sin(np.float32(kx) * x + np.float32(ky) * y + np.float32(phase))
        return result * np.float32(np.sqrt(2 / len(self.waves)))


@dataclass(frozen=True)
class Room:
    """The unchanging part of a participant's picture, and what people, bed and camera look like."""

    turn: float
    scale: float
    shift: tuple[float, float]
    floor: float
    sheet: float
    blanket: float
    clothes: float
    skin: float
    hair: float
    lamp: tuple[float, float]
    light: tuple[float, float]
    girth: float
    fold: float
    print_contrast: float
    furniture: tuple[tuple[float, float, float, float, float], ...]
    ground: Texture
    folds: Texture
    prints: Texture

    @classmethod
    def draw(cls, participant: Participant) -> "Room":
        """The participant's room: camera angle, distance and offset, bed, blanket, build."""
        rng = participant.rng(Stream.SCENE)
        uniform = rng.uniform
        furniture = tuple(
            (float(side * uniform(0.48, 0.75)), float(uniform(-0.45, 0.45)), float(uniform(0.05, 0.14)),
             float(uniform(0.05, 0.2)), float(uniform(0.04, 0.4)))
            for side in rng.choice([-1, 1], 3)
        )
        # Build from weight against age; 70 kg is 1.
        girth = np.clip((participant.weight / 70) ** 0.4, 0.75, 1.25)
        return cls(
            turn=float(rng.normal(0, 0.2) + rng.choice([0, np.pi / 2, -np.pi / 2])),
            scale=float(np.exp(rng.normal(-0.02, 0.08))),
            shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
            floor=float(uniform(0.05, 0.13)), sheet=float(uniform(0.34, 0.5)), blanket=float(uniform(0.26, 0.5)),
            clothes=float(uniform(0.2, 0.5)), skin=float(uniform(0.45, 0.62)), hair=float(uniform(0.06, 0.2)),
            lamp=(float(rng.normal(0, 0.15)), float(rng.normal(0, 0.15))),
            light=tuple(float(v) for v in rng.choice([-1, 1], 2) * uniform(0.4, 1, 2)),
            girth=float(girth), fold=float(uniform(0.002, 0.006)), print_contrast=float(uniform(0.0, 0.07)),
            furniture=furniture,
            ground=Texture.draw(rng, 6, 2.0), folds=Texture.draw(rng, 10, 3.5), prints=Texture.draw(rng, 5, 9.0),
        )


def _edge(distance: np.ndarray, soft: float) -> np.ndarray:
    """1 inside (positive distance), 0 outside, over a border of width `soft`."""
    return np.clip(distance / np.float32(2 * soft) + np.float32(0.5), 0, 1)


def _union(domes: list[np.ndarray]) -> np.ndarray:
    """Smooth maximum (4-norm): bodies have no creases."""
    total = sum((dome * dome) ** 2 for dome in domes)
    return np.sqrt(np.sqrt(total))


@dataclass(frozen=True)
class _View:
    """What does not move, [height, width] each: coordinates of the bed, the empty bed, folds and hem of a blanket."""

    across: np.ndarray
    along: np.ndarray
    empty: np.ndarray
    folds: np.ndarray
    hem: np.ndarray


class Scene:
    """Renders one room at one resolution.

    Parameters
    ----------
    room : Room
    height, width : int
        Pixels; a wide picture shows more of the room, at the same scale.
    """

    def __init__(self, room: Room, height: int, width: int) -> None:
        self._room = room
        self.pixel = 1 / height
        self._soft = max(self.pixel, 0.008)
        self.y, self.x = (
            axis.astype(np.float32) for axis in np.meshgrid(
                (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5 - width / 2) / height, indexing="ij"
            )
        )
        # Infrared light falls off towards the borders.
        distance = (self.x - room.lamp[0]) ** 2 + (self.y - room.lamp[1]) ** 2
        self._light = 1.15 - 0.9 * np.minimum(distance, 0.9)
        self._view = self._look()

    def modes(self, posture: int, blanket: bool, limbs: np.ndarray) -> np.ndarray:
        """How the picture of a resting pose changes with each mode, by finite differences.

        Parameters
        ----------
        posture : int
        blanket : bool
            Whether it covers the body.
        limbs : ndarray [MODES]
            The resting position of head and limbs.

        Returns
        -------
        ndarray [MODES, height, width] float32
            Grey values per unit of the mode.
        """
        body = np.arange(CAMERA_X)
        step = np.full(len(body), 0.2, dtype=np.float32)
        step[[THORAX, ABDOMEN]], step[EYES] = 0.15, 1.0
        poses = np.tile(limbs, (1 + len(body), 1))
        poses[1 + body, body] += step
        pictures = self.rest(posture, blanket, poses)
        moved = (pictures[1:] - pictures[0]) / step[:, None, None]
        # A bump of the camera shifts the whole picture.
        down, right = np.gradient(pictures[0], self.pixel)
        return np.concatenate([moved, -right[None], -down[None]])

    def _look(self) -> _View:
        room = self._room
        cos, sin = np.float32(np.cos(room.turn)), np.float32(np.sin(room.turn))
        x = (self.x - np.float32(room.shift[0])) / np.float32(room.scale)
        y = (self.y - np.float32(room.shift[1])) / np.float32(room.scale)
        across, along = cos * x + sin * y, cos * y - sin * x
        folds = room.folds(across, along, self.pixel)
        empty = room.floor * (1 + 0.25 * room.ground(across, along, self.pixel))
        for cx, cy, a, b, grey in room.furniture:
            box = _edge(np.minimum(a - np.abs(across - cx), b - np.abs(along - cy)), self._soft)
            empty = empty * (1 - box) + box * grey
        bed = _edge(np.minimum(0.32 - np.abs(across), 0.485 - np.abs(along)), self._soft)
        empty = empty * (1 - bed) + bed * room.sheet
        pillow = _edge(1 - (across / 0.19) ** 4 - ((along + 0.345) / 0.1) ** 4, 0.25)
        empty = empty * (1 - pillow) + pillow * (room.sheet + 0.06 + 0.03 * folds)
        return _View(across, along, empty, folds, 0.02 * room.folds(along * 2, across, self.pixel))

    def rest(self, posture: int, blanket: bool, limbs: np.ndarray) -> np.ndarray:
        """Pictures [n, height, width] float32 of resting poses [n, MODES]."""
        room, view, side = self._room, self._view, _SIDE[posture]
        q = limbs.astype(np.float32)[:, :, None, None]
        height, arms = self._body(view, q, side, posture)
        body = np.clip(np.maximum(height * 40, arms * 60), 0, 1)
        picture = view.empty * (1 - body) + body * room.clothes * (1.0 if blanket else self._shade(height))
        if blanket:
            # It reaches from the shoulders to beyond the feet; arms lie on top of it or lift it.
            shift = 0.2 * q[:, TRUNK]
            covered = _edge(0.245 + 0.6 * view.hem - np.abs(view.across - shift), self._soft)
            ends = np.minimum(view.along + 0.235, 0.47 - view.along)
            covered = covered * _edge(ends + view.hem, self._soft)
            prints = np.tanh(2 * room.prints(view.across - shift, view.along + 0.3 * height, self.pixel))
            cloth = room.blanket + room.print_contrast * prints
            shade = self._shade(height + room.fold * view.folds + 0.7 * arms)
            picture = picture * (1 - covered) + covered * cloth * shade
        return (self._face(picture, view, q, side, posture) * self._light).astype(np.float32)

    @staticmethod
    def _dome(view: _View, across, along, a, b, turn=0.0) -> np.ndarray:
        """1 in the middle of an ellipse with half-axes a and b, 0 at its rim and outside."""
        cos, sin = np.cos(turn, dtype=np.float32), np.sin(turn, dtype=np.float32)
        dx, dy = view.across - across, view.along - along
        u, v = (cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b
        return np.maximum(1 - u * u - v * v, 0)

    def _body(self, view: _View, q: np.ndarray, side: int, posture: int) -> tuple[np.ndarray, np.ndarray]:
        """Height of trunk and legs, and of the arms, in picture heights."""
        breadth = self._room.girth * _BREADTH[posture]
        shift, lean = 0.2 * q[:, TRUNK] + side * 0.02, side * 0.1
        chest = 0.155 * breadth * (1 + 0.45 * q[:, THORAX])
        belly = 0.145 * breadth * (1 + 0.5 * q[:, ABDOMEN])
        domes = [
            0.085 * (1 + 1.8 * q[:, THORAX]) * self._dome(view, shift, -0.13, chest, 0.19, lean),
            0.08 * (1 + 2 * q[:, ABDOMEN]) * self._dome(view, shift + side * 0.02, 0.05, belly, 0.2, lean),
        ]
        for mode, sign in ((LEG_LEFT, -1), (LEG_RIGHT, 1)):
            place = sign * 0.065 + shift + 0.25 * q[:, mode] + side * 0.03
            domes.append(0.06 * self._dome(view, place, 0.27, 0.07, 0.21, 0.5 * q[:, mode] + side * 0.2 + sign * 0.06))
        arms = []
        for mode, sign in ((ARM_LEFT, -1), (ARM_RIGHT, 1)):
            place = sign * 0.165 * breadth + shift + 0.3 * q[:, mode]
            bend = sign * 0.2 + q[:, mode]
            arms.append(0.045 * self._dome(view, place, -0.07 + 0.2 * q[:, mode], 0.042, 0.16, bend))
        return _union(domes), _union(arms)

    def _shade(self, relief: np.ndarray) -> np.ndarray:
        """Brightness of a surface lit from beside the camera; higher is nearer, hence brighter."""
        down, right = np.gradient(relief, self.pixel, axis=(-2, -1))
        slope = self._room.light[0] * right + self._room.light[1] * down
        return np.clip(1 - 0.4 * slope, 0.35, 1.7) * (0.85 + 2.4 * relief)

    def _face(self, picture: np.ndarray, view: _View, q: np.ndarray, side: int, posture: int) -> np.ndarray:
        room = self._room
        skull = np.minimum(4 * self._dome(view, side * 0.03 + 0.25 * q[:, HEAD], -0.335, 0.062, 0.075), 1)
        picture = picture * (1 - skull) + skull * room.hair
        if posture == PRONE:
            return picture
        cx = side * 0.055 + 0.3 * q[:, HEAD]
        face = np.minimum(4 * self._dome(view, cx, -0.322, 0.046, 0.06), 1) * skull
        picture = picture * (1 - face) + face * room.skin
        # An eye is far smaller than a coarse pixel, which then shows its share of light only.
        reach = max(_EYE, self.pixel / 2)
        faint = (_EYE / reach) ** 2
        for eye in (-0.017, 0.017):
            spot = np.exp(-((view.across - cx - eye) ** 2 + (view.along + 0.335) ** 2) / (2 * reach * reach))
            picture = picture + faint * face * spot * (0.35 * q[:, EYES] - 0.12)
        return picture
