"""What every decoder must keep to, and the night model that they share."""

import numpy as np
import pandas as pd
import pytest

from sacd.decisions import DECISIONS, Clips, decide
from sacd.decisions.decoders import DECODERS, PROBABILITIES, decode, decoded_table
from sacd.decisions.forward_backward import emissions, smoothed
from sacd.decisions.median import medians
from sacd.decisions.night_model import EMISSIONS, WINDOWS, NightModel
from sacd.decisions.prior import Correction
from sacd.decisions.stretches import steps
from sacd.exceptions import SacdError
from sacd.metrics import confusion, macro_f1

CORRECTION = Correction(temperature=1.5, prior=(0.3, 0.1, 0.3, 0.2, 0.1))


def nights(lengths=(30, 25, 1, 40), seed=0):
    """Bouts of stages and what a network says of them; the second night has a gap and clips that nobody scored."""
    rng = np.random.default_rng(seed)
    night = np.repeat(np.arange(len(lengths)), lengths)
    number = np.concatenate([np.arange(length) for length in lengths])
    number[night == 1] += 5 * (number[night == 1] > 10)
    stage = np.repeat(rng.integers(0, 5, len(night)), 6)[: len(night)]
    odds = rng.gamma(0.7, size=(len(night), 5)) + 0.8 * np.eye(5)[stage]
    stage[33:36] = -1
    return Clips(odds / odds.sum(axis=1, keepdims=True), night, number), stage


@pytest.fixture(scope="module")
def model():
    clips, stage = nights(seed=7)
    counted = NightModel.counted(stage, clips.night, clips.number, CORRECTION)
    return counted.model_copy(update={"beta": 0.6, "tau": 0.5, "window": 5})


@pytest.mark.parametrize("name", DECODERS)
def test_it_gives_probabilities_and_is_a_decision(name, model):
    clips, _ = nights()
    found = decode(name, clips, model)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (decide(name, clips, model) == found.argmax(axis=1)).all()
    assert DECISIONS[name].fitted is NightModel and DECISIONS[name].whole_nights


@pytest.mark.parametrize("name", DECODERS)
def test_nothing_crosses_a_gap_or_a_night(name, model):
    clips, _ = nights()
    together = decode(name, clips, model)
    stretch = np.cumsum(np.diff(clips.number, prepend=-1) != 1)
    assert stretch[-1] == 4
    for part in range(5):
        alone = Clips(*(values[stretch == part] for values in clips))
        np.testing.assert_allclose(together[stretch == part], decode(name, alone, model), rtol=1e-9)


@pytest.mark.parametrize("name", DECODERS)
def test_the_order_of_clips_and_the_names_of_nights_do_not_matter(name, model):
    clips, _ = nights()
    mixed = np.random.default_rng(3).permutation(len(clips.night))
    names = np.array(["z", "b", "y", "a"], dtype=object)[clips.night]
    shuffled = Clips(clips.probability[mixed], names[mixed], clips.number[mixed])
    np.testing.assert_allclose(decode(name, shuffled, model), decode(name, clips, model)[mixed], rtol=1e-9)


@pytest.mark.parametrize("name", DECODERS)
def test_causal_decoders_and_they_alone_ignore_what_comes_later(name, model):
    clips, _ = nights((40,))
    changed = clips.probability.copy()
    changed[25:] = np.roll(changed[25:], 1, axis=1)
    before, after = (decode(name, clips._replace(probability=p), model) for p in (clips.probability, changed))
    assert np.allclose(before[:25], after[:25]) == DECISIONS[name].causal
    assert not np.allclose(before[25:], after[25:])


def test_durations_are_decoded_with_the_hazards_of_the_labelled_nights(model):
    clips, _ = nights()
    none = tuple((0,) * len(row) for row in model.at_risk)
    forgetful = model.model_copy(update={"at_risk": none, "ended": none})
    for explicit, markov in (("durations", "forward-backward"), ("filter-durations", "filter")):
        np.testing.assert_allclose(decode(explicit, clips, forgetful), decode(markov, clips, model), rtol=1e-8)
        assert not np.allclose(decode(explicit, clips, model), decode(markov, clips, model), rtol=1e-3)


def test_a_model_counts_what_follows_what_and_skips_gaps_and_unscored_clips():
    stage = np.array([0, 0, 2, -1, 2, 2, 1, 1, 4])
    night = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1])
    number = np.array([0, 1, 2, 3, 4, 6, 7, 8, 10])
    model = NightModel.counted(stage, night, number, CORRECTION)
    expected = np.zeros((5, 5), dtype=int)
    expected[0, 0] = expected[0, 2] = expected[2, 1] = 1
    assert np.array(model.transitions).tolist() == expected.tolist()
    assert model.clips == (2, 2, 3, 0, 1)
    np.testing.assert_allclose(model.start, np.array([2.5, 2.5, 3.5, 0.5, 1.5]) / 10.5)
    np.testing.assert_allclose(model.transition[0], np.array([1.5, 0.5, 1.5, 0.5, 0.5]) / 4.5)
    assert model.prior == CORRECTION.prior


@pytest.mark.parametrize("every", [1, 11])
def test_the_choice_is_the_best_macro_f1_of_all_candidates_the_surest_of_equals(model, every):
    clips, stage = nights(seed=1)
    stage = np.where(np.arange(len(stage)) % every == 0, stage, -1)
    participant = np.array([0, 0, 1, 1])[clips.night]
    found = model.chosen(clips, stage, participant)

    def score(decoded):
        said = np.log(decoded[np.arange(len(stage)), stage])
        return macro_f1(confusion(stage, decoded.argmax(axis=1), participant)), said[stage >= 0].mean()

    heated = clips.probability ** (1 / CORRECTION.temperature)
    heated /= heated.sum(axis=1, keepdims=True)
    along = steps(clips.night, clips.number)
    scores = {
        (beta, tau): score(
            smoothed(emissions(heated, np.array(model.prior), beta, tau), along, model.transition, model.start)
        )
        for beta, tau in EMISSIONS
    }
    best = max(scores, key=scores.get)
    assert (found.beta, found.tau) == best
    assert best != max(scores, key=lambda pair: scores[pair][1]), "the surest of all is another one"
    equals = [pair for pair, (f1, _) in scores.items() if f1 == scores[best][0]]
    assert (equals[0] != best) == (every > 1), "of a few clips several candidates get the same right"
    widths = {width: score(medians(heated, clips.night, clips.number, width)) for width in WINDOWS}
    assert found.window == max(widths, key=widths.get)
    assert model.chosen(clips, np.full_like(stage, -1), participant) == model


def test_a_model_survives_its_file(model, tmp_path):
    model.write(tmp_path)
    read = NightModel.read(tmp_path)
    assert (tmp_path / "night.json").exists() and read == model
    (tmp_path / "night.json").unlink()
    with pytest.raises(SacdError, match=r"night\.json: missing"):
        NightModel.read(tmp_path)


def test_a_table_is_decoded_with_what_else_it_holds(model):
    clips, _ = nights()
    table = pd.DataFrame(clips.probability, columns=PROBABILITIES)
    table = table.assign(recording_id=[f"r{night}" for night in clips.night], clip=clips.number, onset=1.5)
    found = decoded_table(table.sample(frac=1, random_state=0), "filter", model).sort_index()
    expected = decode("filter", clips, model)
    np.testing.assert_allclose(found[PROBABILITIES], expected, rtol=1e-6)
    assert (found.predicted == expected.argmax(axis=1)).all()
    assert (found.onset == 1.5).all() and (found["clip"] == clips.number).all()
    with pytest.raises(SacdError, match="decoder 'viterbi' is unknown"):
        decoded_table(table, "viterbi", model)
