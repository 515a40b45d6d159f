"""What tests share: one thread a process, small cohorts of random numbers, and where the real data lies."""

import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sacd.cohort import CohortInfo, Sampling
from sacd.cohort.writer import CohortWriter

ROOT = Path(__file__).parents[1]
pytest_plugins = ["browser"]
_config = tempfile.TemporaryDirectory(prefix="sacd-config-")


def pytest_configure() -> None:
    """One thread a process, kernels and training processes included, for several test processes share the cores; and
    a configuration folder of the tests' own, for the user's holds a secret."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["SACD_CONFIG"] = _config.name


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real, openly licensed files; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("SACD_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SACD_REAL_DATA")
    return folder


@contextmanager
def open_files(limit: int) -> Iterator[None]:
    """Let this process open no file beyond descriptor `limit`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def raw_info(**changes: object) -> CohortInfo:
    """A raw cohort of 4 frames of 6 × 5 and one EEG channel at 2 Hz."""
    sampling = Sampling(eeg_hz=2.0, eeg_channels=("C4-M1",), frames=4, span_s=30.0, height=6, width=5)
    values = {"name": "tiny", "simulated": True, "source_id": "tiny", "video": "raw", "eeg": "raw"}
    return CohortInfo(**{"sampling": sampling} | values | changes)


def clip_table(clips: int, seed: int = 0) -> pd.DataFrame:
    """A night's clips with random stages."""
    stages = np.random.default_rng(seed).integers(-1, 5, clips)
    return pd.DataFrame({"clip": np.arange(clips), "onset": 30.0 * np.arange(clips), "stage": stages})


def raw_arrays(clips: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random `video` and `eeg` of the shapes of `raw_info`."""
    rng = np.random.default_rng(seed)
    video = rng.integers(0, 256, (clips, 4, 6, 5), dtype=np.uint8)
    return {"video": video, "eeg": rng.standard_normal((clips, 1, 60)).astype(np.float32)}


@pytest.fixture
def make_cohort(tmp_path: Path) -> Callable[..., Path]:
    """Writes a raw cohort of random numbers; `split` goes round train, validation, test."""

    def make(participants: int = 3, clips: int = 8, nights: int = 1, name: str = "cohort") -> Path:
        path = tmp_path / name
        with CohortWriter(path, raw_info()) as writer:
            for k in range(participants):
                split = ("train", "validation", "test")[k % 3]
                writer.add_participant(f"P{k:03d}", "F" if k % 2 else "M", 40.0 + k, 70.0, 7.5 * k, split)
                for night in range(nights):
                    writer.add_recording(
                        f"P{k:03d}-night{night + 1}", f"P{k:03d}", clip_table(clips, k), **raw_arrays(clips, k),
                        channel="C4-M1", commit=False,
                    )
        return path

    return make
