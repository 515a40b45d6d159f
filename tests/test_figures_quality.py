"""The page of a night's quality: every fault has its line, absent clips and whether it is simulated are to be seen."""

import numpy as np
import pytest
from conftest import clip_table, raw_arrays, raw_info
from typer.testing import CliRunner

from sacd.analysis.night_quality import flags, left_out, measures, missing, summary
from sacd.cli import app
from sacd.cohort import Cohort
from sacd.cohort.writer import CohortWriter
from sacd.figures.quality import STILLS, quality_page


@pytest.fixture
def cohort(tmp_path):
    """A night of 12 clips without numbers 4 and 5; two are black, one has no EEG, one is both."""
    clips, arrays = clip_table(14).drop(index=[4, 5]), raw_arrays(12)
    clips = clips.assign(flag_video_black=clips["clip"].isin([1, 2]), flag_eeg_flat=clips["clip"].isin([2, 9]))
    arrays["video"][1:3], arrays["eeg"][[2, 7]] = 0, 0
    with CohortWriter(tmp_path / "cohort", raw_info()) as writer:
        writer.add_participant("P1")
        writer.add_recording("P1_a", "P1", clips, **arrays)
        writer.add_recording("P1_b", "P1", clip_table(0), **raw_arrays(0), provenance={"clips_left_out": 7})
    return Cohort.open(tmp_path / "cohort")


def test_what_is_said_of_each_night(cohort):
    table = summary(cohort).set_index("recording")
    assert table.loc["P1_a"].to_dict() == {"clips": 12, "flagged": 3, "left out": 2, "video black": 2, "EEG flat": 2}
    assert table.loc["P1_b"].to_dict() == {"clips": 0, "flagged": 0, "left out": 7, "video black": 0, "EEG flat": 0}
    assert missing(cohort["P1_a"].clips).tolist() == [4, 5] and left_out(cohort["P1_b"]) == 7


def test_measures_are_those_of_the_stored_arrays(cohort):
    night = cohort["P1_a"]
    found = measures(night, cohort.info)
    assert found["brightness"].to_numpy() == pytest.approx(night.video.mean(axis=(1, 2, 3)), rel=1e-5)
    assert found["eeg_uv"].to_numpy() == pytest.approx(night.eeg[:, 0].std(axis=1), rel=1e-5)
    change = np.abs(np.diff(night.video.astype(float), axis=1)).mean(axis=(1, 2, 3))
    assert found["movement"].to_numpy() == pytest.approx(change, rel=1e-5)
    assert (found["brightness"] == 0).tolist() == flags(night.clips)["video black"].tolist()


def test_a_page_shows_faults_what_is_absent_and_stills(cohort):
    page = quality_page(cohort, "P1_a")
    axes = page.get_axes()
    lines = [label.get_text() for ax in axes for label in ax.get_yticklabels()]
    assert {"video black: 2", "EEG flat: 2", "not in the cohort: 2"} <= set(lines)
    assert sum(len(ax.images) for ax in axes) == STILLS
    assert "12 clips" in page.get_suptitle() and "With a fault: 3 (25 %)" in page.get_suptitle()
    assert any("simulated" in text.get_text() for text in page.texts)
    raster = next(ax for ax in axes if ax.get_title(loc="left").startswith("Faults"))
    bars = [[round(path.get_extents().x0 * 120) for path in one.get_paths()] for one in raster.collections]
    assert bars[0] == [1, 2] and bars[1] == [2, 9] and bars[3] == [4, 5]


def test_a_night_without_clips_has_a_page_all_the_same(cohort):
    (text,) = [text.get_text() for ax in quality_page(cohort, "P1_b").get_axes() for text in ax.texts]
    assert text == "P1_b: no clips"


def test_the_command_writes_a_page_for_each_night(cohort, tmp_path):
    result = CliRunner().invoke(app, ["check", str(cohort.path), "--quality", "--out", str(tmp_path / "pages")])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in (tmp_path / "pages").iterdir()) == ["P1_a.png", "P1_b.png"]
    assert "EEG flat" in result.stdout
