"""What notebooks 09 and 10 find, in sentences, computed whatever they say."""

import numpy as np
import pandas as pd

from sacd.analysis.ahi import ADULT, adults
from sacd.analysis.freedman_lane import Survival
from sacd.analysis.severity import Answer, Severity
from sacd.figures.night_words import NO_ANSWER, chance
from sacd.figures.words import counted, in_percent
from sacd.stages import AHI_GROUPS, ahi_group

_SPANS = dict(zip(AHI_GROUPS, ("below 5", "5 to 15", "15 to 30", "30 or more"), strict=True))
BY_CONSTRUCTION = (
    "Simulated: apnoeas are drawn into the pictures at the rate that the AHI says, so features carry the AHI by"
    " construction; nothing here is evidence about patients."
)


def student_in_words(row: pd.Series) -> str:
    """Whose features are looked at: a row of `sacd.runs.ensure`."""
    how = f"{row['protocol']} protocol, {row['tier']} tier, seed {row['seed']}"
    return f"Features of {row['method']}, {how}: 512 a clip."


def people_in_words(participants: pd.DataFrame, simulated: bool, label: str) -> str:
    """Who is looked at, who is left out, and what simulated data can say.

    Parameters
    ----------
    participants : DataFrame
        Everybody whom the student has not seen.
    simulated : bool
        Whether the cohort is.
    label : str
        `Cohort.label`.
    """
    grown, known = adults(participants), participants[participants["ahi"].notna()]
    counts = np.bincount(ahi_group(grown["ahi"].to_numpy()), minlength=len(AHI_GROUPS))
    groups = ", ".join(f"{count} {name}" for count, name in zip(counts, AHI_GROUPS, strict=True))
    lines = [
        f"{counted(len(grown), 'adult')} whom the student has not seen ({groups}).",
        f"Left out: {len(known) - len(grown)} under {ADULT}, for whom other cut-offs hold (an AHI of 1 is abnormal in a"
        f" child); {len(participants) - len(known)} of unknown AHI.",
    ]
    if unknown := int(grown["age"].isna().sum()):
        lines.append(f"Of {unknown} the age is unknown: taken as adults.")
    if simulated:
        lines.append(BY_CONSTRUCTION)
    return "\n".join([*lines, label])


def survival_in_words(found: pd.DataFrame, survivals: dict[str, Survival], label: str) -> str:
    """How many correlations are significant one by one, and how many survive covariates and their own number.

    Parameters
    ----------
    found : DataFrame
        `sacd.analysis.ahi.spearman`.
    survivals : dict of str to Survival
    label : str
    """
    tests = int(found["rho"].notna().sum())
    single = int((found["p"] <= 0.05).sum())
    lines = [
        f"Uncorrected, as in the paper: {single:,} of {tests:,} tests have p ≤ .05; chance alone gives about"
        f" {0.05 * tests:,.0f}."
    ]
    for name, survival in survivals.items():
        left, whole = survival.survivors, survival.table
        given = ", ".join(survival.covariates) or "nothing"
        counts = left.groupby(["coding", "stage"], sort=False).size()
        where = ", ".join(f"{count} in {stage} with {coding}" for (coding, stage), count in counts.items())
        t = f"|t| ≥ {survival.critical:.1f} over {survival.permutations:,} permutations"
        lines.append(f"{name} (given {given}): {len(left):,} survive ({t}){': ' + where if where else ''}.")
        if whole["t"].isna().all():
            lines[-1] = f"{name} (given {given}): too few people to test."
    return "\n".join([*lines, label])


def severity_in_words(severity: Severity, told: pd.DataFrame, label: str) -> str:
    """What the rule is, and whom it answers.

    Parameters
    ----------
    severity : Severity
        Fitted on reference people.
    told : DataFrame
        `Severity.tell_all` of new people.
    label : str
    """
    does = "answers, for the lower end is above 0"
    if not severity.answers:
        does = "abstains always, for the lower end is not above 0"
    lines = [
        f"Every probability assumes that AHI ≥ 15 is as common as among the {len(severity.people)} reference people:"
        f" {in_percent(severity.prevalence)}.",
        f"Cross-fitted Brier skill over that base rate: {_skill(severity)}; it {does}.",
        f"Nobody farther than {severity.limit:.2f} from the reference people is answered; of {len(told)} new people"
        f" {int((~told['abstains']).sum())} are.",
        f"Chosen on reference people: {severity.chosen.components} components, penalty {severity.chosen.penalty:g}.",
    ]
    return "\n".join([*lines, label])


def controls_in_words(bounds: np.ndarray, planted: Severity, told: pd.DataFrame, label: str) -> str:
    """Whether the AHI shuffled is abstained from, and the AHI planted is answered.

    Parameters
    ----------
    bounds : ndarray
        `sacd.analysis.severity_checks.shuffled_bounds`.
    planted : Severity
        Fitted on reference people in whose features the AHI was planted.
    told : DataFrame
        What it tells of new people with the same plant, with `outcome`.
    label : str
    """
    right = ((told["probability"] >= 0.5) == told["outcome"]) & ~told["abstains"]
    answered = int((~told["abstains"]).sum())
    return "\n".join([
        f"AHI shuffled over people: it abstains in {in_percent((bounds <= 0).mean(), 1)} of {len(bounds)} shuffles.",
        f"AHI planted in the features: skill {_skill(planted)}; of"
        f" {len(told)} new people {answered} are answered, {int(right.sum())} of them rightly.",
        label,
    ])


def answer_in_words(answer: Answer | None, severity: Severity, label: str) -> str:
    """What a clinician is told of one person.

    Parameters
    ----------
    answer : Answer or None
        None: too little sleep was seen.
    severity : Severity
    label : str
        `Cohort.label` of the reference people.
    """
    about = (
        f"Compared with {len(severity.people)} people of {label}, {chance(severity.prevalence)} of them with an AHI"
        " (breathing events an hour of sleep) of 15 or more."
    )
    if answer is None or answer.abstains:
        why = "too little sleep was seen" if answer is None else answer.why
        return f"No answer on breathing events: {why}. {NO_ANSWER} {about}"
    groups = ", ".join(f"{name} ({span}) {chance(answer.groups[name])}" for name, span in _SPANS.items())
    return f"Chance of an AHI of 15 or more, from the video alone: {chance(answer.probability)}; {groups}. {about}"


def survival_gist(found: pd.DataFrame, survivals: dict[str, Survival], label: str) -> str:
    """One sentence: how many correlations with the AHI there are one by one, and how many are left."""
    tests, single = int(found["rho"].notna().sum()), int((found["p"] <= 0.05).sum())
    left = ", ".join(f"{len(survival.survivors):,} ({name})" for name, survival in survivals.items())
    n = int(found["n"].max())
    return (
        f"Features and the AHI: of {tests:,} correlations {single:,} have p ≤ .05 one by one, as the paper tests;"
        f" corrected for their number and for covariates, left are: {left} (n = {n}; {label})."
    )


def severity_gist(severity: Severity, label: str) -> str:
    """One sentence: whether the features tell an AHI of 15 or more, cross-fitted."""
    told = "so it answers" if severity.answers else "so it abstains from everybody"
    return (
        f"AHI of 15 or more from the video: Brier skill over the base rate {_skill(severity)}, cross-fitted over"
        f" {len(severity.people)} people, {told} ({label})."
    )


def _skill(severity: Severity) -> str:
    ends = f"[{severity.low:+.2f}, {severity.high:+.2f}]"
    return f"{severity.skill:+.2f} {ends}".replace("-", "−")
