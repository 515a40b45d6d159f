"""Shipped weights: they load, are what their cards are of, and see."""

import shutil

import pytest
import torch

from sacd.exceptions import SacdError
from sacd.models import MODELS, shipped
from sacd.models.shipped import FOLDER, checksum, load_weights, shipped_names, shipped_network, weights_file
from sacd.pretraining.card import page, read_cards
from sacd.pretraining.people import probe_clips
from sacd.pretraining.probe import features, majority, probe
from sacd.training.config import ModelConfig

NETWORKS = ("r2plus1d_10", "r3d_10")
CARDS = {(card.network, card.name): card for card in read_cards()}


def test_every_network_has_motion_and_pixels():
    for network in NETWORKS:
        assert {"motion", "pixels"} <= set(shipped_names(network))
    assert set(CARDS) == {(network, name) for network in NETWORKS for name in shipped_names(network)}
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == page(list(CARDS.values()))


@pytest.mark.parametrize("which", CARDS, ids=lambda which: "-".join(which))
def test_shipped_weights_are_small_whole_and_those_of_their_card(which):
    file = weights_file(*which)
    card = CARDS[which]
    assert file.stat().st_size == card.bytes < 600_000
    assert checksum(file) == card.checksum
    network = shipped_network(*which)
    assert not network.training
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    random = MODELS[which[0]].factory()
    assert not torch.equal(network.stem[0].weight, random.stem[0].weight)


def test_a_file_that_is_not_its_cards_is_refused(tmp_path, monkeypatch):
    for file in FOLDER.glob("r2plus1d_10-motion.*"):
        shutil.copy(file, tmp_path)
    changed = tmp_path / "r2plus1d_10-motion.safetensors"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\1")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(SacdError, match="is not the file that its card"):
        load_weights(MODELS["r2plus1d_10"].factory(), "r2plus1d_10", "motion")


@pytest.mark.parametrize(
    "model, fault",
    [
        ({"name": "r2plus1d_10", "weights": "kinetics"}, r"'kinetics' are not shipped .*\(.*motion, .*pixels"),
        ({"name": "mlp", "weights": "motion"}, r"not shipped for mlp \(none are\)"),
        ({"name": "r3d_10", "options": {"width": 4}, "weights": "motion"}, "leave out width"),
    ],
)
def test_weights_that_are_not_there_or_do_not_fit_are_named_at_once(model, fault):
    with pytest.raises(SacdError, match=fault) as raised:
        ModelConfig.model_validate(model)
    assert "\n" not in str(raised.value)


def test_the_motion_trunk_sees_people_of_a_fresh_cohort():
    clips = probe_clips(train=9, test=3, nights=0, seed=1234)
    found = probe(features(shipped_network("r2plus1d_10", "motion"), clips), clips)
    guessed = majority(clips)
    assert found["accuracy"] > guessed["accuracy"] + 0.1
    assert found["kappa"] > 0.25 and abs(guessed["kappa"]) < 1e-9
