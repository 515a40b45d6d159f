"""The published numbers, exactly as printed.

Percentages stay percentages and κ stays κ, as in the paper; `tidy` turns a table into the fractions and names of
`sacd.analysis.summary`, to stand beside results. They come from another dataset (S3VE): nothing here can confirm them.
"""

from io import StringIO

import numpy as np
import pandas as pd

from sacd.exceptions import SacdError
from sacd.stages import STAGES

DATASET = "S3VE"
SINCE = " (since the paper)"
"""After the name of a method that is younger than the paper."""
RECALLS = [f"recall_{stage}" for stage in STAGES]

STAGE_CHARACTERISTICS = {
    "W": "Awake. An EEG contains β waves when the eyes are closed and α waves when the eyes are open.",
    "N1": "Transitions from W to other stages. Cranial apex waves are present in later stages.",
    "N2": "Spindles or unawakening associated K-complex waves are present.",
    "N3": "High amplitude low frequency σ wave appears.",
    "REM": "There is rapid eye movement and typical sawtooth wave",
}
STAGE_CLIPS = {"W": 55_878, "N1": 5_909, "N2": 40_522, "N3": 20_237, "REM": 12_290}
SEXES = {"male": 82, "female": 23}
AHI_COUNTS = {"normal": 30, "mild": 30, "moderate": 20, "severe": 25}
SUBJECTS, SUBJECTS_USED, TRAIN_SUBJECTS, TEST_SUBJECTS = 105, 102, 80, 20
CLIPS, HOURS = 154_573, 1124
CLIPS_PER_SUBJECT = (1080, 1360)
SPLIT_CLIPS = {"train": 102_519, "validation": 20_503, "test": 31_551}
MODERATE_FROM = (16, 15)
TEXT = {
    "B": 80.1,
    "F": 85.2,
    "teacher, validation": 78.8,
    "gain, DeepSleepNet": 6.1,
    "gain, Modified-SEN": 7.7,
    "loss, λ1": 0.02,
}
"""Numbers that stand in the running text (V-C, V-D, VI-B1), %."""
LAMBDAS = {"lambda1": 0.5, "lambda2": 1.0, "lambda3": 1.0}
MINIMISED_OVER = {
    "eq. 1": ("E_v", "E_s", "C_v", "C_s"),
    "eq. 2": ("E_v", "E_s", "G_v", "G_s"),
    "eq. 3": ("E_v", "E_s"),
    "eq. 4": ("E_v", "E_s", "C_v", "C_s"),
}
FROZEN = "E_s"

_TABLE_II = """
-,Baseline R(2+1)D,52.5,46.6,0.47,64.7,41.3,48.4,47.8,57.3
-,Baseline R3D,52.8,46.9,0.37,64.7,41.4,49.0,48.0,58.0
Attnsleep,Fitnet,56.1,49.9,0.49,68.5,47.2,55.9,53.8,61.8
Attnsleep,PKT,58.1,51.2,0.53,71.2,47.8,56.3,54.0,62.9
Attnsleep,CRD,62.3,55.8,0.56,73.8,49.8,58.8,57.1,66.4
Attnsleep,IFD,61.1,54.0,0.57,73.0,49.9,58.8,57.1,65.1
Attnsleep,CMC,58.9,53.1,0.53,71.5,46.2,56.9,55.0,63.2
Attnsleep,CCL,62.3,57.0,0.56,74.4,50.1,58.7,53.8,64.7
Attnsleep,SACD(ours),64.4,58.9,0.60,75.6,51.0,60.2,59.3,67.8
DeepSleepNet,Fitnet,54.6,47.8,0.46,67.0,45.2,51.9,49.8,59.5
DeepSleepNet,PKT,55.7,48.6,0.49,69.6,46.2,52.3,50.1,59.8
DeepSleepNet,CRD,58.3,51.9,0.50,70.2,47.8,55.0,53.2,62.4
DeepSleepNet,IFD,57.2,51.3,0.49,69.8,46.8,54.0,53.4,61.2
DeepSleepNet,CMC,55.5,50.8,0.48,68.5,44.8,53.0,51.0,59.5
DeepSleepNet,CCL,58.7,52.3,0.52,71.0,47.7,54.7,50.8,61.0
DeepSleepNet,SACD(ours),60.7,54.6,0.54,72.2,48.4,56.2,55.3,63.8
Modified-SEN,Fitnet,54.9,48.9,0.48,67.7,45.5,52.2,50.1,60.0
Modified-SEN,PKT,57.5,51.0,0.50,51.4,48.0,54.1,51.7,61.6
Modified-SEN,CRD,60.5,53.9,0.53,72.6,48.7,57.0,55.1,64.6
Modified-SEN,IFD,59.0,53.0,0.51,71.7,48.6,55.6,54.8,63.0
Modified-SEN,CMC,57.0,51.1,0.51,70.0,46.6,54.5,52.4,61.2
Modified-SEN,CCL,60.6,54.2,0.53,72.8,49.6,56.5,52.7,62.8
Modified-SEN,SACD(ours),62.6,55.6,0.56,73.8,49.5,58.5,57.3,66.1
"""
_TABLE_II_SPREAD = """
Attnsleep,SACD(ours),0.45,0.40,0.38,0.56,0.36,0.42,0.45,0.45
DeepSleepNet,SACD(ours),0.52,0.39,0.45,0.60,0.36,0.38,0.42,0.45
Modified-SEN,SACD(ours),0.45,0.48,0.38,0.52,0.45,0.55,0.48,0.36
"""
_TABLE_IV = """
Baseline R3D (only IR video),52.8,64.7,41.3,48.4,47.8,57.3
Baseline Attnsleep (only EEG),78.8,92.8,54.1,74.2,78.7,70.4
Experiment A,79.3,93.4,54.8,74.5,78.7,70.8
Experiment B,80.4,94.0,55.5,75.3,79.4,71.8
Experiment C,84.4,96.1,59.2,80.2,84.3,76.1
Experiment D,85.5,96.9,60.5,81.8,85.6,77.4
Experiment E,80.6,94.2,55.5,75.6,79.8,72.2
Experiment F,85.3,96.7,60.1,81.5,85.3,77.4
Experiment G,83.2,95.0,58.7,79.6,82.0,74.3
"""
_TABLE_V = """
baseline(v0),LCE,52.2,64.7,40.3,48.4,47.8,57.3
v1,LCE+LC+LJSD,56.1,67.7,43.8,52.0,50.4,59.2
v2,LCE+LD+LC,62.3,73.4,49.0,58.0,57.2,65.8
v3,LCE+LD+LJSD,60.1,71.5,45.6,55.4,54.5,63.6
v4,LCE+LD+LJSD+LC′,61.1,72.4,46.8,56.7,55.8,64.6
ours,LCE+LD+LC+LJSD,64.4,75.6,51.0,60.2,59.3,67.8
"""
TITLES = {
    "Fitnet": "FitNet",
    "SACD(ours)": "SACD",
    "Attnsleep": "AttnSleep",
    "Modified-SEN": "modified SEN",
    "Baseline R(2+1)D": "CE",
    "Baseline R3D": "CE",
    "baseline(v0)": "v0",
}
"""Names of the workbench for those the paper prints differently."""


def _read(text: str, columns: list[str]) -> pd.DataFrame:
    return pd.read_csv(StringIO(text), names=columns)


def table_i() -> pd.DataFrame:
    """Table I: `stage`, `characteristics`, as printed (N3's waves are δ, and α goes with closed eyes)."""
    return pd.DataFrame(STAGE_CHARACTERISTICS.items(), columns=["stage", "characteristics"])


def table_ii() -> pd.DataFrame:
    """Table II: `teacher`, `method`, `accuracy`, `macro_f1` (%), `kappa`, recalls (%), 23 rows."""
    return _read(_TABLE_II, ["teacher", "method", "accuracy", "macro_f1", "kappa", *RECALLS])


def table_ii_spread() -> pd.DataFrame:
    """What Table II prints after ±, for SACD's three rows; that of κ (0.38 to 0.45) can only be in points of 0.01."""
    return _read(_TABLE_II_SPREAD, ["teacher", "method", "accuracy", "macro_f1", "kappa", *RECALLS])


def table_iii() -> pd.DataFrame:
    """Table III, UCF51, audio to video: `method`, `accuracy` (top-1, %)."""
    methods = ["Baseline R(2+1)D", "Fitnet", "PKT", "RKD", "CRD", "CMC", "CCL", "SACD(ours)"]
    return pd.DataFrame({"method": methods, "accuracy": [57.5, 48.4, 53.2, 53.0, 60.3, 59.2, 64.9, 66.0]})


def table_iv() -> pd.DataFrame:
    """Table IV, IR and EEG together: `method`, `accuracy`, recalls (%)."""
    return _read(_TABLE_IV, ["method", "accuracy", *RECALLS])


def table_v() -> pd.DataFrame:
    """Table V, ablation: `method`, `module`, `accuracy`, recalls (%)."""
    return _read(_TABLE_V, ["method", "module", "accuracy", *RECALLS])


def table_vi() -> pd.DataFrame:
    """Table VI, four samples: `index`, `date`, `sex`, `age` (years), `weight` (kg), `ahi` (events/h of sleep)."""
    rows = [
        ("A", "20210310", "Male", 37, 108, 94.2),
        ("B", "20200117", "Male", 31, 66, 0.4),
        ("C", "20210326", "Female", 58, 58, 6.9),
        ("D", "20210329", "Female", 65, 64, 26.2),
    ]
    return pd.DataFrame(rows, columns=["index", "date", "sex", "age", "weight", "ahi"])


def figure_2() -> pd.DataFrame:
    """Fig. 2 and section III-C: `factor` (sex, ahi, stage), `level`, `count` (participants or clips)."""
    groups = (("sex", SEXES), ("ahi", AHI_COUNTS), ("stage", STAGE_CLIPS))
    return pd.DataFrame(
        [(factor, level, count) for factor, counts in groups for level, count in counts.items()],
        columns=["factor", "level", "count"],
    )


def figure_5() -> pd.DataFrame:
    """The points of Fig. 5 that section VI-B1 states: `panel`, the three λ, `accuracy` (%)."""
    rows = [
        ("a", 0.5, 0.5, 1.0, 60.8), ("a", 0.5, 1.0, 1.0, 64.4), ("a", 0.5, 10.0, 10.0, 52.0),
        ("b", 0.5, 1.0, 0.1, 62.6), ("b", 0.5, 1.0, 1.0, 64.4), ("b", 1.0, 1.0, 1.0, 64.2),
        ("c", 0.5, 0.1, 1.0, 61.8), ("c", 0.5, 1.0, 1.0, 64.4),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["panel", "lambda1", "lambda2", "lambda3", "accuracy"])


def figure_13() -> pd.DataFrame:
    """Fig. 13 and section VI-D: the most common error of each stage: `stage`, `taken_for`."""
    wrong = {"W": "N1", "N1": "N2", "N2": "N1", "N3": "N2", "REM": "N1"}
    return pd.DataFrame(wrong.items(), columns=["stage", "taken_for"])


def tidy(table: str) -> pd.DataFrame:
    """A table of results in the shape of `sacd.analysis.summary.summarise`.

    Parameters
    ----------
    table : {"II", "III", "IV", "V"}

    Returns
    -------
    DataFrame
        `teacher` and `student` (II only; baselines have no teacher: None), `method`, `metric`, `mean`, `sd` (NaN where
        not printed); fractions, names of the workbench.
    """
    tables = {"II": table_ii, "III": table_iii, "IV": table_iv, "V": table_v}
    if table not in tables:
        raise SacdError(f"paper table {table!r} has no results; use one of {', '.join(tables)}")
    keys = [name for name in ("teacher", "method") if name in tables[table]().columns]
    long = tables[table]().drop(columns="module", errors="ignore").melt(keys, var_name="metric", value_name="mean")
    long["sd"] = np.nan
    if table == "II":
        spread = table_ii_spread().melt(keys, var_name="metric", value_name="sd")
        long = long.drop(columns="sd").merge(spread, how="left", on=[*keys, "metric"])
        long.insert(1, "student", long["method"].map({"Baseline R3D": "R3D-18"}).fillna("R(2+1)D-18"))
        long["teacher"] = long["teacher"].replace(TITLES).astype(object).where(long["teacher"] != "-", None)
    long["mean"] = long["mean"].where(long["metric"] == "kappa", long["mean"] / 100)
    long["sd"] /= 100
    long["method"] = long["method"].replace(TITLES)
    return long


def stage_shares() -> pd.Series:
    """Stage mix of the paper's dataset, fractions that sum to 1."""
    counts = pd.Series(STAGE_CLIPS, dtype=float)
    return counts / counts.sum()
