"""What `sacd pretrain` does: shipped weights made again, or a trunk that goes on on a cohort's own video."""

from pathlib import Path

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.common import trunk
from sacd.experiments.profile import Profile
from sacd.models.shipped import checksum
from sacd.pretraining.card import Card, made_with, save_weights, write_card
from sacd.pretraining.people import Clips, pretraining_clips, probe_clips
from sacd.pretraining.probe import DRAWS, FEW, features, majority, of_targets, probed
from sacd.pretraining.training import STEPS, TargetsName, pretrain, recipe
from sacd.progress import progress
from sacd.runs import ensure_one
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.simulate.simulated_cohort import VERSION
from sacd.training.config import TRAINING_VERSION, ModelConfig
from sacd.training.inputs import make_network

COUPLINGS = ("weak", "medium", "strong")
PEOPLE = 200
_PROBE_PEOPLE = 88


def make_weights(
    out: Path, network: str = "r2plus1d_10", targets: TargetsName = "motion", name: str | None = None, seed: int = 0,
    steps: int | None = None, people: int = PEOPLE, couplings: tuple[str, ...] = COUPLINGS,
) -> Path:
    """Pretrain a network on simulated people, write its weights and their card, and tell how far it is.

    Parameters
    ----------
    out : Path
        Folder; a file there of the same name is replaced.
    name : str, optional
        Of the weights; by default that of the targets.
    couplings : tuple of str
        Of the people, in turn.

    Returns
    -------
    Path
        The weights; the card lies beside them.
    """
    name = name or targets
    with progress("simulating", people + _PROBE_PEOPLE) as bar:
        clips = pretraining_clips(people, seed, couplings, tell=bar.to)
        probed_on = probe_clips(tell=lambda done: bar.to(people + done))
    training = recipe(steps or STEPS)
    with progress(f"pretraining {network}-{name}", training.steps) as bar:
        trained, error = pretrain(network, targets, clips, seed, training, bar.to)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{network}-{name}.safetensors"
    save_weights(trained, file)
    options = {"name": name, "seed": seed, "steps": training.steps, "people": people, "couplings": ",".join(couplings)}
    usual = {"name": targets, "seed": 0, "steps": STEPS, "people": PEOPLE, "couplings": ",".join(COUPLINGS)}
    changed = "".join(f" --{key} {value}" for key, value in options.items() if value != usual[key])
    write_card(
        measured(
            file, network, probed_on, name=name, targets=targets, people=people, clips=len(clips.stage),
            couplings=couplings, seed=seed, steps=training.steps, batch=training.batch, error=error,
            command=f"sacd pretrain --network {network} --targets {targets}{changed} --out {out}",
        ),
        out,
    )
    return file


def measured(file: Path, network: str, seen: Clips, **about: object) -> Card:
    """The card of a file of weights, probed on the clips that are seen; `about` holds what cannot be measured."""
    frames, size = seen.video.shape[1:3]
    models = {weights: ModelConfig(name=network, weights=weights) for weights in (str(file), None)}
    scores = {
        weights: probed(features(make_network(model, seen.video.shape[1:], 0), seen), seen)
        for weights, model in models.items()
    }
    most = majority(seen)
    train, test = (sum(person.split == split for person in seen.people) for split in ("train", "test"))
    return Card(
        network=network, frames=frames, size=size, probe=scores[str(file)],
        beside={"random initialisation": scores[None], "most frequent stage": {"all": most, "few": most}},
        targets_probe=of_targets(seen) if about["targets"] == "motion" else {},
        probed_on=f"the laptop cohort, {train} people train and {test} test; {FEW} labelled: mean of {DRAWS} draws",
        bytes=file.stat().st_size, checksum=checksum(file), simulator=VERSION, training=TRAINING_VERSION,
        versions=made_with(), **about,
    )


def continue_on(
    cohort: Cohort, profile: Profile, network: str, weights: str | None = None, seed: int = 0,
    steps: int | None = None, fold: tuple[int, int] | None = None,
) -> Path:
    """Go on from shipped weights on a cohort's own unlabelled training video, with pixel targets.

    Parameters
    ----------
    profile : Profile
        Its `continued_trunk` says how.
    network : str
    weights, steps
        By default the profile's.
    fold : (int, int), optional
        Whose video it must not see.

    Returns
    -------
    Path
        The run's folder.
    """
    if cohort.info.video != "raw":
        raise SacdError(f"{cohort.path}: holds features of the video, and no picture; name a cohort with video")
    run = trunk(cohort, profile, fold, continued=True)
    if not isinstance(run, ContinuedTrunkRun):
        raise SacdError(f"profile {profile.name} has no trunk; name another, such as laptop")
    model = ModelConfig(name=network, weights=weights or run.model.weights)
    training = run.training.model_copy(update={"steps": steps} if steps else {})
    return Path(ensure_one(cohort, run.model_copy(update={"model": model, "training": training, "seed": seed})).path)
