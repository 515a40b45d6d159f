"""Where the paper's numbers do not fit each other: each statement recomputed from what is printed elsewhere in it."""

import numpy as np
import pandas as pd

from sacd.paper import printed as paper
from sacd.stages import CLIP_SECONDS

Check = dict[str, str | float | bool]


def chance_agreement(accuracy: float, kappa: float) -> float:
    """The chance agreement p_e that an accuracy and a κ imply (eq. 16 solved for p_e), all fractions."""
    return (accuracy - kappa) / (1 - kappa)


def least_chance_agreement(recalls: np.ndarray, shares: np.ndarray) -> float:
    """Smallest p_e possible for these recalls and stage shares: every error goes to the rarest other stage.

    Parameters
    ----------
    recalls, shares : ndarray [5]
        Fractions; `shares` sums to 1.
    """
    others = np.where(np.eye(len(shares), dtype=bool), np.inf, shares)
    return float((shares**2 * recalls + shares * (1 - recalls) * others.min(axis=1)).sum())


def implied_accuracy(recalls: np.ndarray) -> np.ndarray:
    """Accuracy that recalls [..., 5] give with the paper's stage mix, in the unit of the recalls."""
    return np.asarray(recalls) @ paper.stage_shares().to_numpy()


def inconsistencies() -> pd.DataFrame:
    """Statements of the paper beside what its own numbers give.

    Returns
    -------
    DataFrame
        `topic`, `statement` (with its place), `printed`, `recomputed`, `unit`, `consistent` (bool), `note`.
    """
    return pd.DataFrame([*_counts(), *_agreement(), *_recalls(), *_tables(), *_text()])


def _check(
    topic: str, statement: str, printed: float, recomputed: float, unit: str, consistent: bool, note: str = ""
) -> Check:
    return {
        "topic": topic,
        "statement": statement,
        "printed": float(printed),
        "recomputed": float(recomputed),
        "unit": unit,
        "consistent": bool(consistent),
        "note": note,
    }


def _equal(topic: str, statement: str, printed: float, found: float, unit: str, within: float, note: str = "") -> Check:
    """A statement that should be met up to its rounding, `within`."""
    return _check(topic, statement, printed, found, unit, abs(printed - found) <= within + 1e-9, note)


def _counts() -> list[Check]:
    hours = CLIP_SECONDS / 3600
    stages = sum(paper.STAGE_CLIPS.values())
    train, fifth, test = paper.SPLIT_CLIPS.values()
    longest = paper.CLIPS_PER_SUBJECT[1]
    each_test, each = test / paper.TEST_SUBJECTS, paper.CLIPS / paper.SUBJECTS
    subjects = paper.TRAIN_SUBJECTS + paper.TEST_SUBJECTS
    nested = "the three make up the whole only if validation lies outside train, but it is a fifth of train"
    over = "clips of a {} do not exceed the stated maximum ({})"

    def equal(statement: str, printed: float, found: float, unit: str, within: float, note: str = "") -> Check:
        return _equal("counts", statement, printed, found, unit, within, note)

    def bounded(statement: str, found: float, note: str) -> Check:
        return _check("counts", statement, longest, found, "clips/subject", found <= longest, note)

    return [
        equal("train + validation + test = all clips (V-A)", paper.CLIPS, train + fifth + test, "clips", 0, nested),
        equal("validation is 20 % of the train clips (V-A)", fifth, 0.2 * train, "clips", 1),
        equal("train with validation in it + test = all clips (V-A)", paper.CLIPS, train + test, "clips", 0, nested),
        equal("the five stages sum to all clips (III-C)", paper.CLIPS, stages, "clips", 0),
        equal("hours stated, from the stage counts (III-C)", paper.HOURS, stages * hours, "h", 0.5),
        equal("hours stated, from all clips (III-C)", paper.HOURS, paper.CLIPS * hours, "h", 0.5),
        bounded(
            over.format("test subject", "III-C, V-A"), each_test, f"{test:,} clips, {paper.TEST_SUBJECTS} subjects"
        ),
        bounded(over.format("subject", "III-C"), each, f"{paper.CLIPS:,} clips, {paper.SUBJECTS} subjects"),
        equal("subjects used = train + test (V-A, V-D)", paper.SUBJECTS_USED, subjects, "subjects", 0),
    ]


def _agreement() -> list[Check]:
    table, shares = paper.table_ii(), paper.stage_shares().to_numpy()
    chance = chance_agreement(table["accuracy"] / 100, table["kappa"])
    least = np.array([least_chance_agreement(row / 100, shares) for row in table[paper.RECALLS].to_numpy()])
    low = f"{(chance < least).sum()} of {len(table)} rows of Table II lie under the least that is possible"
    stated = "chance agreement that R(2+1)D's accuracy and κ imply (Table II), "
    return [
        _check(
            "agreement",
            stated + "against the least that its recalls and the stage mix allow",
            chance[0],
            least[0],
            "fraction",
            chance[0] >= least[0],
            low,
        ),
        _equal(
            "agreement",
            stated + "against that of R3D",
            chance[0],
            chance[1],
            "fraction",
            0.02,
            "nearly the same accuracy and recalls, the same truth",
        ),
    ]


def _recalls() -> list[Check]:
    table = paper.table_ii()
    implied = implied_accuracy(table[paper.RECALLS].to_numpy())
    sacd = int(table.index[table["method"] == "SACD(ours)"][0])
    pkt = int(table.index[(table["teacher"] == "Modified-SEN") & (table["method"] == "PKT")][0])
    below = int((implied < table["accuracy"]).sum())
    mix = "a test set of another mix could explain it"
    misprint = f"rows whose recalls give less than the accuracy: {below} of {len(table)}; is W a misprint?"
    rows = (("R(2+1)D", 0, mix), ("SACD with AttnSleep", sacd, mix), ("PKT with modified SEN", pkt, misprint))
    statement = "accuracy of {}, from its recalls and the stage mix (Table II)"
    return [
        _equal("recalls", statement.format(name), table["accuracy"][row], implied[row], "%", 0.5, note)
        for name, row, note in rows
    ]


def _tables() -> list[Check]:
    ii, iv, v = paper.table_ii(), paper.table_iv(), paper.table_v()
    fused = iv.set_index("method")["accuracy"]
    copied = (iv[paper.RECALLS].to_numpy()[0] == ii[paper.RECALLS].to_numpy()[:2]).sum(axis=1)

    def equal(statement: str, printed: float, found: float) -> Check:
        return _equal("tables", statement, printed, found, "%", 0.05)

    ce = "of CE alone, Table V's v0 against Table II's R(2+1)D"
    return [
        _check(
            "tables",
            "recalls of Table IV's R3D row that are R3D's own in Table II",
            len(paper.RECALLS),
            copied[1],
            "recalls",
            copied[1] == len(paper.RECALLS),
            f"{copied[0]} of {len(paper.RECALLS)} are those of R(2+1)D",
        ),
        equal(f"accuracy {ce}", v["accuracy"][0], ii["accuracy"][0]),
        equal(f"N1 recall {ce}", v["recall_N1"][0], ii["recall_N1"][0]),
        equal("accuracy of experiment B, V-D against Table IV", paper.TEXT["B"], fused["Experiment B"]),
        equal("accuracy of experiment F, V-D (on G) against Table IV", paper.TEXT["F"], fused["Experiment F"]),
        _check(
            "tables",
            "accuracy of the EEG teacher in Table IV, beside experiments on the test set",
            fused["Baseline Attnsleep (only EEG)"],
            paper.TEXT["teacher, validation"],
            "%",
            fused["Baseline Attnsleep (only EEG)"] != paper.TEXT["teacher, validation"],
            "section V-D gives this very number as the accuracy on the validation set",
        ),
    ]


def _text() -> list[Check]:
    table = paper.table_ii()
    fitnet = table[table["method"] == "Fitnet"].set_index("teacher")["accuracy"]
    gain = table[table["method"] == "SACD(ours)"].set_index("teacher")["accuracy"] - table["accuracy"][0]
    points = paper.figure_5().groupby(["lambda1", "lambda2", "lambda3"])["accuracy"].first()
    frozen = [name for name, parts in paper.MINIMISED_OVER.items() if paper.FROZEN in parts]
    return [
        *(
            _equal(
                "text",
                f"SACD's gain over the baseline with {teacher} (V-C)",
                paper.TEXT[f"gain, {teacher}"],
                gain[teacher],
                "points",
                0.05,
                f"the text calls FitNet's row ({fitnet[teacher]}) the baseline",
            )
            for teacher in ("DeepSleepNet", "Modified-SEN")
        ),
        _equal(
            "text",
            "loss of accuracy from (λ1, λ3) = (0.5, 1) to (1, 1) (VI-B1)",
            paper.TEXT["loss, λ1"],
            points[0.5, 1, 1] - points[1, 1, 1],
            "points",
            0.005,
        ),
        _equal(
            "text",
            "where the moderate AHI group begins, III-C against Table VI",
            *paper.MODERATE_FROM,
            "events/h",
            0,
            "an AHI between 15 and 16 has no group in III-C",
        ),
        _equal(
            "method",
            "equations that train the EEG encoder, whose weights section V-B freezes (eq. 1–5)",
            0,
            len(frozen),
            "equations",
            0,
            ", ".join(frozen),
        ),
    ]
