"""What the viewer is answered: pictures, times and traces as bytes, faults as a line."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table, raw_arrays, raw_info
from numbered import CLIPS, FRAMES, HELD, LOST, film_numbers, make_numbered, number_of, painted, read_back, said_of

from sacd.cohort import Cohort, CohortInfo
from sacd.cohort.motion import read_motion
from sacd.cohort.remarks import Remarks
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.figures.style import STAGE_COLOURS
from sacd.widgets import traces
from sacd.widgets.clip_bytes import KINDS, answer
from sacd.widgets.preview_cut import cut
from sacd.widgets.viewer import FOLDER, Viewer
from sacd.widgets.viewing import Viewing, listed, named_runs


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_numbered(tmp_path_factory.mktemp("numbered") / "cohort")


def viewing_of(cohort: Cohort, predictions: pd.DataFrame | None = None, **changes: object) -> Viewing:
    said = named_runs(predictions)
    return Viewing(cohort, listed(cohort, None, said), said, **changes)


def asked(viewing: Viewing, kind: str, **about: object) -> dict:
    """The answer with its arrays by name; it must survive JSON."""
    content, buffers = answer({"id": "7", "kind": kind, **about}, viewing)
    assert content["id"] == "7" and content["kind"] == kind
    json.loads(json.dumps(content, allow_nan=False))
    arrays = {
        name: np.frombuffer(buffer, dtype).reshape(shape)
        for (name, dtype, shape), buffer in zip(content["arrays"], buffers, strict=True)
    }
    return content | arrays


def test_a_clip_is_exactly_what_the_student_saw_with_the_times_of_its_pictures(cohort):
    found = asked(viewing_of(cohort), "clip", recording="plain", clip=2)
    recording = cohort["plain"]
    np.testing.assert_array_equal(found["frames"], recording.video[2])
    np.testing.assert_array_equal(found["times"], recording.frame_times[2] - 60)
    assert found["measured"] and found["missing"] == {} and found["stage"] == 2 and found["onset"] == 60
    assert found["eeg"] == {"names": ("C4-M1",), "hz": 100, "band": "0.3–35 Hz"}
    np.testing.assert_array_equal(found["signal_values"], recording.signals[2])
    grid, breathing = read_motion(recording.motion[2])
    np.testing.assert_allclose(found["movement"], grid.mean((1, 2)))
    np.testing.assert_array_equal(found["breathing"], breathing)
    assert asked(viewing_of(cohort), "clip", recording="plain", clip=5)["flags"] == ["video_gap"]


def test_the_display_filter_leaves_what_is_in_its_band_and_knows_the_neighbours(cohort):
    recording = cohort["plain"]
    stored = traces.filtered(recording, 2, 100.0, "as stored")
    np.testing.assert_array_equal(stored, recording.eeg[2])
    smooth = traces.filtered(recording, 2, 100.0, "slow waves, 0.5–4 Hz")
    wave = 60 * np.sin(2 * np.pi * np.arange(3000) / 100)
    assert np.corrcoef(smooth[0], wave)[0, 1] > 0.98
    # With its neighbours at hand the clip's edges are as good as its middle.
    assert np.abs(smooth[0] - wave)[:100].mean() < 2 * np.abs(smooth[0] - wave)[1000:2000].mean() + 2
    assert traces.bands(100.0)[0] == "0.3–35 Hz" and traces.bands(2.0) == ["as stored"]


def test_neighbours_across_a_gap_are_not_used():
    array = np.arange(3 * 4, dtype=float).reshape(3, 1, 4)
    wide = traces.with_neighbours(array, np.array([0, 1, 5]), 1, 2)
    np.testing.assert_array_equal(wide[0], [2, 3, 4, 5, 6, 7, 6, 5])


def test_the_spectrogram_shows_a_spindle_where_it_is(cohort, monkeypatch):
    second = np.arange(3000) / 100
    burst = np.where((second >= 12) & (second < 14), 20 * np.sin(2 * np.pi * 13 * second), 0.1)

    class One:
        eeg = burst[None, None].astype(np.float32)
        clips = pd.DataFrame({"clip": [0]})

    colours = traces.colours(One, 0, 100.0)
    assert colours.shape == (61, 121)
    row, column = np.unravel_index(colours.argmax(), colours.shape)
    assert row == 26 and 12 <= column / 4 <= 14
    # 20 µV at 13 Hz: 200 µV², in the window's 0.75 Hz.
    level = traces.LOWEST_DB + colours.max() / 255 * (traces.HIGHEST_DB - traces.LOWEST_DB)
    assert level == pytest.approx(10 * math.log10(200 / 0.75), abs=0.3)


def test_a_night_holds_scoring_predictions_and_events(cohort):
    viewing = viewing_of(cohort, said_of(cohort))
    found = asked(viewing, "night", recording="plain")
    np.testing.assert_array_equal(found["stages"], cohort["plain"].clips["stage"])
    assert viewing.runs == ["CE", "SACD"] and found["predicted"].shape == (2, 6)
    np.testing.assert_array_equal(found["predicted"] != found["stages"], [np.arange(6) % 2 == 1, np.arange(6) % 3 == 1])
    np.testing.assert_allclose(found["probability"].sum(-1), 1, rtol=1e-6)
    assert found["events"] == [[8.0, 12.0, "apnoea"], [40.0, 3.0, "arousal"]]


def test_a_clip_that_a_model_does_not_speak_of_says_so(cohort):
    said = said_of(cohort).query("clip < 3")
    found = asked(viewing_of(cohort, said), "night", recording="plain")
    assert (found["predicted"][:, 3:] == -1).all() and np.isnan(found["probability"][:, 3:]).all()


def test_the_preview_of_a_clip_is_cut_out_with_its_own_times(cohort, tmp_path):
    """Every picture of the cut is the one its time names, and what was lost is not there."""
    for clip in range(CLIPS["filmed"]):
        file, times, begins = cut(cohort["filmed"].preview, 30.0 * clip)
        (tmp_path / "cut.webm").write_bytes(file)
        # The first picture of the last clip is lost: from the last key picture on.
        wanted = np.setdiff1d(np.arange(300 * min(clip, 1), 300 * (clip + 1)), LOST)
        np.testing.assert_allclose(times, wanted / 10 - 30 * clip, atol=1e-9)
        assert film_numbers(tmp_path / "cut.webm") == wanted.tolist()
        assert begins == (-30 if clip == 2 else 0)
    with pytest.raises(SacdError, match="no picture at 300 s"):
        cut(cohort["filmed"].preview, 300.0)
    assert "no preview" in asked(viewing_of(cohort), "preview", recording="plain", clip=0)["error"]


def test_numbers_in_pictures_are_read_back():
    numbers = np.array([0, 1, 4096 + 64 * 5 + 31, 2**16 - 1])
    for number, picture in zip(numbers, painted(numbers, 32, 32), strict=True):
        assert read_back([picture[4 * (i // 8) + 2, 4 * (i % 8) + 2] for i in range(32)]) == number
    assert read_back([0] * 32) is None
    assert number_of(0, 0, FRAMES - 1) < number_of(0, 1, 0) and HELD.stop < FRAMES


def test_what_cannot_be_had_is_named_and_the_rest_comes(tmp_path):
    cohort = make_numbered(tmp_path / "cohort", film=False)
    (cohort["plain"].path / "video.npy").unlink()
    found = asked(viewing_of(cohort), "clip", recording="plain", clip=0)
    assert "video.npy: not found" in found["missing"]["video"] and "frames" not in found
    assert found["eeg_values"].shape == (1, 3000) and len(found["movement"]) == 150


def test_a_cohort_of_format_1_has_movement_from_its_own_pictures(tmp_path):
    with CohortWriter(tmp_path / "c", raw_info(format_version=1)) as writer:
        writer.add_participant("P0")
        writer.add_recording("r", "P0", clip_table(3), **raw_arrays(3))
    cohort = Cohort.open(tmp_path / "c")
    found = asked(viewing_of(cohort), "clip", recording="r", clip=1)
    np.testing.assert_allclose(found["times"], [3.75, 11.25, 18.75, 26.25])
    assert not found["measured"] and found["movement_edges"].tolist() == [3.75, 11.25, 18.75, 26.25]
    wanted = np.abs(np.diff(cohort["r"].video[1].astype(float), axis=0)).mean((1, 2))
    np.testing.assert_allclose(found["movement"], wanted, rtol=1e-5)
    assert found["eeg"]["band"] == "as stored"


def test_of_a_cohort_of_features_the_night_is_there_and_the_rest_is_named(tmp_path):
    names = {"video_features": ("a", "b"), "eeg_features": ("c",)}
    info = CohortInfo(name="f", simulated=True, source_id="f", video="features", eeg="features", sampling=names)
    with CohortWriter(tmp_path / "c", info) as writer:
        writer.add_participant("P0")
        arrays = np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32)
        writer.add_recording("r", "P0", clip_table(3), *arrays)
    viewing = viewing_of(Cohort.open(tmp_path / "c"))
    found = asked(viewing, "clip", recording="r", clip=1)
    assert "no pictures" in found["missing"]["video"] and "no traces" in found["missing"]["eeg"]
    assert asked(viewing, "hello")["bands"] == [] and len(asked(viewing, "night", recording="r")["stages"]) == 3
    assert asked(viewing, "overview", recording="r", pixels=200)["pairs"].shape[0] == 0


def test_faults_come_as_a_line(cohort):
    viewing = viewing_of(cohort)
    for about, said in (
        ({"kind": "clip", "recording": "../plain", "clip": 0}, "is not in"),
        ({"kind": "clip", "recording": "plain", "clip": "0"}, "has no clip '0'"),
        ({"kind": "clip", "recording": "plain", "clip": 99}, "has no clip 99"),
        ({"kind": "nonsense"}, "none of"),
        ({"kind": "remark", "recording": "plain", "clip": 0, "label": "W"}, "cannot write"),
        ({"kind": "occlusion", "recording": "plain", "clip": 0}, "no trained student"),
        ({"kind": "filter", "names": ["x"], "values": {}, "uncertain": False}, "unknown"),
    ):
        content, buffers = answer(about, viewing)
        assert said in content["error"] and "\n" not in content["error"] and buffers == []
    assert set(KINDS) >= {"clip", "preview", "night", "overview", "remark", "export", "occlusion"}


def test_filters_narrow_the_list(cohort):
    viewing = viewing_of(cohort, said_of(cohort))
    about = {"model": "SACD", "baseline": "CE", "values": {}, "uncertain": False}
    both = asked(viewing, "filter", names=["both_wrong"], **about)
    assert both["list"].tolist() == [[0, 1], [1, 1]]
    ours = asked(viewing, "filter", names=["only_baseline_wrong"], **about)
    assert ours["list"].tolist() == [[1, 3], [1, 5]]
    stage = asked(viewing, "filter", names=["stage"], **(about | {"values": {"stage": "N2"}}))
    assert stage["list"].tolist() == [[0, 2], [1, 2], [1, 3]]
    assert len(asked(viewing, "hello")["list"]) == sum(CLIPS.values())


def test_only_clips_to_walk_through_pass_filters(cohort):
    said = named_runs(said_of(cohort))
    viewing = Viewing(cohort, listed(cohort, [("plain", 3), ("plain", 1)], said), said)
    about = {"model": "SACD", "baseline": "CE", "values": {}}
    assert asked(viewing, "filter", names=[], uncertain=False, **about)["list"].tolist() == [[1, 3], [1, 1]]
    assert asked(viewing, "filter", names=["both_wrong"], uncertain=True, **about)["list"].tolist() == [[1, 1]]


def test_remarks_are_kept_beside_the_cohort_and_exported(tmp_path):
    cohort = make_numbered(tmp_path / "cohort", film=False)
    before = cohort.fingerprint
    viewing = viewing_of(cohort, remarks=Remarks(cohort.path), reader="AB")
    note = "<img src=x onerror=alert(1)>"
    for clip, label in ((0, "W"), (1, "N1"), (2, "N2")):
        found = asked(viewing, "remark", recording="plain", clip=clip, label=label, note=note)
    assert found["agreement"]["clips"] == 3 and found["agreement"]["agreement"] == pytest.approx(2 / 3)
    assert [row["note"] for row in found["remarks"]] == [note] * 3
    assert asked(viewing, "night", recording="filmed")["remarks"] == []
    assert asked(viewing, "export", recording="plain", format="csv")["file"].tobytes().count(b"AB") == 3
    edf = asked(viewing, "export", recording="plain", format="edf")
    assert edf["name"] == "plain-remarks.edf" and b"Sleep stage N2" in edf["file"].tobytes()
    assert Cohort.open(cohort.path).fingerprint == before


def test_the_overview_has_two_pairs_a_pixel_at_most(cohort):
    found = asked(viewing_of(cohort), "overview", recording="plain", pixels=100)
    assert found["pairs"].dtype == np.int16 and found["pairs"].shape[0] == 1 and found["pairs"].shape[1] <= 200


def test_predictions_must_tell_their_runs_apart(cohort):
    said = said_of(cohort)
    with pytest.raises(SacdError, match="several things"):
        named_runs(pd.concat([said, said]))
    with pytest.raises(SacdError, match="no column predicted"):
        named_runs(said.drop(columns="predicted"))
    assert set(named_runs(said.assign(run=said["method"] + " 1"))["run"]) == {"CE 1", "SACD 1"}


def test_the_widget_sends_bytes_and_no_state(cohort):
    """All the traits that are synced do not grow with the cohort; clips come as buffers."""
    sent = []
    viewer = Viewer(cohort, said_of(cohort), reader="AB")
    viewer.send = lambda content, buffers=None: sent.append((content, buffers))
    viewer._hear(viewer, {"id": "1", "kind": "hello"}, [])
    assert sent[-1][0]["here"] == ("filmed", 0)
    viewer._hear(viewer, {"id": "2", "kind": "clip", "recording": "plain", "clip": 1}, [])
    assert sum(map(len, sent[-1][1])) > 32 * 32 * 32
    state = {key: value for key, value in viewer.get_state().items() if key not in ("_esm", "_css")}
    assert len(json.dumps(state, default=str)) < 2000
    assert len(viewer.get_state()["_esm"].encode()) < 100_000


def test_python_moves_the_viewer_and_hears_of_moves(cohort):
    sent, heard = [], []
    viewer = Viewer(cohort)
    viewer.send = lambda content, buffers=None: sent.append(content)
    viewer.on_clip(lambda recording, clip: heard.append((recording, clip)))
    viewer.show("plain", np.int64(4))
    assert sent == [{"kind": "show", "recording": "plain", "clip": 4}] and viewer.here == ("plain", 4)
    viewer._hear(viewer, {"kind": "moved", "recording": "plain", "clip": 5}, [])
    viewer._hear(viewer, {"kind": "moved", "recording": "gone", "clip": 5}, [])
    assert heard == [("plain", 5)] and viewer.here == ("plain", 5)
    with pytest.raises(SacdError, match="has no clip 77"):
        viewer.show("plain", 77)


def test_the_viewers_stages_have_the_colours_of_the_figures():
    style = (FOLDER / "viewer.css").read_text()
    for stage, colour in STAGE_COLOURS.items():
        assert f"--stage-{stage}: {colour};" in style
