"""The viewer in a browser: from a key to the picture, bytes of a clip, memory after 500 clips; `make bench` prints it.

The answers come from this process through a page's binding, as base64: slower than a kernel's binary messages.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sacd.cohort import Cohort
from sacd.widgets.clip_bytes import answer
from sacd.widgets.viewing import Viewing, listed, named_runs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import chromium, context, live, page  # noqa: E402, F401

CLIPS, FRAMES, SIZE = 560, 32, 112
LIMIT_MS = 200
WALKED = 500
# From the key's own time to the first frame in which the next clip's picture is on the screen.
PRESS = """
(code) => new Promise((done) => {
  const root = document.querySelector(".sacd-viewer");
  const before = root.dataset.clip;
  const begun = performance.now();
  root.dispatchEvent(new KeyboardEvent("keydown", { code, key: code, bubbles: true }));
  const each = () => (root.dataset.clip !== before ? done(performance.now() - begun) : requestAnimationFrame(each));
  requestAnimationFrame(each);
})
"""


@pytest.fixture(scope="module")
def viewing(tmp_path_factory: pytest.TempPathFactory) -> Viewing:
    """Clips as large as the paper's: 32 frames of 112 × 112, EEG of 100 Hz."""
    from sacd.cohort import CohortInfo, Sampling
    from sacd.cohort.writer import CohortWriter

    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("viewer") / "cohort"
    sampling = Sampling(eeg_hz=100, eeg_channels=("C4",), frames=FRAMES, span_s=30, height=SIZE, width=SIZE)
    info = CohortInfo(name="noise", simulated=True, source_id="noise", video="raw", eeg="raw", sampling=sampling)
    stages = rng.integers(0, 5, CLIPS)
    table = pd.DataFrame({"clip": np.arange(CLIPS), "onset": 30.0 * np.arange(CLIPS), "stage": stages})
    with CohortWriter(path, info) as writer:
        writer.add_participant("P0")
        video = rng.integers(0, 256, (CLIPS, FRAMES, SIZE, SIZE), dtype=np.uint8)
        writer.add_recording("night", "P0", table, video, rng.normal(0, 30, (CLIPS, 1, 3000)).astype(np.float16))
    cohort, said = Cohort.open(path), named_runs(None)
    return Viewing(cohort, listed(cohort, None, said), said)


@pytest.mark.benchmark(group="viewer: the answer to a clip of 32 frames of 112×112")
def test_answer(benchmark, capsys, viewing: Viewing) -> None:
    clips = iter(range(CLIPS))
    _, buffers = benchmark.pedantic(
        lambda: answer({"kind": "clip", "recording": "night", "clip": next(clips)}, viewing), rounds=40, warmup_rounds=3
    )
    benchmark.extra_info["bytes"] = sum(map(len, buffers))
    with capsys.disabled():
        print(f"\nbytes a clip: {sum(map(len, buffers)):,}")


@pytest.mark.benchmark(group="viewer: from a key to the picture")
def test_from_key_to_picture(benchmark, capsys, viewing: Viewing, live) -> None:  # noqa: F811
    """Clip after clip with a pause in between, as one looks; then, without pause, as fast as it goes."""
    page = live(viewing)  # noqa: F811
    heap = "(window.gc && gc(), performance.memory.usedJSHeapSize / 2 ** 20)"

    def walk(count: int, pause: int) -> np.ndarray:
        taken = []
        for _ in range(count):
            taken.append(page.evaluate(PRESS, "ArrowRight"))
            page.wait_for_timeout(pause)
        return np.array(taken)

    page.wait_for_timeout(500)
    looked = walk(40, 250)
    before = page.evaluate(heap)
    fast = benchmark.pedantic(walk, args=(WALKED, 0), rounds=1)
    after = page.evaluate(heap)
    with capsys.disabled():
        for name, times in (("with its neighbours there", looked), ("as fast as it goes", fast)):
            print(f"\n{name}: median {np.median(times):.0f} ms, 95 % {np.quantile(times, 0.95):.0f} ms of {len(times)}")
        print(f"memory of the page: {before:.0f} MB after 40 clips, {after:.0f} MB after {40 + WALKED}")
    benchmark.extra_info |= {"median_ms": float(np.median(looked)), "p95_ms": float(np.quantile(looked, 0.95))}
    assert np.median(looked) < LIMIT_MS
