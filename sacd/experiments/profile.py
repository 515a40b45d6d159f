"""Profiles: how much work a report does. One YAML file each in `sacd/experiments/profiles`, or a user's own."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from sacd.cohort.format import check_size, plain_yaml
from sacd.cohort.splits import Protocol
from sacd.exceptions import SacdError, reading
from sacd.objectives import load_objective
from sacd.training.config import Frozen, ModelConfig, Recipe

_LARGEST = 1_000_000
"""Bytes of a profile."""
People = Annotated[int, Field(ge=0, le=10_000)]
Count = Annotated[int, Field(gt=0, le=10_000)]
"""Of seeds, trials, people: of more even the plan would not come to an end."""


class SimulationConfig(Frozen):
    """The simulated cohort a profile works on by default (see `sacd simulate --help`)."""

    train: People = 64
    test: People = 24
    nights: People = 4
    coupling: Literal["weak", "medium", "strong"] = "medium"
    seed: int = 0
    frames: int = Field(default=32, gt=1, le=1000)
    size: int = Field(default=32, gt=7, le=512)
    preview: bool = False


class Comparison(Frozen):
    """Table II beyond the main teacher and student: what else stands in it.

    `methods` are distilled from each of `teachers` too; `student` is a second network, on video, by CE alone. `shifted`
    are methods whose teacher speaks of another time of the night, as a control; `smoothed` those whose teacher is
    smoothed over the night. `trunks` are the weights of other trunks, on which every method of the frozen tier stands
    once more; on an untrained one stand those of `untrained`, on those of `sensitivity` (other pretraining seeds,
    another coupling) the headline's. Of `tuned` the power of the prior's correction is chosen by cross-fitting, with
    few labels.
    """

    teachers: tuple[ModelConfig, ...] = ()
    methods: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()
    smoothed: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    sensitivity: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    seeds: Count = 3
    student: Recipe | None = None


class EqualBudget(Frozen):
    """Table II's second block: `trials` settings of every method, chosen on the validation participants of each seed.

    `teachers` beside the main one.
    """

    trials: Count = 4
    seeds: Count = 3
    methods: tuple[str, ...] = ()
    teachers: tuple[ModelConfig, ...] = ()


class Sweep(Frozen):
    """Fig. 5: the values of each λ, seeds, and the steps of a run where they are cut."""

    values: tuple[float, ...] = (0.1, 0.5, 1.0, 5.0, 10.0)
    seeds: Count = 3
    steps: int | None = Field(default=None, gt=0)


class Ablation(Frozen):
    """Table V and its further rows: seeds, and the values tried for K, m and the momentum beside the published ones.

    `released` are methods whose students on video show how fast a trunk should learn.
    """

    seeds: Count = 3
    negatives: tuple[int, ...] = ()
    bank_sizes: tuple[int, ...] = ()
    momenta: tuple[float, ...] = ()
    released: tuple[str, ...] = ()


class Fusion(Frozen):
    """Table IV: parts of the out-of-fold features (1: the paper's way), seeds, and the steps of C and D where cut."""

    parts: Count = 3
    seeds: Count = 3
    released_steps: int | None = Field(default=None, gt=0)


class FrameSampling(Frozen):
    """Numbers of frames, consecutive (at `rate`, Hz) or spread over the clip; the cohorts' size and the budget."""

    frames: tuple[int, ...] = (8, 16, 32, 64)
    rate: float = Field(default=10.0, gt=0)
    train: People = 64
    test: People = 24
    steps: int | None = Field(default=None, gt=0)
    seeds: Count = 3


class Night(Frozen):
    """Whole nights: the cohort beside a simulated one, the networks' contexts (clips; 0 the night), methods, seeds.

    `teacher` is that of raw EEG, where it is not the profile's own. `networks` beside the student's are trained with
    the longest context. `all_labels` are methods that stand there with all labels too. `parts` of the labelled
    participants make an ensemble of teachers in notebook 17; None leaves it out.
    """

    train: Count = 40
    test: Count = 24
    encoder: str = "r2plus1d_10-motion"
    seeds: Count = 3
    lengths: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(1, 20, 120), min_length=1)
    networks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("ce", "kd", "sacd")
    all_labels: tuple[str, ...] = ("ce", "kd", "sacd")
    parts: int | None = Field(default=None, gt=1, le=1000)
    teacher: Recipe | None = None
    student: Recipe

    @property
    def longest(self) -> int:
        """The longest context, clips; 0 the night."""
        return 0 if 0 in self.lengths else max(self.lengths)


class Portraits(Frozen):
    """Notebooks 09 and 10: further test participants beside a simulated cohort, as whole nights, and how much is drawn.

    `weak` are people whose video shows less, as outliers; `clips` of a stage of a person are on the map, laid out by
    `method`; `shuffles` of the AHI are a control.
    """

    people: Count = 60
    weak: Count = 12
    permutations: int = Field(default=2000, gt=99, le=1_000_000)
    clips: Count = 30
    method: Literal["tsne", "umap"] = "tsne"
    shuffles: Count = 200


class Verdict(Frozen):
    """The verdict's further simulated cohorts, one a coupling; seeds, and methods or rows of Table V judged on them."""

    couplings: tuple[Literal["weak", "medium", "strong"], ...] = ("weak", "strong")
    seeds: Count = 3
    methods: tuple[str, ...] = ("ce", "ccl", "sacd")


class Profile(Frozen):
    """How much work a report does: cohort, seeds, budgets, which methods train on raw video.

    Table II has `seeds` of a method, and of those of `headline` as many as `headline_seeds`: what claims rest on.

    Chapters whose part is left out (`fusion`, `frame_sampling`, `portraits`) do not apply. The frozen tier stands on
    `trunk`, a network with shipped weights; a real cohort's also on `continued_trunk`, which goes on from the same
    weights on the cohort's own unlabelled video.
    """

    name: str
    cohort: SimulationConfig = SimulationConfig()
    seeds: Count = 3
    headline: tuple[str, ...] = ()
    headline_seeds: Count = 5
    folds: int = Field(default=4, gt=1, le=1000)
    labelled: int = Field(default=8, gt=1, le=10_000)
    teacher: Recipe
    few_label_teacher: Recipe
    student: Recipe
    trunk: ModelConfig | None = None
    continued_trunk: Recipe | None = None
    frozen: Recipe
    feature_teacher: Recipe
    feature_student: Recipe
    methods: tuple[str, ...]
    raw_methods: dict[Protocol, tuple[str, ...]] = {}
    fusion: Fusion | None = None
    comparison: Comparison = Comparison()
    equal_budget: EqualBudget = EqualBudget()
    ablation: Ablation = Ablation()
    sweep: Sweep = Sweep()
    frame_sampling: FrameSampling | None = None
    verdict: Verdict = Verdict()
    night: Night
    portraits: Portraits | None = None
    embedding_clips: int = Field(default=1500, gt=0, le=1_000_000)

    def seeds_of(self, method: str) -> int:
        """Seeds of a method in Table II's first block."""
        return max(self.seeds, self.headline_seeds) if method in self.headline else self.seeds

    @property
    def objectives(self) -> tuple[str, ...]:
        """Every objective that is named."""
        raw = [name for names in self.raw_methods.values() for name in names]
        others = self.comparison
        further = others.methods + others.shifted + others.smoothed + others.untrained + self.equal_budget.methods
        further += self.headline + self.night.methods
        return tuple(dict.fromkeys([*self.methods, *raw, *further]))


PROFILES = ("smoke", "laptop", "evening", "paper")


def load_profile(name: str | Path) -> Profile:
    """A profile by name (smoke, laptop, evening, paper) or from a YAML file.

    Raises
    ------
    SacdError
        Unknown profile or file, YAML that does not parse, an unknown key or a value out of range.
    """
    if str(name) in PROFILES:
        file = Path(str(resources.files("sacd.experiments") / "profiles" / f"{name}.yaml"))
    else:
        file = Path(name)
        if file.suffix not in (".yaml", ".yml"):
            raise SacdError(f"profile {str(name)!r} is unknown; use {', '.join(PROFILES)} or a .yaml file")
    check_size(file, "correct it, or name another profile", _LARGEST)
    with reading(file, "correct it, or name another profile", "not valid YAML"):
        raw = plain_yaml(file.read_text(encoding="utf-8"))
    try:
        profile = Profile.model_validate(_with_whole_paths(raw, file.resolve().parent))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        if first["type"] == "extra_forbidden":
            owner = Profile
            for part in first["loc"][:-1]:
                owner = _field_type(owner, part)
            known = ", ".join(owner.model_fields) if owner is not None else "see sacd/training/config.py"
            raise SacdError(f"{file}: unknown key {where}; known here: {known}") from None
        raise SacdError(f"{file}: {where}: {first['msg']}; correct the value") from None
    try:
        for name in profile.objectives:
            load_objective(name)
    except SacdError as error:
        raise SacdError(f"{file}: {error}") from None
    return profile


def _with_whole_paths(raw: Any, folder: Path) -> Any:
    """The content of a profile in which files of objectives, named from its own folder, have their whole path."""
    if isinstance(raw, dict):
        return {key: _with_whole_paths(value, folder) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_with_whole_paths(value, folder) for value in raw]
    return str(folder / raw) if isinstance(raw, str) and ".py:" in raw else raw


def _field_type(owner: type[BaseModel] | None, name: str | int) -> type[BaseModel] | None:
    if owner is None or name not in owner.model_fields:
        return None
    kind = owner.model_fields[str(name)].annotation
    options = [kind, *getattr(kind, "__args__", ())]
    return next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), None)
