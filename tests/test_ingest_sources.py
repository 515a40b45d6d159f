"""What a folder is recognised as, said in one line, and which command takes what is no cohort."""

from pathlib import Path

import numpy as np
import pytest
from recording_folders import make_source
from test_ingest_sleep_accel import write_night
from typer.testing import CliRunner

from sacd.audiovideo import digits, ucf51
from sacd.cli import app
from sacd.exceptions import SacdError
from sacd.ingest.sources import FORMATS, SOURCES, recognise


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def sleep_edf(folder: Path) -> Path:
    return touch(folder, "SC4001E0.npz", "SC4001EC-Hypnogram.edf")


def sleep_accel(folder: Path) -> Path:
    return write_night(folder, "P1", [0, 1, 2])


def s3ve(folder: Path) -> Path:
    return touch(folder, "EGG/W/p_1.npy", "Infrared video features/W/p_1.npy", "labels/labels.json")


def bids(folder: Path) -> Path:
    touch(folder, "sub-01/eeg/sub-01_task-sleep_eeg.edf", "participants.tsv")
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    return folder


def ucf101(folder: Path) -> Path:
    return touch(folder, "Archery/v_Archery_g01_c01.avi")


def ucf51_audio(folder: Path) -> Path:
    return touch(folder, ucf51.ARCHIVE)


def spoken(folder: Path) -> Path:
    return touch(folder, "recordings/0_george_0.wav")


def cohort(folder: Path) -> Path:
    return touch(folder, "cohort.json")


MAKERS = {
    "cohort": cohort, "sleep-edf": sleep_edf, "sleep-accel": sleep_accel, "s3ve": s3ve, "ucf-101": ucf101,
    "ucf51-audio": ucf51_audio, "digits": spoken, "bids": bids, "recordings": make_source,
}


def test_every_source_is_tried_here() -> None:
    assert set(MAKERS) == {source.name for source in SOURCES}


@pytest.mark.parametrize("name", MAKERS)
def test_each_is_recognised_as_itself_and_as_nothing_before_it(name: str, tmp_path: Path) -> None:
    folder = MAKERS[name](tmp_path / "source")
    fitting = [source.name for source in SOURCES if source.fits(folder)]
    assert fitting[0] == name
    source = next(source for source in SOURCES if source.name == name)
    if name in FORMATS:
        assert recognise(folder) is source
        return
    with pytest.raises(SacdError) as error:
        recognise(folder)
    text = str(error.value)
    assert source.what in text and source.command.format(folder) in text and "\n" not in text


@pytest.mark.parametrize("name", [source.name for source in SOURCES if source.command])
def test_the_command_that_takes_it_exists(name: str, tmp_path: Path) -> None:
    command = next(source for source in SOURCES if source.name == name).command.format(tmp_path).split()
    assert command[0] == "sacd"
    options = [word for word in command[2:] if word.startswith("--")]
    help_text = CliRunner().invoke(app, [command[1], "--help"], env={"COLUMNS": "200"}).output
    assert all(option in help_text for option in options)
    if "-p" in command:
        notebook = (Path(__file__).parents[1] / "notebooks" / "08_audio_to_video.ipynb").read_text()
        assert f'"{command[command.index("-p") + 1]} = ' in notebook


def test_names_are_those_of_the_benchmarks(tmp_path: Path) -> None:
    assert ucf51.FILE_NAME.fullmatch(next((ucf101(tmp_path / "a") / "Archery").iterdir()).stem)
    assert digits.FILE_NAME.fullmatch(next((spoken(tmp_path / "b") / "recordings").iterdir()).name)


def test_real_sources_are_recognised(real_data: Path) -> None:
    for folder, name in {"sleep-edf-features": "sleep-edf", "sleep-accel": "sleep-accel"}.items():
        assert recognise(real_data / folder).name == name
    for folder, name in {"audio-digits": "audio_digits", "ucf51-audio-features": "ucf51_audio"}.items():
        with pytest.raises(SacdError, match=f"-p {name} "):
            recognise(real_data / folder)


def test_a_folder_above_and_a_folder_of_nothing(tmp_path: Path) -> None:
    make_source(tmp_path / "exports" / "march")
    with pytest.raises(SacdError, match="march in it is a recording folder: name that folder"):
        recognise(tmp_path / "exports")
    touch(tmp_path / "other", "thesis.docx")
    with pytest.raises(SacdError, match="no known format; expected Sleep-EDF feature nights"):
        recognise(tmp_path / "other")
    with pytest.raises(SacdError, match="not a folder"):
        recognise(tmp_path / "nowhere")


def test_a_format_is_taken_at_its_word(tmp_path: Path) -> None:
    assert recognise(ucf101(tmp_path / "videos"), "recordings").name == "recordings"
    with pytest.raises(SacdError, match="format 'edf' is unknown; use auto or sleep-edf"):
        recognise(tmp_path / "videos", "edf")


def test_arrays_of_a_lab_are_not_the_release(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lab", "eeg/a.edf", "video/a.mp4", "labels/a.txt")
    assert "s3ve" not in [source.name for source in SOURCES if source.fits(folder)]
    np.save(folder / "eeg" / "a.npy", np.zeros(3))
    assert "s3ve" not in [source.name for source in SOURCES if source.fits(folder)]


def test_the_command_says_what_it_took_a_folder_for(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["ingest", str(sleep_accel(tmp_path / "source")), str(tmp_path / "out")]).output
    assert f"{tmp_path / 'source'}: taken for nights of a heart-rate and a movement sensor (sleep-accel)" in said
    assert (tmp_path / "out" / "cohort.json").is_file()
