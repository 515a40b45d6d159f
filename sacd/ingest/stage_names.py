"""What laboratories call stages and events, and how a user adds names of their own.

A YAML file extends the names that are built in (AASM and Rechtschaffen & Kales) and has the last word::

    stages:
      W: [0, Wach]
      N1: [1]
      N2: [2]
      N3: [3, 4]
      REM: [5]
      not scored: [9, Bewegung]
    events:
      lights off: [Licht aus]
    epoch_s: 20              # length of the epochs of files that do not say it

Bare digits are read only where such a file says what they mean: 4 is S4 to some and REM to others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, StrictFloat, StrictInt, StrictStr

from sacd.cohort.events import EVENT_TYPES
from sacd.cohort.format import plain_yaml, validated
from sacd.exceptions import SacdError, reading
from sacd.ingest.text_file import read_text
from sacd.stages import N1, N2, N3, NOT_SCORED, REM, STAGES, W

_WORDS = {
    W: ("w", "wake", "awake", "wakefulness", "s0"),
    N1: ("n1", "s1"),
    N2: ("n2", "s2"),
    N3: ("n3", "n4", "s3", "s4", "sws"),
    REM: ("r", "rem"),
    # YASA writes ART and UNS, BIDS n/a.
    NOT_SCORED: (
        "?", "-1", "n/a", "m", "mt", "movement", "movementtime", "art", "artefact", "artifact", "uns", "unknown",
        "unscored", "notscored", "undefined",
    ),
}  # fmt: skip
_BUILT_IN = {word: code for code, words in _WORDS.items() for word in words}
# After the word "stage" digits are those of Rechtschaffen & Kales; 0 and 5 have no other meaning there.
_AFTER_STAGE = {"0": W, "1": N1, "2": N2, "3": N3, "4": N3, "5": REM}
_PREFIX = re.compile(r"(sleep)?(stage)?")
_NREM = re.compile(r"(nrem|nonrem)(?=\d)")
# Whole names only: a sentence that mentions an apnoea is none.
_EVENTS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in {
        "lights off": r"lights?(off|out)",
        "lights on": r"lights?on",
        "hypopnoea": r"(obstructive|central|mixed)?hypopno?ea",
        "apnoea": r"(obstructive|central|mixed|unclassified)?apno?ea",
        "arousal": r"(eeg|asda|cortical|spontaneous|external|respiratory|respiratoryeffortrelated|plm|limbmovement)?"
        r"arousals?(resultingfrom[a-z]{1,40})?|rera",
        "limb movement": r"((periodic)?(limb|leg)movements?|plms?|lm)(left|right)?",
        "position change": r"(body)?positionchange|changeof(body)?position",
        "artefact": r"(signal|eeg|movement)?art[ei]fact",
    }.items()
)
_LONGEST = 80
_LARGEST_FILE = 2**14

Name = StrictStr | StrictInt | StrictFloat


class _File(BaseModel):
    """The YAML file."""

    model_config = ConfigDict(extra="forbid")

    stages: dict[Literal["W", "N1", "N2", "N3", "REM", "not scored"], list[Name]] = {}
    events: dict[Literal[EVENT_TYPES], list[Name]] = {}
    epoch_s: Literal[5, 10, 20, 30] | None = None


@dataclass(frozen=True)
class StageNames:
    """Names of stages and events: those built in, and a user's.

    Attributes
    ----------
    stages, events : mapping
        The user's: normalised name to code, and to one of `EVENT_TYPES`.
    epoch_s : float or None
        Length of the epochs of files that do not say it, s.
    """

    stages: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    epoch_s: float | None = None

    @classmethod
    def read(cls, path: Path) -> "StageNames":
        """Read a user's YAML file, as the module describes it.

        Raises
        ------
        SacdError
            Not such a file, or a name with two meanings.
        """
        text = read_text(path, "write the names in YAML", _LARGEST_FILE)
        with reading(path, "correct it", "not valid YAML"):
            content = plain_yaml(text)
        file = validated(_File, {} if content is None else content, path)
        codes = {**{name: code for code, name in enumerate(STAGES)}, "not scored": NOT_SCORED}
        stages = _inverted(path, {codes[stage]: names for stage, names in file.stages.items()})
        return cls(stages, _inverted(path, file.events), file.epoch_s)

    def stage(self, text: str) -> int | None:
        """The code of a stage's name, −1 for a name that means *not scored*, None for anything else."""
        if len(text) > _LONGEST:
            return None
        key = _key(text)
        if key in self.stages:
            return self.stages[key]
        start = _PREFIX.match(key).end()
        bare = key[start:].removesuffix("sleep")
        if start and bare in _AFTER_STAGE:
            return _AFTER_STAGE[bare]
        return _BUILT_IN.get(_NREM.sub("n", bare))

    def event(self, text: str) -> str | None:
        """The type of an event's name, one of `EVENT_TYPES`; None for anything else."""
        if len(text) > _LONGEST:
            return None
        # "Obstructive apnea|Obstructive Apnea" (NSRR), "Arousal (ARO RES)" (Compumedics).
        key = _key(re.sub(r"\([^()]*\)", "", text.partition("|")[0]))
        own = self.events.get(_key(text), self.events.get(key))
        return own or next((kind for kind, pattern in _EVENTS if pattern.fullmatch(key)), None)

    def mark(self, text: str) -> int | str | None:
        """An annotation's meaning: the code of a stage, the type of an event, or None.

        Annotations hold both, so *artefact* and the like are events unless the word stage precedes them.
        """
        if says_stage(text) or _key(text) in self.stages:
            return self.stage(text)
        event = self.event(text)
        return self.stage(text) if event is None else event


def says_stage(text: str) -> bool:
    """Whether a text calls itself a stage ("Sleep stage X"), known or not."""
    return _key(text[:_LONGEST]).startswith(("sleepstage", "stage"))


def unknown_stage(path: Path, where: str, text: str) -> SacdError:
    """The error for a name that is no stage; `where` is like "line 3".

    What was written is repeated only where it can be nothing but a name of a stage: a scoring may hold free text.
    """
    text = text.strip()
    if re.fullmatch(r"[-+]?\d{1,3}(\.0*)?", text):
        return SacdError(
            f"{path}: {where}: the stage is the digit {text}, and digits mean different stages to different programs "
            "(4 is S4 to some and REM to others); say what they mean in a YAML file for --stage-names, like "
            "'stages: {W: [0], N1: [1], N2: [2], N3: [3, 4], REM: [5]}'"
        )
    rest = _key(text[:_LONGEST])[_PREFIX.match(_key(text[:_LONGEST])).end() :]
    shown = repr(text) if 0 < len(rest) <= 2 and len(text) <= 20 else f"a text of {len(text)} characters"
    return SacdError(
        f"{path}: {where}: {shown} is not a known stage; use W, N1, N2, N3, REM or ?, or say what it means in a YAML "
        "file for --stage-names, like 'stages: {W: [Wach]}'"
    )


def _inverted(path: Path, meanings: Mapping[Any, list[Name]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for meaning, names in meanings.items():
        for key in (_key(str(name)) for name in names):
            if found.setdefault(key, meaning) != meaning:
                raise SacdError(f"{path}: the name {key!r} has two meanings; keep one")
    return found


def _key(text: str) -> str:
    """A name without case, spaces and hyphens between words; 2.0 is 2."""
    key = re.sub(r"[\s_:]+", "", text.casefold())
    key = re.sub(r"(?<=[^\W\d])-", "", key)
    return re.sub(r"^(-?\d+)\.0*$", r"\1", key)
