"""Pictures of a benchmark and of its results carry their label."""

from pathlib import Path

import numpy as np
import pandas as pd
from colours import INFO, N_CLASSES, Colours

from sacd.analysis.top1 import differences, top1
from sacd.figures.audio_video import (
    accuracies,
    difference_table,
    embeddings_table,
    examples,
    heard_classes,
    table_three,
    teacher_table,
)


def guesses() -> pd.DataFrame:
    """Predictions of two methods with three seeds, a clip a unit."""
    found = {(method, seed): np.arange(12) % (2 + seed) for method in ("CE", "KD") for seed in range(3)}
    return pd.concat([
        pd.DataFrame({"method": method, "seed": seed, "unit": np.arange(12), "label": 1, "predicted": codes})
        for (method, seed), codes in found.items()
    ])


def test_tables_say_sizes_units_and_whose_numbers_stand_beside() -> None:
    summary, seconds = top1(guesses()), pd.Series({"CE": 3.0, "KD": 4.0})
    shown = table_three(summary, seconds, INFO, {"CE": 0.575}, "Student x.")
    assert "12 test clips, 3 seeds." in shown and "57.5 %" in shown and "Student x." in shown
    assert f"new {INFO.unit}, of which there are 12" in shown
    assert "another dataset" in shown and "Sanity check" in shown
    own = table_three(summary, seconds, INFO, {"CE": 0.575}, "Student x.", ours=True)
    assert "another dataset" not in own and "Sanity check" not in own
    assert f"For participants read {INFO.unit}." in difference_table(differences(guesses()), INFO, "CE")


def test_teachers_and_what_they_hear() -> None:
    teachers = pd.DataFrame({"test_accuracy": [0.5, 0.7], "unlabelled_accuracy": [0.4, 0.4]})
    shown = teacher_table(teachers, "x")
    assert "60.0 %" in shown and "2 seeds." in shown and "the audio of the pairs" in shown
    assert "the audio of the pairs" not in teacher_table(teachers[["test_accuracy"]], "x")
    assert "1,234 clips train and validate" in embeddings_table(top1(guesses()), 1234, "x")
    heard = pd.DataFrame({"label": [0, 0, 1, 2], "predicted": [0, 1, 1, 0]})
    html = heard_classes(heard, ("flute", "drum", "voice"), "x", count=1)
    assert html.index("drum") < html.index("100 %") < html.index("voice") < html.index("0 %", html.index("voice"))
    assert "flute" not in html


def test_figures_carry_their_label(tmp_path: Path) -> None:
    drawn = accuracies(top1(guesses()), INFO.title, INFO.unit, 0.9, {"CE": 0.575})
    assert INFO.title in [text.get_text() for text in drawn.texts]
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "paper, another dataset" in legend
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == ["CE", "KD"]
    pairs = Colours.open(tmp_path).pairs(0)
    assert len(examples(pairs, INFO.classes, INFO.title, count=3).axes) == 3 * 4
    assert len(examples(pairs, INFO.classes, INFO.title, (1, N_CLASSES), count=3).axes) == 3 * 5
