import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.exploration import recording_mix
from sacd.analysis.summary import summarise
from sacd.figures import calibration, confusion, distillation, embedding, exploration, heatmap, style, training
from sacd.paper import tidy
from sacd.paper.printed import SINCE
from sacd.stages import STAGES

LABEL = "night $watch$ <b> (simulated)"
RANGES = [f"{source}_{name}" for source in ("real", "simulated") for name in ("low", "median", "high")]


def run() -> pd.DataFrame:
    frame = predictions({"CE": 0.5, "KD": 0.6, "SACD": 0.6}, participants=4, clips=20, seeds=3)
    return pd.concat([frame.assign(protocol=protocol) for protocol in ("paper", "few-label")])


def night() -> pd.DataFrame:
    stage = np.repeat([0, 1, 2, 4, -1, 2], 10)
    return pd.DataFrame(
        {"recording_id": "r", "participant_id": "p", "clip": range(60), "onset": 30.0 * np.arange(60), "stage": stage}
    )


def people() -> pd.DataFrame:
    return pd.DataFrame({"sex": ["M", "F", "n/a"], "ahi": [2.0, 40.0, np.nan]})


def draw_overview(label: str) -> Figure:
    return exploration.cohort_overview(people(), night(), label)


def draw_hypnogram(label: str) -> Figure:
    model = predictions({"CE": 0.5}, participants=1, clips=60, seeds=1)
    return exploration.hypnogram(night(), label, "r", {"CE": model})


def draw_mix(label: str) -> Figure:
    return exploration.stage_mix(recording_mix(night()), label, by="recording_id")


def draw_lengths(label: str) -> Figure:
    return exploration.recording_lengths(recording_mix(night()), label)


def draw_confusion(label: str) -> Figure:
    empty = np.vstack([np.eye(5)[:4], np.zeros(5)])
    return confusion.confusion_matrices({"CE": np.eye(5), "KD": empty, "$x": np.ones((5, 5)), "SACD": np.eye(5)}, label)


def draw_embedding(label: str) -> Figure:
    points = pd.DataFrame({"x": range(10), "y": range(10), "stage": [0, 1, 2, 3, 4] * 2})
    return embedding.embedding_panels(
        {"CE": points, "KD": points}, label, {"CE": {"purity": 0.5, "chance": 0.2, "silhouette": 0.1}}
    )


def draw_forest(label: str) -> Figure:
    summary = summarise(run(), by=["protocol", "method"])
    return distillation.forest(summary, label, facet="protocol", published=tidy("II"))


def draw_differences(label: str) -> Figure:
    return distillation.differences(compare(run(), within=["protocol"]), label, facet="protocol")


def draw_curves(label: str) -> Figure:
    history = pd.DataFrame({"step": [0, 10, 20], "ce": [2.0, 1.0, 0.5], "validation_macro_f1": [np.nan, 0.4, 0.5]})
    return training.learning_curves({"CE": history, "KD": history.assign(kd=1.0)}, ["ce", "kd"], label)


def draw_heatmaps(label: str) -> Figure:
    values = (0.1, 0.5, 1.0)
    rows = [(a, b, c, a + b - c) for a in values for b in values for c in values]
    return heatmap.lambda_heatmaps(pd.DataFrame(rows, columns=["lambda1", "lambda2", "lambda3", "accuracy"]), label)


def draw_ranges(label: str) -> Figure:
    rows = [(name, group, 1, 2, 3, 2, 3, 4) for name in ("changes/h", "κ") for group in ("healthy", "apnoea")]
    return calibration.statistic_ranges(pd.DataFrame(rows, columns=["statistic", "group", *RANGES]), label)


def draw_power(label: str) -> Figure:
    rows = [("delta", stage, 1, 2, 3, 2, np.nan, 4) for stage in STAGES]
    return calibration.band_power(pd.DataFrame(rows, columns=["band", "stage", *RANGES]), label, "log10 µV²")


def test_many_methods_stand_under_the_heading_of_their_family():
    """In each line of panels, and a point at the row of its own name; of four panels the longest come first."""
    names = {"CE": "without a teacher", "KD": "predictions", "CRD": "contrast", "DKD": "predictions"}
    blocks = {"a": ["CE", "KD"], "b": list(names), "c": ["CE"], "d": ["CE", "KD", "CRD"]}
    rows = [
        {"block": block, "method": method, "metric": "accuracy", "mean": 0.1 * list(names).index(method), "sd": 0.0,
         "low": 0.0, "high": 1.0, "participants": 4, "seeds": 3}
        for block, methods in blocks.items() for method in methods
    ]
    drawn = distillation.forest(pd.DataFrame(rows), LABEL, facet="block", groups=names)
    assert [ax.get_title() for ax in drawn.axes] == ["b", "d", "a", "c"]
    first = drawn.axes[0]
    said = [label.get_text() for label in first.get_yticklabels()]
    assert said == ["without a teacher", "CE", "predictions", "KD", "DKD", "contrast", "CRD"]
    bold = [label.get_text() for label in first.get_yticklabels() if label.get_weight() == "bold"]
    assert bold == ["without a teacher", "predictions", "contrast"]
    means = next(line for line in first.lines if line.get_marker() == "o")
    shown = {said[int(place)]: round(mean, 6) for mean, place in zip(*means.get_data(), strict=True)}
    assert shown == {"CE": 0.0, "KD": 0.1, "CRD": 0.2, "DKD": 0.3}
    assert [label.get_text() for label in drawn.axes[3].get_yticklabels()] == ["without a teacher", "CE"]


DRAWINGS = [value for name, value in list(globals().items()) if name.startswith("draw_")]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_every_figure_is_drawn_and_says_that_it_is_simulated(draw, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = draw(LABEL)
    assert dict(matplotlib.rcParams) == before
    assert words(figure).count(LABEL) == 1
    mark = next(text for text in figure.texts if text.get_text() == LABEL)
    assert to_hex(mark.get_color()) == style.ORANGE.lower() and mark.get_weight() == "bold"
    figure.savefig(tmp_path / "figure.png")
    box, frame = mark.get_window_extent(), figure.bbox
    assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
    # nothing else is drawn over the stamp
    for axes in figure.axes:
        assert not axes.get_tightbbox().overlaps(box), axes.get_title()
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_real_cohort_is_named_and_never_called_simulated(draw):
    figure = draw("sleep-edf")
    assert "sleep-edf" in words(figure)
    mark = next(text for text in figure.texts if text.get_text() == "sleep-edf")
    assert mark.get_weight() == "normal"


def test_figures_do_not_pile_up_in_pyplot():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    for draw in DRAWINGS:
        draw(LABEL)
    assert pyplot.get_fignums() == before


def test_a_note_joins_the_stamp_and_a_second_stamp_replaces_the_first():
    figure, _ = style.canvas("a (simulated)", 3, 2)
    style.stamp(figure, "b", "3 seeds")
    assert [text.get_text() for text in figure.texts] == ["b", "3 seeds"]


def test_a_confusion_matrix_shows_percent_of_the_truth():
    matrix = np.array([[3, 1, 0, 0, 0], *np.eye(5)[1:4], np.zeros(5)])
    shown = words(confusion.confusion_matrices({"CE": matrix}, LABEL))
    assert {"75", "25"} <= set(shown)
    assert shown.count("–") == 5


def test_the_hypnogram_leaves_gaps_empty():
    clips = night()
    clips = clips[(clips["clip"] < 20) | (clips["clip"] >= 30)]
    line = exploration.hypnogram(clips, LABEL).axes[0].lines[0]
    hours, level = line.get_data()
    assert np.isnan(level[np.searchsorted(hours, 0.17) : np.searchsorted(hours, 0.24)]).all()
    known = ~np.isnan(hours)
    assert not ((hours[known] > 20 / 120 + 1e-9) & (hours[known] < 30 / 120 - 1e-9)).any()


def test_the_forest_draws_the_mean_of_each_method_in_order():
    summary = summarise(run(), by=["protocol", "method"])
    ax = distillation.forest(summary, LABEL, facet="protocol").axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["CE", "KD", "SACD"]
    means = summary.query("protocol == 'paper' and metric == 'accuracy'")["mean"]
    assert any(np.allclose(line.get_xdata(), means) for line in ax.lines if len(line.get_xdata()) == 3)


def test_panels_of_a_line_share_their_rows_and_name_them_once():
    summary = summarise(run(), by=["protocol", "method"])
    one, other = summary["protocol"].unique()
    left_out = summary[(summary["protocol"] != other) | (summary["method"] != "KD")]
    marked = left_out.assign(method=left_out["method"].replace("SACD", "SACD" + SINCE))
    first, second = distillation.forest(marked, LABEL, facet="protocol").axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["CE", "KD", "SACD †"]
    assert not any(text.get_text() for text in second.get_yticklabels())
    [means] = [line for line in second.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert means.get_ydata().tolist() == [0, 2], "a method that one arm lacks leaves its row empty there"
    assert "† since the paper" in " ".join(words(first.figure))


def test_a_difference_is_filled_only_when_its_corrected_p_is_small():
    comparison = compare(run(), within=["protocol"])
    comparison["p_holm"], comparison["standing"] = np.where(comparison["method"] == "KD", 0.01, 0.5), "claim"
    lines = distillation.differences(comparison, LABEL, facet="protocol").axes[0].lines[1:]
    filled = {to_hex(line.get_markerfacecolor()): line.get_ydata().tolist() for line in lines}
    assert filled == {style.BLUE.lower(): [0], "#ffffff": [1]}
    described = distillation.differences(comparison.assign(standing="descriptive"), LABEL, facet="protocol")
    assert [len(line.get_xdata()) for line in described.axes[0].lines[1:]] == [0, 2]


def test_the_heatmaps_hold_the_papers_fixed_values():
    titles = [axes.get_title() for axes in draw_heatmaps(LABEL).axes]
    assert titles[:3] == ["(a) λ1 = 0.5", "(b) λ2 = 1", "(c) λ3 = 1"]


def test_the_overview_counts():
    shown = set(words(draw_overview(LABEL)))
    assert {"male (1)", "female (1)", "severe (1)", "W (10)"} <= shown
    assert {"Sex (3 participants), unknown for 1", "AHI group, unknown for 1"} <= shown


def test_gradient_norms_are_means_over_a_run():
    history = pd.DataFrame({"step": [1, 2], "gradient_norm_ce": [1.0, 3.0], "gradient_norm_jsd": [0.0, np.nan]})
    found = training.gradient_norms({"SACD": history, "CE": history[["step", "gradient_norm_ce"]]})
    assert found.loc["SACD"].to_dict() == {"ce": 2.0, "jsd": 0.0}
    assert found.loc["CE", "ce"] == 2.0 and np.isnan(found.loc["CE", "jsd"])


def test_an_unknown_ahi_is_no_group_of_nobody():
    figure = exploration.cohort_overview(people().assign(ahi=np.nan), night(), LABEL)
    assert "AHI group: unknown for 3" in words(figure)
    panel = next(ax for ax in figure.axes if ax.get_title().startswith("AHI"))
    assert not panel.patches and not panel.axison
