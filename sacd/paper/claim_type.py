"""What a claim of the paper is made of: the measurements it asks for, and the figures the paper prints for them."""

import math
from dataclasses import dataclass, field
from typing import Literal

from sacd.paper import printed as paper

Statistic = Literal["difference", "value", "lowest recall", "common error", "adjacent errors"]

EEG, VIDEO = "EEG alone", "Video alone"
"""Names of Table IV's baselines in a verdict."""


@dataclass(frozen=True)
class Evidence:
    """One measurement: a statistic that is above `threshold` if the claim is right.

    Attributes
    ----------
    statistic : str
        *difference*: `metric` of `system` minus that of `reference`, paired. *value*: `metric` of `system`.
        *lowest recall*: the lowest recall of the other stages minus that of `stage`. *common error*: the share of
        `stage` taken for `other` minus the share of its next wrong answer. *adjacent errors*: mean share taken for a
        neighbour minus for a stage further away, among W, N1, N2, N3.
    system, reference : str
        Names of what is measured, as the runs of a verdict are named.
    metric, stage, other : str
    printed : float
        The paper's figure for the statistic, on its own dataset; NaN where it prints none.
    threshold : float
        0, or minus the margin of a statement that two things are near.
    """

    statistic: Statistic
    system: str
    reference: str = ""
    metric: str = "accuracy"
    stage: str = ""
    other: str = ""
    printed: float = math.nan
    threshold: float = 0.0

    @property
    def title(self) -> str:
        """What is measured, in words."""
        metric = self.metric.replace("recall_", "recall of ").replace("macro_f1", "macro-F1").replace("kappa", "κ")
        near = f", at most {-100 * self.threshold:g} point below" if self.threshold else ""
        return {
            "difference": f"{self.system} − {self.reference}, {metric}{near}",
            "value": f"{self.system}, {metric}",
            "lowest recall": f"{self.system}: lowest other recall − recall of {self.stage}",
            "common error": f"{self.system}: {self.stage} → {self.other} − next wrong answer",
            "adjacent errors": f"{self.system}: share of errors to adjacent − to other stages",
        }[self.statistic]


@dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Attributes
    ----------
    name, text, place : str
        `place` is the section, table or figure.
    evidence : tuple of Evidence
        It holds where all of them do. The first is the headline.
    unmeasured : str
        Why nothing here measures it yet; empty where something does.
    doubts : tuple of str
        Statements of `sacd.paper.inconsistencies` that bear on it.
    note : str
        How it was read.
    of_video : bool
        Whether it speaks of what a camera shows, so that nothing but video, real or simulated, can bear on it.
    """

    name: str
    text: str
    place: str
    evidence: tuple[Evidence, ...] = ()
    unmeasured: str = ""
    doubts: tuple[str, ...] = ()
    note: str = field(default="", kw_only=True)
    of_video: bool = field(default=False, kw_only=True)


class Printed:
    """Evidence with the figures of the paper's tables, as fractions."""

    def __init__(self) -> None:
        ii, iv, v = (paper.tidy(name) for name in ("II", "IV", "V"))
        first = ii[(ii["student"] == "R(2+1)D-18")].assign(teacher=ii["teacher"].fillna(""))
        self.ii = first.set_index(["teacher", "method", "metric"])["mean"]
        names = {"Baseline R3D (only IR video)": VIDEO, "Baseline Attnsleep (only EEG)": EEG}
        self.iv = iv.replace({"method": names}).set_index(["method", "metric"])["mean"]
        self.v = v.set_index(["method", "metric"])["mean"]

    def method(self, name: str, metric: str = "accuracy", teacher: str = "AttnSleep") -> float:
        return float(self.ii["" if name == "CE" else teacher, name, metric])

    def over(self, reference: str, metric: str = "accuracy", teacher: str = "AttnSleep") -> Evidence:
        """SACD against another method of Table II."""
        suffix = "" if teacher == "AttnSleep" else f", {teacher}"
        return Evidence(
            "difference",
            f"SACD{suffix}",
            reference if reference == "CE" else f"{reference}{suffix}",
            metric,
            printed=self.method("SACD", metric, teacher) - self.method(reference, metric, teacher),
        )

    def fused(self, system: str, reference: str, threshold: float = 0.0) -> Evidence:
        """Two rows of Table IV."""
        gain = float(self.iv[system, "accuracy"] - self.iv[reference, "accuracy"])
        return Evidence("difference", system, reference, printed=gain, threshold=threshold)

    def without(self, row: str) -> Evidence:
        """The whole method against a row of Table V."""
        gain = float(self.v["ours", "accuracy"] - self.v[row, "accuracy"])
        return Evidence("difference", "SACD", row, printed=gain)

    def hardest(self, system: str, stage: str) -> Evidence:
        """The lowest of the other recalls over that of a stage (Table II)."""
        others = [self.method(system, name) for name in paper.RECALLS if name != f"recall_{stage}"]
        gap = min(others) - self.method(system, f"recall_{stage}")
        return Evidence("lowest recall", system, metric="recall", stage=stage, printed=gap)


def point(lambdas: tuple[float, float, float]) -> str:
    """Name of SACD at some (λ1, λ2, λ3)."""
    return "λ = ({:g}, {:g}, {:g})".format(*lambdas)
