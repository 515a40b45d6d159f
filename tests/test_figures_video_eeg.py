"""Figs. 11 to 13 as stills: each row shows the clip that it names, says who is right, and the figure says simulated."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info
from matplotlib.figure import Figure

from sacd.analysis import clip_examples
from sacd.analysis.clip_filters import clip_rows
from sacd.cohort import Cohort, Sampling
from sacd.cohort.writer import CohortWriter
from sacd.figures import video_eeg
from sacd.figures.occlusion import where_it_looked
from sacd.stages import STAGES

LABEL = "night $watch$ (simulated)"
FIRST = 40


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two nights of twelve clips that begin at number 40, so that a clip's number is not its row."""
    path = tmp_path_factory.mktemp("figures") / "cohort"
    stage = np.array([0, 1, 2, 3, 4, 2, 2, 0, 3, 3, 2, 1])
    clips = pd.DataFrame({"clip": FIRST + np.arange(12), "onset": 30.0 * np.arange(12), "stage": stage})
    sampling = Sampling(eeg_hz=100.0, eeg_channels=("C4-M1",), frames=4, span_s=30.0, height=6, width=5)
    with CohortWriter(path, raw_info(sampling=sampling)) as writer:
        for number, name in enumerate(("P0", "P1")):
            eeg = np.random.default_rng(number).normal(0, 20, (12, 1, 3000)).astype(np.float32)
            writer.add_participant(name, split="test")
            writer.add_recording(
                f"{name}-n1", name, clips, **(raw_arrays(12, number) | {"eeg": eeg}), channel="C4-M1", commit=False
            )
    return Cohort.open(path)


def said(cohort, method, answer):
    """What a method says of every clip: of one of stage s, `answer(s, row)`."""
    table = clip_rows(cohort)
    codes = [answer(stage, row) for row, stage in enumerate(table["stage"])]
    chances = np.full((len(table), 5), 0.1)
    chances[np.arange(len(table)), codes] = 0.6
    columns = pd.DataFrame(chances, columns=[f"p_{name}" for name in STAGES])
    return table[["recording_id", "clip"]].assign(method=method, predicted=codes).join(columns)


@pytest.fixture(scope="module")
def table(cohort):
    """CE is wrong of every other clip; SACD takes the first night's for the next stage, and is right then."""
    ce = said(cohort, "CE", lambda stage, row: stage if row % 2 else (stage + 1) % 5)
    sacd = said(cohort, "SACD", lambda stage, row: (stage + 1) % 5 if row < 12 else stage)
    nights = list(cohort)
    return clip_examples.with_movement(clip_rows(nights, pd.concat([ce, sacd]), "SACD", "CE"), nights)


@pytest.fixture(scope="module")
def nights(cohort):
    recordings = {night.recording_id: night for night in cohort}
    return video_eeg.Nights(recordings, cohort.info.sampling, LABEL, "SACD", "CE", "few-label")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def heads(figure: Figure) -> list[str]:
    return [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel().startswith("(")]


def drawn_clips(figure: Figure, cohort: Cohort) -> list[tuple[str, int]]:
    """Which clips the rows show, found again by their middle frame."""
    found = []
    for ax in figure.axes:
        if ax.get_ylabel().startswith("("):
            picture = ax.images[0].get_array()
            found += [
                (night.recording_id, FIRST + row)
                for night in cohort for row in range(12) if (night.video[row, 0] == picture).all()
            ]  # fmt: skip
    return found


def test_figure_11_has_a_row_a_stage_with_its_clip_its_waves_and_who_is_right(cohort, table, nights):
    examples = clip_examples.correspondence(table)
    figure = video_eeg.correspondence(examples, nights)
    assert drawn_clips(figure, cohort) == list(zip(examples["recording_id"], examples["clip"], strict=True))
    stages = [STAGES[code] for code in examples["stage"]]
    assert heads(figure) == [f"({letter}) {stage}" for letter, stage in zip("abcde", stages, strict=False)]
    said_of = [text for text in words(figure) if "scored" in text]
    assert len(said_of) == len(examples) and all("(60 %, right)" in text and ", wrong)" in text for text in said_of)
    waves = [text for text in words(figure) if "dB against the night" in text]
    assert len(waves) == len(examples) and all(" Hz) " in text for text in waves)
    assert LABEL in words(figure) and any(text.endswith("few-label; no such clip of N1") for text in words(figure))
    figure._repr_png_()


def test_the_eeg_drawn_is_the_clips_own_and_bars_are_its_probabilities(cohort, table, nights):
    examples = clip_examples.correspondence(table)
    axes = np.array(video_eeg.correspondence(examples, nights).axes).reshape(-1, 6)
    for line, row in zip(axes, examples.to_dict("records"), strict=True):
        seconds, signal = line[4].lines[0].get_data()
        night = nights.recordings[row["recording_id"]]
        begin = round(100 * seconds[0])
        assert begin in (0, 1000, 2000)
        assert np.allclose(signal, night.eeg[row["clip"] - FIRST, 0, begin : begin + 1000])
        assert [bar.get_width() for bar in line[5].patches] == pytest.approx([row[f"p_{name}"] for name in STAGES])
        assert line[5].lines[0].get_xdata() == pytest.approx([row[f"baseline_{name}"] for name in STAGES])


def test_figure_12_shows_a_junction_with_its_neighbours_and_the_restless_person(cohort, table, nights):
    junction, restless = clip_examples.junction(table), clip_examples.restless(table)
    figure = video_eeg.bad_cases(junction, restless, table, nights)
    centre = (junction["recording_id"].iloc[0], junction["clip"].iloc[0])
    expected = [(centre[0], centre[1] + step) for step in (-1, 0, 1)]
    assert drawn_clips(figure, cohort) == [*expected, (restless["recording_id"].iloc[0], restless["clip"].iloc[0])]
    assert [head.replace("\n", " ") for head in heads(figure)][:3] == [
        f"(a) before: {STAGES[junction['previous'].iloc[0]]}", f"(a) {STAGES[junction['stage'].iloc[0]]}",
        f"(a) after: {STAGES[junction['next'].iloc[0]]}",
    ]
    bars = figure.axes[0]
    assert len(bars.patches) == 2 and "orange: P0" in bars.get_xlabel()
    figure._repr_png_()


def test_figure_13_names_the_errors_with_their_shares_and_ends_with_one_of_any_stage(cohort, table, nights):
    errors, unclear = clip_examples.main_errors(table), clip_examples.little_to_see(table)
    figure = video_eeg.main_errors(errors, unclear, nights)
    said_first = [head.replace("\n", " ") for head in heads(figure)]
    assert said_first[0] == "(a) W taken for N1 50 % of W" and said_first[-1] == "(f) any stage: little moves"
    assert len(said_first) == 6
    assert drawn_clips(figure, cohort)[-1] == (unclear["recording_id"].iloc[0], unclear["clip"].iloc[0])
    figure._repr_png_()


def test_a_caption_says_the_same_in_words(table, nights):
    examples = clip_examples.correspondence(table)
    lines = video_eeg.caption(examples, nights).splitlines()
    assert len(lines) == len(examples) + 1 and lines[-1] == LABEL
    first = examples.iloc[0]
    assert lines[0].startswith(f"{first.recording_id}, clip {first['clip']}: scored {STAGES[first.stage]}; SACD: ")


def test_where_nothing_is_to_be_shown_a_line_says_so(table, nights):
    none = table.iloc[:0]
    for figure in (
        video_eeg.correspondence(none, nights), video_eeg.bad_cases(none, none, table, nights),
        video_eeg.main_errors(none, none, nights),
    ):
        assert LABEL in words(figure) and any("SACD" in text for text in words(figure))


def test_where_it_looked_lies_over_the_clips_frames(cohort):
    drop = np.zeros((2, 3, 5), np.float32)
    drop[1, 2, 4] = 1.5
    figure = where_it_looked(drop, cohort["P0-n1"], FIRST + 3, LABEL, "SACD")
    first, second = figure.axes[:2]
    video = cohort["P0-n1"].video[3]
    assert (first.images[0].get_array() == video[1]).all() and (second.images[0].get_array() == video[3]).all()
    assert (second.images[1].get_array() == drop[1]).all()
    assert second.images[1].get_extent() == second.images[0].get_extent()
    assert LABEL in words(figure) and f"P0-n1, clip {FIRST + 3}: SACD" in words(figure)
    figure._repr_png_()
