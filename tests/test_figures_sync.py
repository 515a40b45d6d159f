"""The figure of the camera's clock: a wrong one is seen, a right one is said to be right, and none is invented."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from sacd.cohort.motion import HZ, SAMPLES
from sacd.figures.sync import clock_figure
from sacd.ingest.clock_traces import PsgTraces, VideoTraces
from sacd.ingest.sync import ClockEstimate, estimate_clock

CLIPS = 140


def estimate(late_s: float, seeds: tuple[int, int] = (0, 0), clips: int = CLIPS) -> ClockEstimate:
    """Of breathing alone, on a camera clock that is so late; with two seeds, of two people."""
    breaths = []
    for seed in seeds:
        rate = 0.25 * np.exp(0.4 * np.random.default_rng(seed).standard_normal((clips + 2) * SAMPLES))
        breaths.append(np.sin(2 * np.pi * np.cumsum(rate) / HZ).astype(np.float32))
    begin, shift = SAMPLES, round(late_s * HZ)
    seen, felt = (line[first : first + clips * SAMPLES].reshape(clips, SAMPLES)
                  for line, first in zip(breaths, (begin + shift, begin), strict=True))
    onsets = 30.0 * np.arange(clips)
    return estimate_clock(VideoTraces(onsets, np.zeros_like(seen), seen), PsgTraces(onsets, None, felt))


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.mark.parametrize(("late", "verdict"), [(0.0, "right"), (12.0, "wrong")])
def test_the_verdict_and_the_peak(late, verdict):
    found = estimate(late)
    figure = clock_figure(found, "night (simulated)")
    said = words(figure)
    assert f"The stated clock is {verdict}" in said and said.count("night (simulated)") == 1
    assert "do not show movement" in said
    lags, fit = figure.axes[0].lines[0].get_data()
    assert lags[np.argmax(fit)] == pytest.approx(late, abs=0.2)
    # The stated clock stands where it is, at 0, and outside of what is drawn about the peak where it is far off.
    assert figure.axes[0].lines[1].get_xdata() == [0, 0]
    low, high = figure.axes[1].get_xlim()
    assert (low < 0 < high) == (late == 0)
    assert figure.axes[-1].get_title().endswith(f"({found.clock.to_recording(2100.0) - 2100:+.1f} s)")


def test_no_clock_is_invented():
    found = estimate(0.0, (0, 1))
    said = words(clock_figure(found, "night"))
    assert not found.identifiable and "confidence" not in said
    assert "cannot be told" in said and "at the best lag" in said
    assert "less than an hour" in words(clock_figure(estimate(0.0, clips=20), "night"))
