"""The night's figure draws the scores that it is given, with the lengths in order and the night last."""

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_predictions import predictions

from sacd.analysis.summary import summarise
from sacd.figures.night import by_context

RIGHT = {1: 0.4, 120: 0.7, 0: 0.8, 20: 0.6}
"""By clips at once; 0 is the night."""


@pytest.fixture(scope="module")
def scores() -> tuple[pd.DataFrame, pd.DataFrame]:
    def made(right: float, **columns: object) -> pd.DataFrame:
        return predictions({"CE": right}, participants=4, seeds=3).assign(**columns)

    protocols = ("few-label", "paper")
    networks = [made(right, length=length, protocol=name) for name in protocols for length, right in RIGHT.items()]
    decoded = [made(right, protocol=name) for name, right in zip(protocols, (0.5, 0.55), strict=True)]
    by = ["protocol", "length"]
    return summarise(pd.concat(networks), by=by), summarise(pd.concat(decoded), by=["protocol"])


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("label", ["main-nights (simulated)", "clinic"])
def test_lengths_stand_in_order_and_the_decoded_clips_as_a_line(scores, label):
    summary, decoded = scores
    figure = by_context(summary, decoded, label, "CE")
    assert words(figure).count(label) == 1 and "CE; networks by the likeliest stage" in words(figure)
    assert [axes.get_title() for axes in figure.axes] == ["(a) Accuracy", "(b) Macro-F1"]
    for axes, metric in zip(figure.axes, ("accuracy", "macro_f1"), strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "20", "120", "night"]
        lines = {line.get_label(): line for line in axes.lines}
        for name in ("few-label", "paper"):
            part = summary[(summary.metric == metric) & (summary.protocol == name)].set_index("length")
            drawn = lines[f"{name}: network"]
            assert drawn.get_ydata().tolist() == part.loc[[1, 20, 120, 0], "mean"].tolist()
            assert drawn.get_xdata().round().tolist() == [0, 1, 2, 3]
            mean = decoded[(decoded.metric == metric) & (decoded.protocol == name)]["mean"].item()
            assert set(lines[f"{name}: single clips, decoded"].get_ydata()) == {mean}


def test_without_a_decoder_there_is_no_line(scores):
    summary, decoded = scores
    figure = by_context(summary, decoded[decoded.protocol == "paper"], "clinic", "KD", metrics=("kappa",))
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["few-label: network", "paper: network", "paper: single clips, decoded"]
