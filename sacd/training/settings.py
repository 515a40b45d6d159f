"""Settings of the process and of torch that hold for a while and are then put back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for a while; one that is already set stays as it is."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Sums in one order on a GPU, without which a resumed run is not exact; operations that have none only warn."""
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with environment(CUBLAS_WORKSPACE_CONFIG=":4096:8"):
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
