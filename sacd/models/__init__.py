"""Networks by name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sacd.exceptions import SacdError
from sacd.models.audio import CNN14
from sacd.models.base import Network, Output
from sacd.models.context import GRU, TCN
from sacd.models.deepsleepnet import DeepSleepNet
from sacd.models.eeg import AttnSleep
from sacd.models.fusion import FusionHead
from sacd.models.mlp import MLP
from sacd.models.sen import ModifiedSEN
from sacd.models.video import VideoNetwork, r2plus1d_10, r2plus1d_18, r3d_10, r3d_18

__all__ = ["MODELS", "Model", "Network", "Output", "build", "known_options"]


@dataclass(frozen=True)
class Model:
    """A network that can be built by name.

    Attributes
    ----------
    factory : callable
        Its keywords are the options.
    network : type
        What the factory returns.
    kind : str
        The input it reads: "video", "eeg", "features" or "audio".
    title : str
        Its name in tables.
    """

    factory: Callable[..., Network]
    network: type[Network]
    kind: str
    title: str

    @property
    def version(self) -> int:
        """Raised when the network's numbers change; enters the identity of runs."""
        return self.network.version


MODELS: dict[str, Model] = {
    "r2plus1d_18": Model(r2plus1d_18, VideoNetwork, "video", "R(2+1)D-18"),
    "r3d_18": Model(r3d_18, VideoNetwork, "video", "R3D-18"),
    "r2plus1d_10": Model(r2plus1d_10, VideoNetwork, "video", "R(2+1)D-10"),
    "r3d_10": Model(r3d_10, VideoNetwork, "video", "R3D-10"),
    "mlp": Model(MLP, MLP, "features", "MLP"),
    "gru": Model(GRU, GRU, "features", "GRU"),
    "tcn": Model(TCN, TCN, "features", "TCN"),
    "attnsleep": Model(AttnSleep, AttnSleep, "eeg", "AttnSleep"),
    "deepsleepnet": Model(DeepSleepNet, DeepSleepNet, "eeg", "DeepSleepNet"),
    "sen": Model(ModifiedSEN, ModifiedSEN, "eeg", "modified SEN"),
    "cnn14": Model(CNN14, CNN14, "audio", "CNN14"),
    "fusion": Model(FusionHead, FusionHead, "features", "fusion head"),
}


def known_options(name: str, options: Mapping[str, object]) -> dict[str, object]:
    """Options of a network in the type that they have there, without those that equal the defaults.

    Raises
    ------
    SacdError
        The name or an option is not known, or an option has the wrong type; the valid ones are listed.
    """
    if name not in MODELS:
        raise SacdError(f"model {name!r} is not known; choose one of {', '.join(MODELS)}")
    parameters = inspect.signature(MODELS[name].factory).parameters
    if unknown := [key for key in options if key not in parameters]:
        raise SacdError(f"model {name} has no option {', '.join(unknown)}; its options are {', '.join(parameters)}")
    found = {}
    for key, value in options.items():
        expected = parameters[key].annotation
        if not _fits(value, expected):
            raise SacdError(f"model {name}: {key} must be {expected.__name__}, not {value!r}")
        if value != parameters[key].default:
            found[key] = expected(value)
    return found


def build(name: str, **options: object) -> Network:
    """A network by its name.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    **options
        `in_channels` (video, EEG) or `in_features` (features), `n_classes` (default 5), and the network's own.

    Raises
    ------
    SacdError
        As `known_options`, or an option that is needed is missing.
    """
    chosen = known_options(name, options)
    factory = MODELS[name].factory
    parameters = inspect.signature(factory).parameters
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in chosen]
    if missing:
        raise SacdError(f"model {name} needs {', '.join(missing)}; its options are {', '.join(parameters)}")
    return factory(**chosen)


def _fits(value: object, expected: type) -> bool:
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))
