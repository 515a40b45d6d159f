"""Several scorers of one night: majority, ties, soft labels; the real five of the Dreem Open Datasets."""

from pathlib import Path

import numpy as np
import pytest
from scorings import annotated, read, written

from sacd.ingest.several_scorers import majority, soft_agreement


def test_majority_and_shares() -> None:
    consensus, shares = majority(np.array([[0, 0, 1, -1, -1, 2], [0, 2, 2, -1, 3, -1], [0, 0, 4, -1, -1, 2]]))
    # In the third clip all differ: the first and the last agree most with the others, and the first comes first.
    assert consensus.tolist() == [0, 0, 4, -1, -1, 2]
    assert shares.dtype == np.float32 and shares.shape == (6, 5)
    assert shares[1].tolist() == pytest.approx([2 / 3, 0, 1 / 3, 0, 0]) and shares[3].tolist() == [0] * 5
    assert shares[4].tolist() == [0, 0, 0, 1, 0] and shares[5].tolist() == [0, 0, 1, 0, 0]


def test_of_equals_the_scorer_whom_the_others_back() -> None:
    stages = np.array([[3, 1, 1, 1], [2, 1, 1, 2], [0, 1, 1, 1], [2, 0, 4, 0], [3, 1, 1, 1]])
    agreement = soft_agreement(stages)
    assert agreement.argmin() == 3 and agreement[1] < agreement[0]
    assert majority(stages)[0].tolist() == [3, 1, 1, 1]
    one, _ = majority(stages[:1])
    assert one.tolist() == [3, 1, 1, 1] and soft_agreement(stages[:1]).tolist() == [0]


def test_scorers_of_several_formats_share_the_first_ones_clips(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", "onset,duration,stage\n30,90,N2\n")
    second = annotated(tmp_path / "b.edf", [(0, 60, "Stage W"), (60, 30, "Stage 2"), (5, None, "lights off")])
    third = written(tmp_path / "c.txt", "\n".join(["W"] * 3 + ["N2"] * 6))
    scoring = read([first, second, third], psg_s=180)
    assert scoring.path == first and scoring.onset_s == 0
    assert scoring.stages.tolist() == [0, 0, 2, 2, -1, -1]
    assert scoring.shares[1].tolist() == pytest.approx([2 / 3, 0, 1 / 3, 0, 0])
    assert scoring.events["type"].tolist() == ["lights off"]
    assert "the stages are those of the majority of 3 scorers" in scoring.notes
    assert read(first).shares is None


def test_five_real_scorers(real_data: Path) -> None:
    folder = real_data / "dod-scorers" / "dodh"
    nights = sorted(file.name for file in (folder / "scorer_1").iterdir())[:3]
    for night in nights:
        files = sorted(folder.glob(f"scorer_*/{night}"))
        scoring = read(files)
        alone = np.array([read(file).stages for file in files])
        assert len(files) == 5 and scoring.shares.shape == (alone.shape[1], 5)
        scored = scoring.stages >= 0
        votes = scoring.shares[scored, scoring.stages[scored]]
        assert (votes == scoring.shares[scored].max(axis=1)).all() and 0.6 < votes.mean() < 1
        assert np.allclose(scoring.shares[scored].sum(axis=1), 1)
        own = (alone == scoring.stages)[:, scored].mean(axis=1)
        assert np.median(own) > 0.7
        if night == nights[0]:
            # One of the five saw this night unlike the others, and the consensus does not follow.
            assert own[0] < 0.5 and soft_agreement(alone).argmin() == 0
