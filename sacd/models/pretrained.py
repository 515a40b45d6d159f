"""Published weights into our networks: names translated, colour folded to grey, what did not match listed.

Layouts: torchvision's video networks, 3D-ResNets-PyTorch (Hara et al.; `state_dict`, perhaps with "module." before
every name), PANNs (Kong et al. 2020, doi:10.1109/TASLP.2020.3030497; `model`), and our own `weights.safetensors`.
"""

import pickle
import re
import struct
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sacd.exceptions import SacdError
from sacd.models.base import Network

RENAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^module\.", ""),
        (r"^(?:fc|fc_audioset)\.", "head."),
        (r"^conv1(?:_s)?\.", "stem.0."),
        (r"^bn1(?:_s)?\.", "stem.1."),
        (r"^conv1_t\.", "stem.3."),
        (r"^bn1_t\.", "stem.4."),
        (r"^(layer\d\.\d\.conv\d)_s\.", r"\1.0.0."),
        (r"^(layer\d\.\d)\.bn(\d)_s\.", r"\1.conv\2.0.1."),
        (r"^(layer\d\.\d\.conv\d)_t\.", r"\1.0.3."),
        (r"^(layer\d\.\d\.conv\d)\.weight$", r"\1.0.weight"),
        (r"^(layer\d\.\d)\.bn(\d)(?:_t)?\.", r"\1.conv\2.1."),
    )
)
"""Published name → ours, applied in order; torchvision's own names pass unchanged but for its classifier."""

CLASSIFIER = "head."
COUNTER = "num_batches_tracked"


DAMAGE = (
    RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    ArithmeticError, MemoryError, struct.error, SafetensorError,
)
"""What torch and safetensors raise on files that are cut off or garbled (found by feeding them such files)."""


class Ignored:
    """Stands for numpy's arrays beside the weights (PANNs' files keep a sampler): takes anything, does nothing.

    numpy's own unpickling trusts the file's flags and is not safe with files of strangers.
    """

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


ARRAY_PARTS = (
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
)


class Loaded(NamedTuple):
    """What `load_pretrained` did.

    loaded: number of tensors taken; folded: those whose colour channels were summed to grey; kept: ours that the file
    does not have or has in another shape (the classifier), left as they were; unused: names that only the file has.
    """

    loaded: int
    folded: tuple[str, ...]
    kept: tuple[str, ...]
    unused: tuple[str, ...]


def load_pretrained(network: Network, path: str | Path) -> Loaded:
    """Load published weights: everything but a classifier of another size, colour folded to grey where ours is grey.

    A grey network sums the stem's kernels over the file's three colour channels, which on a grey clip gives what the
    colour network gives on that clip repeated three times.

    Parameters
    ----------
    network : Network
        Changed in place.
    path : path
        .pt, .pth or .safetensors.

    Raises
    ------
    SacdError
        The file cannot be read, could run code, holds no weights, or does not cover the network up to its classifier;
        the network is then unchanged.
    """
    found = {translate(name): tensor for name, tensor in read_state(Path(path)).items()}
    wanted = network.state_dict()
    taken, folded, kept = {}, [], []
    for name, current in wanted.items():
        tensor = found.get(name)
        if tensor is not None and _only_colour_differs(tensor, current):
            tensor = tensor.sum(dim=1, keepdim=True)
            folded.append(name)
        if tensor is not None and tensor.shape == current.shape:
            taken[name] = tensor
        else:
            kept.append(name)
    lacking = [name for name in kept if not name.startswith(CLASSIFIER) and not name.endswith(COUNTER)]
    if lacking:
        shown = ", ".join(_described(name, found, wanted) for name in lacking[:3])
        raise SacdError(
            f"{path}: does not fit {type(network).__name__}, {len(lacking)} of {len(wanted)} tensors are missing or of "
            f"another shape ({shown}{', …' if len(lacking) > 3 else ''}); choose the model and variant it is for"
        )
    network.load_state_dict(taken, strict=False)
    return Loaded(len(taken), tuple(folded), tuple(kept), tuple(sorted(found.keys() - wanted.keys())))


def translate(name: str) -> str:
    """Our name of a published tensor."""
    for pattern, replacement in RENAMES:
        name = pattern.sub(replacement, name)
    return name


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name; a file is never allowed to run code.

    Raises
    ------
    SacdError
        Missing, of an unknown kind, damaged, unsafe, or without tensors.
    """
    if not path.is_file():
        raise SacdError(f"{path}: no such file; give the path of a .pt, .pth or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        elif path.suffix in (".pt", ".pth"):
            with torch.serialization.safe_globals([(Ignored, part) for part in ARRAY_PARTS]):
                content = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise SacdError(f"{path}: not a weights file; give a .pt, .pth or .safetensors file")
    except pickle.UnpicklingError as error:
        raise SacdError(
            f"{path}: damaged, or holds more than tensors and could run code; save its state_dict as .safetensors"
        ) from error
    except DAMAGE as error:
        raise SacdError(f"{path}: cannot be read, it is damaged or not a weights file; fetch it again") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise SacdError(f"{path}: holds no named tensors; give a file with a state_dict")
    return content


def _only_colour_differs(tensor: Tensor, current: Tensor) -> bool:
    return tensor.ndim > 2 and tensor.shape[1] == 3 and current.shape == (tensor.shape[0], 1, *tensor.shape[2:])


def _described(name: str, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    if name not in found:
        return f"{name} missing"
    return f"{name} {tuple(found[name].shape)} instead of {tuple(wanted[name].shape)}"
