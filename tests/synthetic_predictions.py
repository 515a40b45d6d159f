"""Small tables of predictions with known properties, for the tests of analysis and figures."""

import numpy as np
import pandas as pd

from sacd.stages import STAGES


def table(truth: np.ndarray, predicted: np.ndarray, participant: np.ndarray, **columns: object) -> pd.DataFrame:
    """Predictions of one run; a participant has one recording."""
    people = pd.Series(participant).map(lambda person: f"p{person}")
    frame = pd.DataFrame({"participant_id": people, "recording_id": people, "stage": truth, "predicted": predicted})
    frame["clip"] = frame.groupby("recording_id").cumcount()
    return frame.assign(**columns)


def predictions(
    methods: dict[str, float], participants: int = 6, clips: int = 40, seeds: int = 2, seed: int = 0
) -> pd.DataFrame:
    """Predictions of methods that are right with a given probability; every stage occurs in every participant."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(participants), clips)
    truth = np.tile(np.arange(clips) % len(STAGES), participants)
    frames = []
    for method, right in methods.items():
        for number in range(seeds):
            wrong = (truth + rng.integers(1, len(STAGES), len(truth))) % len(STAGES)
            predicted = np.where(rng.random(len(truth)) < right, truth, wrong)
            odds = np.eye(len(STAGES))[predicted] + 0.2 * rng.random((len(truth), len(STAGES)))
            probability = odds / odds.sum(axis=1, keepdims=True)
            columns = {f"p_{stage}": probability[:, code].astype("float32") for code, stage in enumerate(STAGES)}
            frames.append(table(truth, predicted, people, method=method, seed=number, split="test", **columns))
    return pd.concat(frames, ignore_index=True)
