"""What networks, objectives and training are configured with; the paper's settings are the defaults (section V-B)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from sacd.exceptions import SacdError
from sacd.models import known_options
from sacd.models.shipped import is_shipped, weights_file
from sacd.objectives import normal_options, resolved
from sacd.training.batches import STRETCH

Options = dict[str, int | float | str | bool]

TRAINING_VERSION = 3
"""Enters the identity of every run; raised when the loop, sampler, transforms or pretext change numbers."""


class Frozen(BaseModel):
    """Base of every configuration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelConfig(Frozen):
    """A network by its name in `sacd.models.MODELS`, with keyword options.

    `weights` are shipped ones by name (`sacd.models.shipped`), or the path of a published checkpoint. Options that
    equal the defaults are left out. Raises `SacdError` where the network, an option or the name of weights is unknown.
    """

    name: str
    options: Options = Field(default={}, validate_default=True)
    weights: str | None = None

    @field_validator("options")
    @classmethod
    def _without_defaults(cls, options: Options, info: ValidationInfo) -> Options:
        return known_options(info.data["name"], options) if "name" in info.data else options

    @field_validator("weights")
    @classmethod
    def _are_there_and_fit(cls, weights: str | None, info: ValidationInfo) -> str | None:
        if weights is not None and is_shipped(weights) and "name" in info.data:
            weights_file(info.data["name"], weights)
            if options := info.data.get("options"):
                raise SacdError(
                    f"weights {weights!r} are of {info.data['name']} as it is by default; "
                    f"leave out {', '.join(options)}, or the weights"
                )
        return weights


class ObjectiveConfig(Frozen):
    """A way of distilling by its name in `sacd.objectives`, or ``file.py:Class``, with keyword options.

    A file is named from the working directory and kept with its whole path. Options that equal the defaults are left
    out. Raises `SacdError` where the objective is unknown or refuses its options: before anything is trained.
    """

    name: str = "ce"
    options: Options = Field(default={}, validate_default=True)

    @field_validator("name")
    @classmethod
    def _whole_path(cls, name: str) -> str:
        return resolved(name)

    @field_validator("options")
    @classmethod
    def _without_defaults(cls, options: Options, info: ValidationInfo) -> Options:
        return normal_options(info.data["name"], options) if "name" in info.data else options


class TrainingConfig(Frozen):
    """How a network is trained. Batches hold `batch` clips; `validate_every` is in steps, `stretch` in clips.

    Attributes
    ----------
    labelled_share : float, optional
        Share of a batch's windows that come from labelled participants, drawn apart from the others
        (`SeparateSampler`); None draws both together. Changes nothing where everybody is labelled, or where the
        objective does not use unlabelled clips.
    labelled_weight : float
        By what a student's cross-entropy, the term "ce", is divided: 0 the clips of the whole batch, as the objectives
        are published; 1 the labelled clips alone; between, the geometric mean of both with these weights.
    trunk_lr : float
        Factor on the learning rate of a network but for its head; 0 freezes it, batch norm's statistics too.
    objective_lr : float
        Factor on the learning rate of an objective's own networks.
    patience : int, optional
        Training ends after as many validations in a row without a better score; None: never before `steps`. The
        schedule is that of all steps.
    keep : {"best", "midway"}
        Which weights: those that validated best; or, where too few people validate to tell, the mean of those that
        training began with and those of its last step (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903).
    flagged : bool
        Whether clips that a quality flag marks (a gap in the video, frozen, damaged …) are drawn and judged too.
    """

    steps: int = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(default=0.001, gt=0)
    weight_decay: float = 5e-4
    schedule: Literal["constant", "cosine"] = "constant"
    sampler: Literal["window", "random", "stretch"] = "window"
    stretch: int = Field(default=STRETCH, gt=0)
    validate_every: int = Field(default=500, gt=0)
    augment: bool = True
    normalise: Literal["standard", "clip-mean"] = "standard"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    momentum_encoder: float = Field(default=0.999, ge=0, lt=1)
    labelled_share: float | None = Field(default=None, gt=0, lt=1)
    labelled_weight: float = Field(default=0.0, ge=0, le=1)
    trunk_lr: float = Field(default=1.0, ge=0)
    objective_lr: float = Field(default=1.0, gt=0)
    patience: int | None = Field(default=None, gt=0)
    keep: Literal["best", "midway"] = "best"
    flagged: bool = False


class Recipe(Frozen):
    """A network and how it is trained."""

    model: ModelConfig
    training: TrainingConfig
