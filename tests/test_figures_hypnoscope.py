"""The hypnoscope, still and live, and a night at a glance: every line is the night that it names."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info
from matplotlib.colors import to_hex
from tiny import make_cohort as make_tiny

from sacd.analysis.exploration import clip_table, night_table, sort_nights, stage_raster
from sacd.cohort import Cohort, Sampling
from sacd.cohort.extras import Extras, SignalInfo
from sacd.cohort.motion import CHANNELS, SAMPLES
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.figures.hypnoscope import hypnoscope
from sacd.figures.style import STAGE_COLOURS
from sacd.figures.whole_night import whole_night
from sacd.stages import STAGES
from sacd.widgets.hypnoscope import Hypnoscope

ASLEEP = {"P0": 4, "P1": 1, "P2": 2}
"""Which clip is the first asleep."""
AHI = {"P0": 3.0, "P1": None, "P2": 40.0}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    path = tmp_path_factory.mktemp("hypnoscope") / "cohort"
    sampling = Sampling(eeg_hz=100.0, eeg_channels=("C4-M1",), frames=4, span_s=30.0, height=6, width=5)
    events = pd.DataFrame({"onset": [10.0, 0.0], "duration": [15.0, 0.0], "type": ["apnoea", "lights off"]})
    rng = np.random.default_rng(0)
    with CohortWriter(path, raw_info(sampling=sampling)) as writer:
        for number, (name, first) in enumerate(ASLEEP.items()):
            stage = np.where(np.arange(9) < first, 0, 1 + number)
            stage[8] = -1
            number_of = np.arange(9) + (np.arange(9) > 6) * 10  # a gap of ten clips
            clips = pd.DataFrame({"clip": number_of, "onset": 30.0 * number_of, "stage": stage})
            arrays = raw_arrays(9) | {"eeg": rng.normal(0, 20, (9, 1, 3000)).astype(np.float32)}
            extras = Extras(
                events=events, motion=rng.integers(0, 255, (9, SAMPLES, CHANNELS), dtype=np.uint8),
                signals=rng.normal(0, 1, (9, 1, 300)).astype(np.float16),
                signal_info=SignalInfo(channels=("Resp",), units=("a.u.",), hz=10),
            )
            writer.add_participant(name, ahi=AHI[name], split="test")
            writer.add_recording(f"{name}n", name, clips, **arrays, channel="C4-M1", extras=extras, commit=False)
    return Cohort.open(path)


@pytest.fixture(scope="module")
def clips(cohort):
    return clip_table(cohort)


@pytest.fixture(scope="module")
def nights(cohort, clips):
    said = clips[clips["recording_id"] != "P2n"].assign(predicted=lambda table: table["stage"])
    said.loc[said["recording_id"] == "P0n", "predicted"] = 0
    return night_table(cohort.participants, clips, said)


def test_a_night_has_its_onset_ahi_and_agreement(nights):
    assert nights["sleep_onset"].tolist() == pytest.approx([4 / 120, 1 / 120, 2 / 120])
    assert nights["ahi"].fillna(-1).tolist() == [3, -1, 40]
    assert nights["agreement"].fillna(-1).tolist() == pytest.approx([0.5, 1, -1])


@pytest.mark.parametrize(("by", "order"), [("onset", "P1 P2 P0"), ("AHI", "P0 P2 P1"), ("agreement", "P0 P1 P2")])
def test_nights_are_sorted_the_unknown_last(nights, by, order):
    assert sort_nights(nights, by)["participant_id"].tolist() == order.split()


def test_nights_cannot_be_sorted_by_what_is_not_known(nights):
    for table, by in ((nights.drop(columns="agreement"), "agreement"), (nights, "age")):
        with pytest.raises(SacdError, match="cannot be sorted"):
            sort_nights(table, by)


def test_every_line_is_its_night_and_gaps_are_empty(nights, clips):
    figure = hypnoscope(nights, clips, "tiny (simulated)", "onset", "CE")
    stack = figure.axes[0]
    names = [text.get_text() for text in stack.get_yticklabels()]
    assert names == ["P1n", "P2n", "P0n"]
    drawn = stack.images[0]
    for name, line in zip(names, drawn.get_array(), strict=True):
        own = clips[clips["recording_id"] == name].set_index("clip")["stage"]
        for clip in range(19):
            stage = own.get(clip, -1)
            assert np.ma.is_masked(line[clip]) if stage < 0 else line[clip] == stage
    assert [to_hex(drawn.cmap(drawn.norm(code))) for code in range(5)] == [STAGE_COLOURS[s].lower() for s in STAGES]
    assert "tiny (simulated)" in [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    figure._repr_png_()


def test_the_live_one_opens_the_clip_that_is_clicked_and_the_night_that_is_chosen(nights, clips):
    opened = []
    live = Hypnoscope(nights, clips, "<img src=x>", lambda *where: opened.append(where), by="onset")
    assert list(live.figure.data[0].y) == ["P1n", "P2n", "P0n"]
    click = {"event_type": "plotly_click", "points": {
        "trace_indexes": [0], "point_indexes": [[2, 17]], "xs": [17.5 / 120], "ys": ["P0n"],
    }}  # fmt: skip
    live.figure._js2py_pointsCallback = click
    live.night.value = "P2n"
    live.night.value = None
    assert opened == [("P0n", 17), ("P2n", 0)]
    live.order.value = "AHI"
    ordered = sort_nights(nights, "AHI")
    assert list(live.figure.data[0].y) == ordered["recording_id"].tolist()
    shown = np.asarray(live.figure.data[0].z)
    assert (shown == np.nan_to_num(stage_raster(ordered, clips), nan=-1)).all()
    assert live.figure.layout.title.text == "&lt;img src=x&gt;"


def test_a_night_at_a_glance_draws_all_that_it_has(cohort):
    figure = whole_night(cohort["P1n"], "tiny (simulated)")
    named = [ax.get_ylabel().replace("\n", " ") for ax in figure.axes]
    assert {"C4-M1, µV", "Resp, a.u.", "movement, grey levels"} <= set(named)
    assert any([text.get_text() for text in ax.get_yticklabels()] == ["apnoea"] for ax in figure.axes)
    assert sum(bool(ax.images) for ax in figure.axes) == 8
    eeg = figure.axes[named.index("C4-M1, µV")].collections[0].get_segments()
    hours = np.array([segment[0][0] for segment in eeg])
    assert not ((hours > 7.01 / 120) & (hours < 16.99 / 120)).any()  # nothing in the gap
    assert max(segment[:, 1].max() for segment in eeg) == pytest.approx(cohort["P1n"].eeg.max(), abs=0.01)
    figure._repr_png_()


def test_a_night_of_features_shows_its_hypnogram(tmp_path):
    cohort = make_tiny(tmp_path / "features", features=True, train=1, test=0, clips=8)
    figure = whole_night(next(iter(cohort)), cohort.label)
    assert len(figure.axes) == 1 and figure.axes[0].get_title() == "P00n1"
    figure._repr_png_()
