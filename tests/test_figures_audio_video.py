"""Pictures of a benchmark and of its results carry their label."""

from pathlib import Path

import numpy as np
import pandas as pd
from colours import INFO, N_CLASSES, Colours

from sacd.analysis.top1 import top1
from sacd.figures.audio_video import accuracies, examples


def test_figures_carry_their_label(tmp_path: Path) -> None:
    guesses = {(method, seed): np.arange(12) % (2 + seed) for method in ("CE", "KD") for seed in range(3)}
    rows = [
        pd.DataFrame({"method": method, "seed": seed, "unit": np.arange(12), "label": 1, "predicted": found})
        for (method, seed), found in guesses.items()
    ]
    drawn = accuracies(top1(pd.concat(rows)), INFO.title, INFO.unit, 0.9, {"CE": 0.575})
    assert INFO.title in [text.get_text() for text in drawn.texts]
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "paper, another dataset" in legend
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == ["CE", "KD"]
    pairs = Colours.open(tmp_path).pairs(0)
    assert len(examples(pairs, INFO.classes, INFO.title, count=3).axes) == 3 * 4
    assert len(examples(pairs, INFO.classes, INFO.title, (1, N_CLASSES), count=3).axes) == 3 * 5
