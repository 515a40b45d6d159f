"""Weights of the small video networks that come with the package: by name, each checked against its model card."""

import hashlib
import json
from importlib import resources
from pathlib import Path

import torch

from sacd.exceptions import SacdError, reading
from sacd.models import build
from sacd.models.base import Network
from sacd.models.pretrained import load_pretrained

FOLDER = Path(str(resources.files("sacd.models") / "weights"))


def is_shipped(weights: str) -> bool:
    """Whether this is a name, not the path of a file."""
    return not Path(weights).suffix and Path(weights).name == weights


def shipped_names(network: str) -> tuple[str, ...]:
    """Names of the weights that are shipped for a network."""
    return tuple(sorted(file.stem.removeprefix(f"{network}-") for file in FOLDER.glob(f"{network}-*.safetensors")))


def weights_file(network: str, weights: str) -> Path:
    """The file of weights that are named, or given as a path.

    Raises
    ------
    SacdError
        No such weights are shipped for the network.
    """
    if not is_shipped(weights):
        return Path(weights)
    file = FOLDER / f"{network}-{weights}.safetensors"
    if not file.is_file():
        known = ", ".join(shipped_names(network)) or "none"
        raise SacdError(
            f"weights {weights!r} are not shipped for {network} ({known} are); use one of them, "
            "or the path of a .pt, .pth or .safetensors file"
        )
    return file


def checksum(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def load_weights(network: Network, name: str, weights: str) -> None:
    """Load weights, named or given as a path, into a network; it is changed in place, but for a head they lack.

    Parameters
    ----------
    network : Network
    name : str
        Its key in `sacd.models.MODELS`.
    weights : str

    Raises
    ------
    SacdError
        As `weights_file` and `load_pretrained`; or a shipped file is not the one its card is of.
    """
    file = weights_file(name, weights)
    if is_shipped(weights):
        card = file.with_suffix(".json")
        with reading(card, "install the package again", "not a model card"):
            stated = json.loads(card.read_text(encoding="utf-8"))["checksum"]
        if checksum(file) != stated:
            raise SacdError(f"{file}: is not the file that its card {card.name} is of; install the package again")
    load_pretrained(network, file)


def shipped_network(network: str, weights: str) -> Network:
    """A network with its shipped weights, float32, in evaluation mode; its stage head is untrained.

    Parameters
    ----------
    network : str
        A key of `sacd.models.MODELS`, as it is by default.
    weights : str
        One of `shipped_names`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = build(network)
    load_weights(built, network, weights)
    return built.eval()
