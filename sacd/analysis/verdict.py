"""Verdicts on the paper's claims: what was measured, with which interval, and the words that this allows.

The rule, chosen before any result: a piece of evidence *holds* where its 95 % interval for new participants and seeds
lies wholly on the claimed side; else it does not hold, be it *not clear* (the interval spans the threshold) or
*opposite*. A claim holds where all of its evidence does; where only a part was measured it stays undecided. Signs are
compared, never magnitudes: the paper's are another dataset's. With three or four seeds the same is said as a
*description*; with fewer, or too few participants, nothing.
"""

from dataclasses import dataclass

import pandas as pd

from sacd.analysis.comparison import corrected
from sacd.analysis.inference import ALPHA, CLAIM, CLAIM_SEEDS, DESCRIPTIVE, TOO_FEW, side
from sacd.analysis.measurement import FIGURES, weigh
from sacd.cohort import CohortInfo
from sacd.paper.claim_type import Claim

HOLDS, NOT_CLEAR, OPPOSITE, IN_PART = "holds", "not clear", "opposite", "measured in part"
SIMULATION, PRIVILEGED, FEATURES, REAL = "simulation", "privileged features", "given features", "real video and EEG"
WORDS = {
    SIMULATION: ("holds in this simulation", "does not hold in this simulation"),
    PRIVILEGED: ("holds for privileged features", "does not hold for privileged features"),
    FEATURES: ("holds for given features", "does not hold for given features"),
    REAL: ("reproduced", "not reproduced"),
}
STANDINGS = (CLAIM, DESCRIPTIVE, TOO_FEW)
"""From the strongest to the weakest."""
UNTESTED = "cannot be tested here"
"""What stands for real paired video and EEG until somebody brings them."""


def source(info: CohortInfo) -> str:
    """What kind of data a cohort is, a key of `WORDS`; only real, raw video and EEG can reproduce anything.

    Features are *privileged* where the student's are some of the teacher's own (DESIGN: the Sleep-EDF benchmark).
    """
    if info.simulated:
        return SIMULATION
    if (info.video, info.eeg) == ("raw", "raw"):
        return REAL
    given, own = set(info.sampling.video_features), set(info.sampling.eeg_features)
    return PRIVILEGED if given and given <= own else FEATURES


def words(verdict: str, standing: str, kind: str) -> str:
    """A verdict in the words that its standing and a kind of data allow.

    Parameters
    ----------
    verdict : {"holds", "not clear", "opposite", "measured in part", "too few"}
    standing : {"claim", "descriptive", "too few"}
    kind : str
        A key of `WORDS`.
    """
    holds, fails = WORDS[kind]
    if standing == TOO_FEW:
        return "too few seeds or participants"
    if standing == DESCRIPTIVE:
        return f"{DESCRIPTIVE}: {'on the claimed side' if verdict == HOLDS else verdict}"
    if verdict == IN_PART:
        return f"undecided ({verdict})"
    return holds if verdict == HOLDS else f"{fails} ({verdict})"


def judge(low: float, high: float, threshold: float, standing: str) -> str:
    """The rule of this module for one interval."""
    if standing == TOO_FEW:
        return TOO_FEW
    return {1: HOLDS, 0: NOT_CLEAR, -1: OPPOSITE}[side(low, high, threshold)]


def measure(predictions: pd.DataFrame, claims: tuple[Claim, ...], level: float = 0.95) -> pd.DataFrame:
    """All evidence that a cohort's predictions give, in every setting that has it.

    Parameters
    ----------
    predictions : DataFrame
        Columns `system`, `setting`, and those of `sacd.analysis.summary.confusion_cells`; a setting is of one split.
    claims : tuple of Claim
    level : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        One row a claim, piece of evidence and setting: `claim`, `part` (number of the evidence), `measured` (in words),
        `setting`, `printed`, `threshold`, those of `sacd.analysis.measurement.weigh`, `p_holm` over the `family` of all
        rows that have a p, `verdict`.
    """
    rows = []
    for setting, part in predictions.groupby("setting", sort=False):
        systems = dict(list(part.groupby("system", sort=False)))
        for claim in claims:
            for number, evidence in enumerate(claim.evidence):
                found = weigh(evidence, systems, level)
                if found is None:
                    continue
                about = {"claim": claim.name, "part": number, "measured": evidence.title, "setting": setting}
                about |= {"printed": evidence.printed, "threshold": evidence.threshold}
                told = judge(found["low"], found["high"], evidence.threshold, found["standing"])
                rows.append(about | found | {"verdict": told})
    columns = ["claim", "part", "measured", "setting", "printed", "threshold", *FIGURES, "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    order = {claim.name: place for place, claim in enumerate(claims)}
    table = table.sort_values(["claim", "part"], key=lambda column: column.replace(order), kind="stable")
    return corrected(table.reset_index(drop=True))


def by_claim(measured: pd.DataFrame, claims: tuple[Claim, ...]) -> pd.DataFrame:
    """One row a claim and setting: the headline's figures, and how much of the evidence holds.

    Returns
    -------
    DataFrame
        Columns of `measure` for the first piece of evidence that was measured, with `verdict` of the claim, `standing`
        of its weakest part, and the numbers of pieces `asked` for, measured (`parts`), `holding` and `opposing`.
    """
    asked = {claim.name: len(claim.evidence) for claim in claims}
    rows = []
    for (name, _), group in measured.groupby(["claim", "setting"], sort=False):
        verdicts = group["verdict"]
        holding, opposing = int((verdicts == HOLDS).sum()), int((verdicts == OPPOSITE).sum())
        standing = max(group["standing"], key=STANDINGS.index)
        if standing == TOO_FEW:
            whole = TOO_FEW
        elif holding == len(group):
            whole = HOLDS if holding == asked[name] else IN_PART
        else:
            whole = OPPOSITE if opposing == len(group) else NOT_CLEAR
        counts = {"asked": asked[name], "parts": len(group), "holding": holding, "opposing": opposing}
        rows.append(group.iloc[0].to_dict() | {"verdict": whole, "standing": standing} | counts)
    return pd.DataFrame(rows, columns=[*measured.columns, "asked", "parts", "holding", "opposing"])


@dataclass(frozen=True)
class Judged:
    """What a cohort says about the claims.

    Attributes
    ----------
    label, kind : str
        `Cohort.label` and a key of `WORDS`.
    measured, claims : DataFrame
        From `measure` and `by_claim`.
    trained : dict of str to set of str
        The systems of each setting.
    """

    label: str
    kind: str
    measured: pd.DataFrame
    claims: pd.DataFrame
    trained: dict[str, set[str]]

    def missing(self, claim: Claim, setting: str) -> str:
        """Why a claim has no figure in a setting."""
        if claim.unmeasured:
            return claim.unmeasured
        if claim.of_video and self.kind == PRIVILEGED:
            return "no video: the student sees some of the teacher's features"
        trained = self.trained.get(setting, set())
        if any({part.system, part.reference} - {""} <= trained for part in claim.evidence):
            return "no clips that show it"
        other = [name for name, group in self.claims.groupby("claim")["setting"] if name == claim.name]
        return "not in this setting" if other else "no such runs on this cohort"


def judge_cohort(label: str, kind: str, predictions: pd.DataFrame, claims: tuple[Claim, ...]) -> Judged:
    """All that a cohort's predictions say about the claims; see `measure`."""
    # Where the student's view is a part of the teacher's, nothing is said of what a camera shows.
    apt = tuple(claim for claim in claims if not (claim.of_video and kind == PRIVILEGED))
    measured = measure(predictions, apt)
    trained = {name: set(part["system"]) for name, part in predictions.groupby("setting", sort=False)}
    return Judged(label, kind, measured, by_claim(measured, claims), trained)


def coverage(judged: Judged) -> pd.DataFrame:
    """What stands behind a verdict: `cohort`, `data`, `setting`, `systems`, `measurements`, `participants`, `seeds`."""
    rows = [
        {
            "cohort": judged.label,
            "data": judged.kind,
            "setting": setting,
            "systems": len(judged.trained[setting]),
            "measurements": len(group),
            "participants": int(group["participants"].max()),
            "seeds": int(group["seeds"].max()),
        }
        for setting, group in judged.measured.groupby("setting", sort=False)
    ]
    return pd.DataFrame(rows, columns=["cohort", "data", "setting", "systems", "measurements", "participants", "seeds"])


def summary(judged: list[Judged], claims: tuple[Claim, ...]) -> list[str]:
    """The verdict in sentences, computed from the tables, whatever they say."""
    texts = {claim.name: claim.text for claim in claims}
    lines = []
    for one in judged:
        for setting, group in one.claims.groupby("setting", sort=False):
            of = {standing: part for standing, part in group.groupby("standing", sort=False)}
            lines.append(f"{one.label}, {setting}:")
            for standing in (CLAIM, DESCRIPTIVE):
                if standing in of:
                    lines += _counted(of[standing], len(group), standing, one.kind, texts)
            if TOO_FEW in of:
                lines.append(f"    {len(of[TOO_FEW])} of {len(group)} claims have too few seeds or participants")
    unmeasured = [claim.name for claim in claims if not any(claim.name in set(one.claims["claim"]) for one in judged)]
    lines.append(f"Not measured on any of these cohorts: {len(unmeasured)} of {len(claims)} claims.")
    if not any(one.kind == REAL for one in judged):
        lines.append(f"Real paired video and EEG: {UNTESTED}, for no such cohort was given.")
    return lines


def _counted(group: pd.DataFrame, measured: int, standing: str, kind: str, texts: dict[str, str]) -> list[str]:
    """How many claims of one standing, out of all measured, are on their side, and which."""
    holding = group[group["verdict"] == HOLDS]
    said = WORDS[kind][0].replace("holds", "hold").replace("reproduced", "are reproduced")
    if standing == DESCRIPTIVE:
        said = f"are on the claimed side ({DESCRIPTIVE}: {CLAIM_SEEDS} seeds would be needed)"
    line = f"    {len(holding)} of {measured} claims {said}"
    if len(holding):
        line += f", {int((holding['p_holm'] < ALPHA).sum())} by the headline also after Holm's correction"
    counts = group["verdict"].value_counts()
    others = [f"{counts[name]} {name}" for name in (IN_PART, NOT_CLEAR, OPPOSITE) if name in counts]
    return ["; ".join([line, *others]), *(f"    · {texts[name]}" for name in holding["claim"])]
