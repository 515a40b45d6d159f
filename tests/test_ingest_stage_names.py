"""Names of stages and events: both manuals, the programs that export them, and a user's own in YAML."""

from pathlib import Path

import pytest

from sacd.exceptions import SacdError
from sacd.ingest.stage_names import StageNames, unknown_stage


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("W", "Wake", "WAKE", "Sleep stage W", " sleep stage w ", "SLEEP-S0", "Stage 0", "Awake"), 0),
        (("N1", "S1", "Sleep stage 1", "Sleep stage N1", "NREM1", "NREM 1", "Stage 1 sleep", "SLEEP-S1"), 1),
        (("N2", "s2", "Sleep stage 2", "stage N2", "non-REM 2", "sleep_stage_2", "Stage-2"), 2),
        (("N3", "S3", "S4", "Sleep stage 3", "Sleep stage 4", "Sleep stage N3", "SWS", "NREM 4"), 3),
        (("R", "REM", "Sleep stage R", "REM sleep", "SLEEP-REM", "Stage REM"), 4),
        (("?", "MT", "Movement time", "Sleep stage ?", "Sleep stage M", "unscored", "UNS", "ART", "-1", "n/a"), -1),
        (("4", "5", "2.0", "Lights off", "EEG arousal", "Stage X", "", "sleep", "nrem", "stage", "N" * 999), None),
    ],
)
def test_stages(names: tuple[str, ...], code: int | None) -> None:
    assert {name: StageNames().stage(name) for name in names} == dict.fromkeys(names, code)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("Lights off", "LIGHTS OUT", "LightsOff", "lights-off"), "lights off"),
        (("Lights On", "light on"), "lights on"),
        (("EEG arousal", "Arousal (ARO RES)", "Arousal ()", "ASDA arousal|Arousal (ADSA)", "RERA",
          "Arousal resulting from respiratory effort|Arousal (ARO RES)", "Spontaneous arousal|x"), "arousal"),
        (("Obstructive apnea|Obstructive Apnea", "Central Apnoea", "Apnea"), "apnoea"),
        (("Hypopnea|Hypopnea", "hypopnoea"), "hypopnoea"),
        (("PLM (Left)", "Periodic leg movement - left|PLM (Left)", "Limb Movement", "LM"), "limb movement"),
        (("Position change", "artefact", "Signal artifact|SIGNAL"), None),
        (("Patient has sleep apnea since 1990", "no arousal", "W", "SpO2 desaturation|SpO2 desaturation", ""), None),
    ],
)  # fmt: skip
def test_events(names: tuple[str, ...], kind: str | None) -> None:
    found = {name: StageNames().event(name) for name in names}
    expected = dict.fromkeys(names, kind)
    if "artefact" in names:
        expected = dict(zip(names, ("position change", "artefact", "artefact"), strict=True))
    assert found == expected


def own(folder: Path, text: str) -> StageNames:
    (folder / "names.yaml").write_bytes(text.encode("latin-1"))
    return StageNames.read(folder / "names.yaml")


def test_a_user_adds_names_and_has_the_last_word(tmp_path: Path) -> None:
    names = own(
        tmp_path,
        "stages:\n  W: [0, Wach]\n  N1: [1]\n  N2: [2, Ütwo]\n  N3: [3, 4]\n  REM: [5]\n  not scored: [9, 'W?', '?']\n"
        "events:\n  lights off: [Licht aus]\nepoch_s: 20\n",
    )
    assert [names.stage(text) for text in ("0", "wach", "1", "2.0", "ütwo", "3", "4", "5", "9", "w?")] == [
        0, 0, 1, 2, 2, 3, 3, 4, -1, -1,
    ]
    assert names.stage("N2") == 2 and names.stage("6") is None and names.epoch_s == 20
    assert names.event("LICHT AUS") == "lights off" and names.event("lights on") == "lights on"
    assert own(tmp_path, "stages: {N2: [S1]}").stage("s1") == 2
    assert own(tmp_path, "").stage("w") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stages: {W: [0], N1: [0]}", "'0' has two meanings"),
        ("stages: {S1: [1]}", "stages.S1"),
        ("stages: {W: 0}", "valid list"),
        ("stages: {W: [yes]}", "stages.W.0"),
        ("events: {snoring: [x]}", "events.snoring"),
        ("epoch_s: 15", "epoch_s"),
        ("stage: {W: [0]}", "stage: Extra inputs"),
        ("- W", "valid dictionary"),
        ("stages: {W: [", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nstages: {W: [*b, *b]}", "names.yaml"),
        ("#" * 20000, "larger than"),
        ("\0", "not a text file"),
    ],
)
def test_files_that_say_no_names(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SacdError) as caught:
        own(tmp_path, text)
    assert words in str(caught.value) and "names.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_stage_is_shown_and_free_text_is_not() -> None:
    texts = ("X9", "Sleep stage 7", "Miller, Anna", "4")
    said = {text: str(unknown_stage(Path("h.txt"), "line 3", text)) for text in texts}
    assert "line 3: 'X9' is not a known stage" in said["X9"] and "'Sleep stage 7'" in said["Sleep stage 7"]
    assert "Miller" not in said["Miller, Anna"] and "a text of 12 characters" in said["Miller, Anna"]
    assert all(words in said["4"] for words in ("digit 4", "4 is S4 to some and REM to others", "stages: {W: [0]"))
