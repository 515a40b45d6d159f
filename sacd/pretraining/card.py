"""The model card of shipped weights: what they were made of, what they are worth, and how they are made again."""

import json
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import save_file

from sacd.models.base import Network
from sacd.models.pretrained import CLASSIFIER, COUNTER
from sacd.models.shipped import FOLDER
from sacd.pretraining.probe import Scores
from sacd.pretraining.training import TargetsName

NEVER = "a stage, a label, a posterior, depth, REM-ness, EEG, an eyelid, the camera's own movement"
LABEL_CEILING = {1: 0.887, 2: 0.890}
"""Accuracy of always naming the stage that is most probable given the latent night, by the simulator's `VERSION`."""

_PAGE = """\
# Initial weights of the small video networks

*In-domain motion pretraining* on simulated people: where the paper starts from Kinetics and MiT, the small networks
start from these. The people are of the split `pretrain`, which no `--seed` of a cohort reaches. Never among the
targets: {never}.

- *motion*: how thorax and abdomen, head, arms, legs and trunk moved (breathing's spectrum and amplitude, movement by
  part and by time), left and right pooled; amplitudes follow the scale of the augmented picture.
- *motion-1*, *motion-2*: the same from other seeds of people and training.
- *motion-uncoupled*: people of the weak and the strong coupling only.
- *pixels*: a control, motion statistics of the augmented picture itself.

This page is written by `sacd pretrain` from the cards (`*.json`). The same command gives the same checksum on the same
processor, threads and versions; elsewhere, weights that differ by rounding.

Probe: logistic regression on frozen features; {probed_on}.
Accuracy / macro-F1, everybody weighing the same. Label ceiling of the simulator: {ceiling}.
"""


class Card(BaseModel):
    """What is known of a file of weights.

    Attributes
    ----------
    people, clips, couplings, seed
        Of the split *pretrain*; the seed also draws initial weights, batches and augmentation.
    error : float
        Smooth L1 error of the standardised targets on a tenth of the people, held back.
    probe : dict
        Logistic regression on the frozen features of `probed_on`, by "all" labelled and "few".
    beside : dict
        The same of a random initialisation, and the scores of saying the most frequent stage.
    targets_probe : dict
        The same of the targets themselves, together and each alone; empty for pixels.
    checksum : str
        SHA-256 of the file.
    """

    model_config = ConfigDict(extra="forbid")

    network: str
    name: str
    targets: TargetsName
    people: int
    clips: int
    couplings: tuple[str, ...]
    seed: int
    steps: int
    batch: int
    frames: int
    size: int
    error: float
    probed_on: str
    probe: dict[str, Scores]
    beside: dict[str, dict[str, Scores]]
    targets_probe: dict[str, Scores]
    bytes: int
    checksum: str
    simulator: int
    training: int
    versions: dict[str, str]
    command: str


def save_weights(network: Network, file: Path) -> None:
    """Write a trunk in half precision, without its head and the counters of its batch norms.

    Their running means and variances lie well within float16, and are rounded as the weights are.
    """
    kept = {
        name: tensor.half().contiguous(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
        if not name.startswith(CLASSIFIER) and not name.endswith(COUNTER)
    }
    save_file(kept, file)


def made_with() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    return {name: version(name) for name in ("sacd", "torch", "numpy", "scikit-learn")}


def write_card(card: Card, folder: Path) -> None:
    """Write a card beside its weights, and the page of all cards in the folder anew."""
    (folder / f"{card.network}-{card.name}.json").write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(page(read_cards(folder)), encoding="utf-8")


def read_cards(folder: Path = FOLDER) -> list[Card]:
    """The cards in a folder."""
    return [Card.model_validate(json.loads(file.read_text("utf-8"))) for file in sorted(folder.glob("*.json"))]


def page(cards: list[Card]) -> str:
    """All cards as one page, Markdown."""
    ceiling = ", ".join(f"{value:.3f} (version {number})" for number, value in LABEL_CEILING.items())
    lines = [
        _PAGE.format(never=NEVER, probed_on=cards[0].probed_on, ceiling=ceiling),
        "| weights | people | couplings | seed | steps | all labelled | 8 labelled | error | kB | SHA-256 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        lines.append(
            f"| {card.network}-{card.name} | {card.people} | {', '.join(card.couplings)} | {card.seed} | {card.steps} "
            f"| {_both(card.probe['all'])} | {_both(card.probe['few'])} | {card.error:.3f} | {card.bytes / 1000:.0f} "
            f"| `{card.checksum[:12]}…` |"
        )
    beside = {(card.network if "random" in name else "", name): scores
              for card in cards for name, scores in card.beside.items()}
    lines += [
        f"| {f'{network} {name}'.strip()} | | | | | {_both(scores['all'])} | {_both(scores['few'])} | | | |"
        for (network, name), scores in beside.items()
    ]
    lines += ["", "What the motion targets themselves tell of the stage, all labelled:", ""]
    lines += ["| target | accuracy / macro-F1 |", "|---|---|"]
    told = next((card.targets_probe for card in cards if card.targets_probe), {})
    lines += [f"| {name} | {_both(scores)} |" for name, scores in told.items()]
    lines += ["", "The commands that made them:", "", *(f"- `{card.command}`" for card in cards)]
    return "\n".join(lines) + "\n"


def _both(scores: Scores) -> str:
    return f"{scores['accuracy']:.3f} / {scores['macro_f1']:.3f}"
