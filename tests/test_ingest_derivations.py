"""Channels' names: every spelling of a derivation, what other signals are, and what can be re-referenced."""

import pytest

from sacd.ingest.derivations import candidates, canonical, derivation, kind_of, sources


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("C3-M2", ["C3-A2", "EEG C3-A2", "EEG C3-M2", "c3:a2", "C3/A2", "C3_M2", "C3A2", "EEG(C3-A2)", "C3 - A2 "]),
        ("C4-M1M2", ["C4-A1A2", "C4-(A1+A2)", "C4-M1M2", "C4-(M1+M2)/2"]),
        ("C3", ["C3", "EEG C3", "EEG C3-Ref", "C3-REF", "POL C3", "EEG_C3"]),
        ("Fpz-Cz", ["Fpz-Cz", "EEG Fpz-Cz", "FPZ-CZ", "fpzcz"]),
        ("T7-LE", ["T3-LE", "EEG T3-LE", "T7-le"]),
        ("Pz-Oz", ["EEG Pz-Oz"]), ("F10", ["EEG F10"]), ("AFz-AVG", ["AFZ-AVG"]), ("M1", ["A1", "EEG A1-REF", "M1"]),
    ],
)  # fmt: skip
def test_spellings_of_a_derivation(name: str, labels: list[str]) -> None:
    for label in labels:
        assert canonical(label) == name and kind_of(label, "uV") == "eeg", label


@pytest.mark.parametrize("label", ["C31", "Chin", "O2 Sat", "Pleth", "E1-M2", "EEG", "P", "Cz-", "A3", "C3-X9", ""])
def test_what_is_no_derivation(label: str) -> None:
    assert derivation(label) is None and canonical(label) == label


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("eog", ["EOG left", "EOG horizontal", "E1-M2", "E2:M1", "E1M2", "LOC-A2", "ROC", "EEG LOC-REF", "RightEye"]),
        ("emg", ["EMG chin", "Chin1-Chin2", "EMG submental", "LLEG", "Leg/R", "LAT", "Kinn"]),
        ("ecg", ["ECG", "EKG1-EKG2", "EEG EKG1-REF"]), ("thorax", ["Resp thorax", "THO", "TORACE", "THOR RES"]),
        ("abdomen", ["Resp abdomen", "ABDO RES", "ADDOME"]), ("spo2", ["SpO2", "SaO2", "O2 Sat", "OSAT", "O2"]),
        ("airflow", ["Airflow", "Resp nasal", "Resp oro-nasal", "Nasal Pressure", "Thermistor", "PTAF", "Flow"]),
        ("eeg", ["EEG", "EEG(sec)", "EEG2"]),
        ("other", ["Snore", "Nasal snore", "Temp rectal", "Pulse", "Position", "E12", "Status"]),
    ],
)  # fmt: skip
def test_what_a_channel_measures(kind: str, labels: list[str]) -> None:
    for label in labels:
        assert kind_of(label, "%" if kind == "spo2" else "uV") == kind, label


def chosen(name: str, *labels: str) -> tuple[int, ...]:
    return sources(name, labels, [kind_of(label) for label in labels])


def test_re_referencing() -> None:
    assert chosen("C3-M2", "C3", "A2") == (0, 1)
    assert chosen("C3-A2", "M2-Ref", "Snore", "EEG C3-Ref") == (2, 0)
    assert chosen("C3-M2", "C3-M1", "M2-M1") == (0, 1)
    assert chosen("Fpz-Pz", "Pz-Cz", "Fpz-Cz") == (1, 0)
    # What is there is taken, and not made.
    assert chosen("C3-M2", "C3", "A2", "C3-A2") == (2,)
    # Against different thirds there is no difference of two electrodes.
    assert chosen("C3-M2", "C3-M1", "M2-Cz") == ()
    assert chosen("C3-M2", "C3", "A1") == ()
    assert chosen("Chin1-Chin2", "Chin1", "Chin2") == ()
    assert sources("O2", ["O2"], ["spo2"]) == ()


def test_the_best_come_first() -> None:
    labels = ["O1-A1", "M1", "EEG", "Fpz-Cz", "C4-LE"]
    offered = candidates(labels, ["eeg"] * len(labels))
    assert [name for name in offered if chosen(name, *labels)] == ["C4-LE", "Fpz-Cz", "O1-M1", "EEG"]
    assert candidates(["SpO2"], ["spo2"])[0] == "C3-M2"
