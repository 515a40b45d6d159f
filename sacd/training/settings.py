"""Settings of torch that hold for a while and are then put back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sacd.workers import environment


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
