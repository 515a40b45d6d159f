"""The bed is found in the real stills: two persons, three lightings; a covered camera is seen there too."""

from pathlib import Path

import filmed
import numpy as np
import pytest
from PIL import Image

from sacd.exceptions import SacdError
from sacd.figures.region import region_figure
from sacd.ingest.box import Box
from sacd.ingest.quality import picture_faults
from sacd.ingest.region import WHOLE, find_region, region_of
from sacd.ingest.video import read_video

BED = Box(0.20, 0.14, 0.55, 0.67)
"""Of the EventSleep room, by eye: pillow to foot, edge to edge."""


def stills(real_data: Path, name: str, width: int = 128, height: int = 73) -> np.ndarray:
    files = sorted((real_data / "ir-video-eventsleep" / "stills").glob(f"{name}_*.png"))
    if not files:
        pytest.skip("no stills")
    return np.array([np.asarray(Image.open(file).convert("L").resize((width, height), Image.BOX)) for file in files])


@pytest.mark.parametrize(
    "name", ["subject09_config1", "subject09_config2", "subject09_config3", "subject11_config1", "subject11_config2"]
)
def test_the_bed_of_the_real_stills(real_data: Path, name: str) -> None:
    found = region_of(stills(real_data, name))
    inside = found.within(BED)
    assert inside is not None and inside.width * inside.height > 0.97
    assert found.width * found.height < 1.35 * BED.width * BED.height


def test_the_bed_of_the_real_video(real_data: Path) -> None:
    found = find_region(read_video(real_data / "ir-video-eventsleep" / "subject09_config1.mp4"))
    inside = found.within(BED)
    assert inside is not None and inside.width * inside.height > 0.97


def test_a_cover_over_the_real_stills_is_seen(real_data: Path) -> None:
    names = ("subject09_config1", "subject09_config2", "subject09_config3", "subject11_config1", "subject11_config2")
    still = np.concatenate([stills(real_data, name, 32, 32) for name in names])
    noise = np.random.default_rng(0).normal(0, 1, (len(still), 4, 32, 32))
    clips = np.clip(still[:, None] + noise, 0, 255)
    # Blankets, persons and lightings differ, and nothing is covered.
    assert not picture_faults(clips.astype(np.uint8)).occluded.any()
    covered = clips.copy()
    covered[3, :, :, :18] = 25 + noise[3, :, :, :18]
    covered[12, :, 12:] = 90 + noise[12, :, 12:]
    covered[20] = np.roll(clips[20], 8, axis=-1)  # the camera was turned
    assert np.flatnonzero(picture_faults(covered.astype(np.uint8)).occluded).tolist() == [3, 12, 20]


def test_a_picture_without_a_bed_is_kept_whole(tmp_path: Path) -> None:
    flat = np.full((3, 48, 64), 80, np.uint8)
    assert region_of(flat) == WHOLE
    flat[:, 20:23, 20:23] = 200
    assert region_of(flat) == WHOLE
    video = read_video(filmed.write_numbered(tmp_path / "v.mp4", filmed.times_of(2, 20), pictures=lambda n: np.full(
        (len(n), 48, 64), 90, np.uint8)))  # fmt: skip
    assert find_region(video) == WHOLE


def test_boxes() -> None:
    box = Box.parse("0.1,0.2,0.6,0.5")
    assert box == Box(0.1, 0.2, 0.6, 0.5) and box.pixels(10, 20) == (slice(2, 7), slice(2, 14))
    picture = np.arange(200).reshape(10, 20)
    for quarters in range(4):
        turned = np.rot90(picture, quarters)
        rows, columns = box.pixels(*turned.shape)
        back = box.turned_back(quarters).pixels(*picture.shape)
        assert (np.rot90(picture[back], quarters) == turned[rows, columns]).all()
    assert Box(0.5, 0, 0.5, 1).within(Box(0.25, 0, 0.5, 0.5)) == Box(0.5, 0, 0.5, 1)
    assert Box(0, 0, 0.2, 1).within(Box(0.25, 0, 0.5, 0.5)) is None
    for wrong in ("0.1,0.2,0.6", "a,b,c,d", "0.5,0.5,0.6,0.2", "0,0,0,1", "-0.1,0,0.5,0.5", "nan,0,1,1"):
        with pytest.raises(SacdError, match="region"):
            Box.parse(wrong)


def test_the_figure_shows_the_box() -> None:
    still = np.full((48, 64), 50, np.uint8)
    figure = region_figure(still, Box(0.1, 0.2, 0.6, 0.5), "simulated", Box(0.2, 0.3, 0.1, 0.1))
    boxes = [(patch.get_x(), patch.get_y(), patch.get_width()) for patch in figure.axes[0].patches]
    assert boxes == [(0.1, 0.2, 0.6), (0.2, 0.3, 0.1)]
    assert "0.10,0.20,0.60,0.50" in figure.axes[0].get_title()
