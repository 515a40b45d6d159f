"""What a decision is: how a run's probabilities become stages, and what of the run it needs to know for that."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sacd.exceptions import SacdError
from sacd.stages import STAGES

Positive = Annotated[float, Field(gt=0)]
OfStages = Field(min_length=len(STAGES), max_length=len(STAGES))
"""A value, or a row of them, of each stage."""
Shares = Annotated[tuple[Positive, ...], OfStages]


class Clips(NamedTuple):
    """What one network says of n clips, in any order.

    Attributes
    ----------
    probability : ndarray [n, 5] float
        Of each stage; rows sum to 1.
    night : ndarray [n]
        The recording that each clip is of.
    number : ndarray [n] int
        Its place in that night, in clips; a number that is missing is a gap.
    """

    probability: np.ndarray
    night: np.ndarray
    number: np.ndarray


class Fitted(BaseModel):
    """What was fitted on a run's own labelled participants, and lies in its folder as `file`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    file: ClassVar[str]

    def write(self, folder: Path) -> None:
        """Write it into a run's folder."""
        (folder / self.file).write_text(self.model_dump_json(indent=1))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """That of the run in a folder.

        Raises
        ------
        SacdError
            The run has none, for an older version made it, or what lies there cannot be read.
        """
        file = folder / cls.file
        try:
            with open(file, encoding="utf-8") as stream:
                # A few kB; what is longer is cut off, and no JSON.
                return cls.model_validate_json(stream.read(1_000_000))
        except (OSError, ValueError):
            raise SacdError(
                f"{file}: missing or unreadable, and the decision needs it; delete this run and train it anew"
            ) from None


@dataclass(frozen=True)
class Decision:
    """A way from probabilities to stages.

    Attributes
    ----------
    title : str
        In tables and figures.
    description : str
        One line.
    stages : callable
        Of `Clips` and an instance of `fitted`, giving stage codes, ndarray [n] int.
    fitted : type of Fitted, optional
        What it needs to know of the run.
    causal : bool
        Whether a clip's stage depends on no later clip.
    whole_nights : bool
        Whether a clip's stage depends on other clips of its night, so that these must all be there.
    """

    title: str
    description: str
    stages: Callable[[Clips, Any], np.ndarray]
    fitted: type[Fitted] | None = None
    causal: bool = True
    whole_nights: bool = False
