"""Do simulated nights behave like real ones? The same statistics of both, side by side.

Real: five scorers' hypnograms of 25 healthy and 55 sleep-apnoea nights (Dreem Open Datasets, Guillot et al. 2020,
doi:10.1109/TNSRE.2020.3011181) and EEG band powers of 16 Sleep-EDF nights (Kemp et al. 2000, doi:10.1109/10.867928).
Their ranges ship with the package (`calibration.json`: aggregates only); `calibration_table` makes them anew from the
data. How strongly *video* shows the stage has no such counterpart.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.analysis.scoring_statistics import STATISTICS, night_rows
from sacd.cohort import Cohort, Recording
from sacd.exceptions import NotApplicable, SacdError
from sacd.paper import STAGE_CLIPS
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import AHI_EDGES, N2, STAGES, W

GROUPS = ("healthy", "apnoea")
ALL = "all"
"""Both groups together: about three apnoea nights to a healthy one, in the real data as in a simulated cohort."""
RANGE = ("low", "median", "high")
"""The 5th, 50th and 95th percentile over scorings or nights."""
FIT = ("ratio", "shift", "inside", "sd_ratio", "ks")
"""How simulated values fit real ones: median by the real median, difference of the medians in real SD, share of the
values inside the real 5–95 %, SD by the real SD, and the Kolmogorov–Smirnov distance at the real percentiles."""
BANDS = {"delta": (0.5, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 12.0), "sigma": (12.0, 15.0), "beta": (15.0, 30.0)}
"""Hz."""
_PERCENTILES = np.arange(5, 100, 5)
_SHOWN = [0, len(_PERCENTILES) // 2, -1]
_DOD_GROUPS = {"healthy": "dodh", "apnoea": "dodo"}
_AROUND_SLEEP = 60
_FEWEST_CLIPS = 5


def real_scorings(folder: Path) -> pd.DataFrame:
    """A row for each scoring: group, night and `STATISTICS`, from a folder with `dodh` and `dodo`."""
    rows = []
    for group, name in _DOD_GROUPS.items():
        scorers = sorted((Path(folder) / name).glob("scorer_*"))
        if not scorers:
            raise SacdError(f"{Path(folder) / name}: no folders scorer_1 …; name the folder with dodh and dodo")
        for file in sorted(scorers[0].glob("*.json")):
            stages = [np.array(json.loads((scorer / file.name).read_text())) for scorer in scorers]
            shortest = min(map(len, stages))
            night = np.stack([one[:shortest] for one in stages])
            rows += [{"group": group, "night": file.stem} | row for row in night_rows(night)]
    return pd.DataFrame(rows)


def simulated_scorings(nights: list[SimulatedNight], scorers: int = 3) -> pd.DataFrame:
    """The same of simulated nights; *healthy* is an AHI under 5, *apnoea* any other."""
    rows = []
    for night in nights:
        group = GROUPS[int(night.participant.ahi >= AHI_EDGES[0])]
        who = {"group": group, "night": night.participant.participant_id}
        rows += [who | row for row in night_rows(night.scorings(scorers))]
    return pd.DataFrame(rows)


def real_band_power(folder: Path) -> pd.DataFrame:
    """Log band power of each stage against N2 in each Sleep-EDF night: night, band, stage, value (nats).

    Only around sleep (± 30 min). The features are ``log(P + 1e-10 V²)``, nearly saturated: P is recovered first.
    """
    files = sorted(Path(folder).glob("*.npz"))
    if not files:
        raise SacdError(f"{folder}: no .npz files; name the folder with the Sleep-EDF feature nights")
    tables = []
    for file in files:
        with np.load(file, allow_pickle=False) as data:
            features, stages = data["X"][:, : len(BANDS)], data["y"].astype(int)
        asleep = np.nonzero(stages > W)[0]
        part = slice(max(asleep[0] - _AROUND_SLEEP, 0), asleep[-1] + _AROUND_SLEEP + 1)
        power = np.log(np.maximum(np.exp(features[part]) - 1e-10, 1e-16))
        tables.append(_against_n2(power, stages[part], file.stem))
    return pd.concat(tables, ignore_index=True)


def simulated_band_power(recordings: list[Recording]) -> pd.DataFrame:
    """The same of a simulated cohort's recordings."""
    tables = []
    for recording in recordings:
        parts = np.array_split(recording.eeg, 1 + len(recording) // 200)
        power = np.concatenate([log_band_power(part[:, 0]) for part in parts])
        tables.append(_against_n2(power, recording.clips.stage.to_numpy(), recording.participant_id))
    return pd.concat(tables, ignore_index=True)


def log_band_power(eeg: np.ndarray, hz: float = 100.0) -> np.ndarray:
    """Mean log power density of `BANDS`, [clips, bands], of EEG [clips, samples]."""
    window = np.hanning(eeg.shape[-1])
    spectrum = np.abs(np.fft.rfft(eeg * window, axis=-1)) ** 2
    frequency = np.fft.rfftfreq(eeg.shape[-1], 1 / hz)
    bands = [spectrum[:, (frequency >= low) & (frequency < high)].mean(axis=1) for low, high in BANDS.values()]
    return np.log(np.stack(bands, axis=1))


def _against_n2(power: np.ndarray, stages: np.ndarray, night: str) -> pd.DataFrame:
    rows = []
    for code, stage in enumerate(STAGES):
        # A mean over a handful of clips is not that night's level.
        if min((stages == code).sum(), (stages == N2).sum()) >= _FEWEST_CLIPS:
            change = power[stages == code].mean(axis=0) - power[stages == N2].mean(axis=0)
            rows += [(night, band, stage, float(value)) for band, value in zip(BANDS, change, strict=True)]
    return pd.DataFrame(rows, columns=["night", "band", "stage", "value"])


def _percentiles(values: pd.Series, at: Sequence[float] = (5, 50, 95)) -> list[float]:
    return [round(float(v), 4) for v in np.nanpercentile(values, at)]


def _groups(scorings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {ALL: scorings} | dict(iter(scorings.groupby("group")))


def _summaries(scorings: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Group → statistic → `percentiles` (5, 10 … 95) and `sd` over scorings."""
    return {
        group: {
            name: {"percentiles": _percentiles(part[name], _PERCENTILES), "sd": round(float(part[name].std()), 4)}
            for name in STATISTICS
        }
        for group, part in _groups(scorings).items()
    }


def fit(real: dict[str, Any], values: pd.Series) -> dict[str, float]:
    """How simulated values of a statistic fit the real ones.

    Parameters
    ----------
    real : dict
        `percentiles` and `sd`, as in `stored_table`.
    values : Series
        A simulated value for each scoring; NaN is left out.

    Returns
    -------
    dict
        The keys of `FIT`.
    """
    values = np.sort(values.dropna().to_numpy())
    percentiles = np.array(real["percentiles"])
    low, median, high = percentiles[_SHOWN]
    below = np.searchsorted(values, percentiles, side="right") / len(values)
    shift = np.median(values) - median
    return {
        "ratio": float(np.median(values) / median), "shift": float(shift / real["sd"]),
        "inside": float(((values >= low) & (values <= high)).mean()),
        "sd_ratio": float(values.std(ddof=1) / real["sd"]), "ks": float(np.abs(below - _PERCENTILES / 100).max()),
    }


def _band_ranges(powers: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    return {
        band: {stage: _percentiles(part.loc[part.stage == stage, "value"]) for stage in STAGES}
        for band, part in powers.groupby("band", sort=False)
    }


def calibration_table(real_data: str | Path) -> dict[str, Any]:
    """The table that ships with the package, made anew from the real data: aggregates only, no data of any night.

    Parameters
    ----------
    real_data : path
        Holds ``dod-scorers`` and ``sleep-edf-features``.

    Returns
    -------
    dict
        `scorings` (group, or `ALL` → statistic → `percentiles` 5, 10 … 95 and `sd` over scorings), `band_power` (band →
        stage → 5th, 50th and 95th percentile over nights, nats against N2), `nights` and `sources`.
    """
    scorings = real_scorings(Path(real_data) / "dod-scorers")
    powers = real_band_power(Path(real_data) / "sleep-edf-features")
    return {
        "sources": _SOURCES,
        "nights": scorings.groupby("group").night.nunique().to_dict() | {"sleep-edf": int(powers.night.nunique())},
        "scorings": _summaries(scorings),
        "band_power": _band_ranges(powers),
    }


_SOURCES = {
    "scorings": {
        "name": "Dreem Open Datasets, DOD-H and DOD-O: hypnograms of five scorers",
        "reference": "doi:10.1109/TNSRE.2020.3011181",
        "licence": "MIT",
    },
    "band_power": {
        "name": "Sleep-EDF Expanded (Sleep Cassette): band powers of 16 nights, Fpz-Cz",
        "reference": "doi:10.1109/10.867928, doi:10.13026/C2X676",
        "licence": "ODC-By 1.0 (recordings), MIT (features)",
    },
}


@cache
def stored_table() -> dict[str, Any]:
    """The real ranges as they ship with the package (the layout of `calibration_table`)."""
    return json.loads((resources.files("sacd.simulate") / "calibration.json").read_text(encoding="utf-8"))


def nights_of(cohort: Cohort) -> list[SimulatedNight]:
    """The whole nights of a simulated cohort's participants, of which the cohort may hold blocks only.

    Raises
    ------
    NotApplicable
        The cohort is real, or was not written by this simulator.
    """
    nights = []
    for recording in cohort:
        made = recording.metadata.get("provenance", {})
        if not cohort.info.simulated or not {"seed", "split", "index"} <= made.keys():
            raise NotApplicable(f"{cohort.path}: holds no simulated nights that could be made again")
        nights.append(SimulatedNight(make_participant(made["seed"], made["split"], made["index"])))
    return nights


def comparison(cohort: Cohort, real_data: str | Path | None = None) -> pd.DataFrame:
    """Simulated hypnograms beside real ones.

    Parameters
    ----------
    cohort : Cohort
        A simulated one.
    real_data : path, optional
        Where the real data lies; by default the stored table.

    Returns
    -------
    DataFrame
        A row for each statistic and group (`ALL` first): `statistic`, `group`, low, median and high (5, 50, 95 %) as
        `real_…` and `simulated_…`, and `FIT`. The last row is the wake share of whole recordings, of which the paper
        gives one number.
    """
    nights = nights_of(cohort)
    real = _summaries(real_scorings(Path(real_data) / "dod-scorers")) if real_data else stored_table()["scorings"]
    simulated = _groups(simulated_scorings(nights))
    rows = []
    for name, words in STATISTICS.items():
        for group in (ALL, *GROUPS):
            if group in simulated:
                beside, values = real[group][name], simulated[group][name]
                shown = np.array(beside["percentiles"])[_SHOWN]
                rows.append((words, group, *shown, *_percentiles(values), *fit(beside, values).values()))
    wake = pd.Series([(night.labels == W).mean() for night in nights])
    paper = STAGE_CLIPS["W"] / sum(STAGE_CLIPS.values())
    no_fit = [np.nan] * len(FIT)
    rows.append(("wake of the recording (paper)", ALL, np.nan, paper, np.nan, *_percentiles(wake), *no_fit))
    return pd.DataFrame(rows, columns=["statistic", "group", *_columns(), *FIT])


def band_comparison(cohort: Cohort, real_data: str | Path | None = None) -> pd.DataFrame:
    """Simulated EEG beside real EEG: log band power of each stage against N2, nats.

    Returns
    -------
    DataFrame
        A row for each band and stage but N2: `band`, `stage`, and the columns of `comparison`.
    """
    if not cohort.info.simulated or cohort.info.eeg != "raw":
        raise NotApplicable(f"{cohort.path}: holds no simulated EEG")
    real = (
        _band_ranges(real_band_power(Path(real_data) / "sleep-edf-features")) if real_data
        else stored_table()["band_power"]
    )
    simulated = _band_ranges(simulated_band_power(list(cohort)))
    rows = [
        (band, stage, *real[band][stage], *simulated[band][stage])
        for band in BANDS for stage in STAGES if stage != STAGES[N2]
    ]
    return pd.DataFrame(rows, columns=["band", "stage", *_columns()])


def _columns() -> list[str]:
    return [f"{source}_{name}" for source in ("real", "simulated") for name in RANGE]
