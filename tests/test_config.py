"""Configurations: defaults pinned, unknown keys named, identities without defaults."""

import pytest
import yaml

from sacd.exceptions import SacdError
from sacd.experiments.profile import PROFILES, load_profile
from sacd.training.config import ModelConfig, StudentRun, TrainingConfig, parse_run


def test_defaults_are_the_papers():
    config = TrainingConfig(steps=1)
    assert (config.optimizer, config.lr, config.weight_decay, config.batch) == ("sgd", 0.001, 5e-4, 16)
    assert config.model_dump() == {
        "steps": 1,
        "batch": 16,
        "optimizer": "sgd",
        "lr": 0.001,
        "weight_decay": 5e-4,
        "schedule": "constant",
        "sampler": "window",
        "validate_every": 500,
        "augment": True,
        "normalise": "standard",
        "precision": "32-true",
        "momentum_encoder": 0.999,
    }  # a changed default changes what a stored run means: raise TRAINING_VERSION with it


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_load(name):
    assert load_profile(name).name == name


def test_unknown_key_is_named_with_the_known_ones(tmp_path):
    load_file = tmp_path / "mine.yaml"
    raw = load_profile("smoke").model_dump(mode="json") | {"sedes": 3}
    load_file.write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"mine.yaml: unknown key sedes; known here: name, cohort, seeds"):
        load_profile(load_file)
    raw.pop("sedes")
    raw["student"]["training"]["epochs"] = 2
    load_file.write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"unknown key student.training.epochs; known here: steps, batch"):
        load_profile(load_file)


@pytest.mark.parametrize(
    ("text", "words"),
    [("seeds: [", "not valid YAML"), ("name: x\n", "Field required"), ("name: x\nseeds: 0\n", "p.yaml: ")],
)
def test_broken_profiles_give_one_line(tmp_path, text, words):
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(SacdError, match=words) as caught:
        load_profile(file)
    assert "\n" not in str(caught.value)


def test_a_profile_in_another_encoding_gives_one_line(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_bytes("name: café\n".encode("latin-1"))
    with pytest.raises(SacdError, match=r"p\.yaml: not valid YAML \('utf-8' codec can't decode.*; correct") as caught:
        load_profile(file)
    assert "\n" not in str(caught.value)


def test_unknown_profile_lists_the_known():
    with pytest.raises(SacdError, match="use smoke, laptop, paper"):
        load_profile("lapotp")


def test_identity_holds_no_defaults_and_survives_json():
    run = StudentRun(model=ModelConfig(name="mlp"), training=TrainingConfig(steps=5))
    assert run.minimal() == {"kind": "student", "model": {"name": "mlp"}, "training": {"steps": 5}}
    assert parse_run(run.model_dump_json()) == run


def test_a_budget_belongs_to_few_label():
    with pytest.raises(ValueError, match="belongs to the few-label protocol"):
        StudentRun(model=ModelConfig(name="mlp"), training=TrainingConfig(steps=5), labelled=8)
