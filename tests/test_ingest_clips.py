"""Which clips a night has, and why others are left out."""

from pathlib import Path

import numpy as np
import pytest

from sacd.exceptions import SacdError
from sacd.ingest.clips import Clips, Shown, choose_clips
from sacd.ingest.psg import Psg
from sacd.ingest.scoring import Scoring

VIDEO = Path("night.mp4")


def psg(*segments: tuple[float, float]) -> Psg:
    return Psg(Path("psg.edf"), None, (), segments or ((0.0, 240.0),))


def scoring(stages: str = "01223440", onset: float = 0.0, shares: np.ndarray | None = None) -> Scoring:
    codes = np.array([-1 if stage == "?" else int(stage) for stage in stages])
    return Scoring(Path("scoring.txt"), onset, codes, shares, None, ())


def shown(*spans: tuple[float, float]) -> list[Shown]:
    return [Shown(VIDEO, *span) for span in spans or ((-3.0, 243.0),)]


def numbers(clips: Clips) -> list[int]:
    return clips.table["clip"].tolist()


def test_all_that_three_cover() -> None:
    clips = choose_clips(psg(), scoring(), shown())
    assert numbers(clips) == list(range(8)) and clips.left_out == {}
    assert clips.table.stage.tolist() == [0, 1, 2, 2, 3, 4, 4, 0]


@pytest.mark.parametrize(("onset", "words"), [(47.5, "47.5 s after"), (-40.0, "40 s before")])
def test_a_scoring_by_another_clock_is_told_as_that(onset: float, words: str) -> None:
    said = f"begins {words} the recording psg.edf, and ends {words} it; .*correct its start, .*--allow-gaps"
    with pytest.raises(SacdError, match=said):
        choose_clips(psg(), scoring(onset=onset), shown())
    assert len(choose_clips(psg(), scoring(onset=onset), shown(), allow_gaps=True).table) == 6


@pytest.mark.parametrize(
    ("span", "kept"), [((-3.0, 211.5), range(7)), ((28.0, 243.0), range(1, 8)), ((-3.0, 239.2), range(8))]
)
def test_a_video_that_lacks_some_seconds_loses_a_clip_and_it_is_told(span: tuple[float, float], kept: range) -> None:
    clips = choose_clips(psg(), scoring(), shown(span))
    assert numbers(clips) == list(kept)
    assert clips.left_out == ({"without video": 1} if len(kept) == 7 else {})


def test_a_video_that_lacks_more_is_refused_unless_asked_for() -> None:
    with pytest.raises(SacdError, match="night.mp4: the video .-3 to 147 s.*shorter than the scoring.*--allow-gaps"):
        choose_clips(psg(), scoring(), shown((-3, 147)))
    clips = choose_clips(psg(), scoring(), shown((-3, 147)), allow_gaps=True)
    assert numbers(clips) == [0, 1, 2, 3] and clips.left_out == {"without video": 4}


def test_what_nobody_scored_may_lack_video() -> None:
    clips = choose_clips(psg(), scoring("??223???"), shown((55.0, 151.0)))
    assert numbers(clips) == [2, 3, 4] and clips.left_out == {"without video": 5}


def test_between_two_videos() -> None:
    two = shown((-3, 100), (140, 243))
    clips = choose_clips(psg(), scoring(), two)
    # Clip 3 (90 to 120 s) has 10 s of pictures and one of holding: too few. Clip 4 (120 to 150 s) has as few.
    assert numbers(clips) == [0, 1, 2, 5, 6, 7] and clips.left_out == {"without video": 2}
    assert numbers(choose_clips(psg(), scoring(), shown((-3, 104.5), (133, 243)))) == list(range(8))
    # Where two overlap, no second counts twice.
    assert 3 not in numbers(choose_clips(psg(), scoring(), shown((-3, 100), (92, 99), (140, 243))))


def test_gaps_of_the_recording() -> None:
    gapped = psg((0.0, 100.0), (160.0, 300.0))
    with pytest.raises(SacdError, match="with 1 gap: 60 s after 1 min 40 s; .*--allow-gaps"):
        choose_clips(gapped, scoring("0122344022"), shown((-3, 303)))
    clips = choose_clips(gapped, scoring("0122344022"), shown((-3, 303)), allow_gaps=True)
    assert numbers(clips) == [0, 1, 2, 6, 7, 8, 9] and clips.left_out == {"at a gap of the PSG": 3}
    assert clips.table.segment.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_scorings_of_other_lengths() -> None:
    for stages, how in (("012234", "shorter"), ("0122344001", "longer")):
        with pytest.raises(SacdError, match=f"is {how} than the recording.*--allow-gaps"):
            choose_clips(psg(), scoring(stages), shown())
    assert numbers(choose_clips(psg(), scoring("012234"), shown(), allow_gaps=True)) == list(range(6))
    longer = choose_clips(psg(), scoring("0122344001"), shown(), allow_gaps=True)
    assert numbers(longer) == list(range(8)) and longer.left_out == {"outside the recording": 2}
    # What is not scored beyond the recording tells nothing.
    assert choose_clips(psg(), scoring("01223440????"), shown()).left_out == {}


def test_nobody_scored() -> None:
    clips = choose_clips(psg(), None, shown())
    assert numbers(clips) == list(range(8)) and set(clips.table.stage) == {-1}
    assert numbers(choose_clips(None, None, shown((0.0, 95.0)))) == [0, 1, 2]
    assert choose_clips(psg(), None, shown((40.0, 243.0))).left_out == {"without video": 2}
    with pytest.raises(SacdError, match="shorter than one clip"):
        choose_clips(None, None, shown((0.0, 12.0)))
    with pytest.raises(SacdError, match="no clip is scored"):
        choose_clips(psg(), scoring("????????"), shown())


def test_a_camera_alone_with_a_scoring() -> None:
    clips = choose_clips(None, scoring("0122"), shown((0.0, 121.0)))
    assert clips.table.stage.tolist() == [0, 1, 2, 2] and set(clips.table.segment) == {0}


def test_nothing_in_common() -> None:
    with pytest.raises(SacdError, match="scoring.txt: the scoring .900 to 990 s. lies outside the recording psg.edf"):
        choose_clips(psg(), scoring("012", 900.0), shown(), allow_gaps=True)
    with pytest.raises(SacdError, match="no whole clip has PSG, scoring and video"):
        choose_clips(psg(), None, shown((4000.0, 4300.0)))


def test_shares_of_several_scorers() -> None:
    shares = np.tile(np.float32([0.5, 0.5, 0, 0, 0]), (8, 1))
    table = choose_clips(psg(), scoring(shares=shares), shown((28.0, 243.0))).table
    assert table.filter(like="share_").columns.tolist() == [
        "share_W", "share_N1", "share_N2", "share_N3", "share_REM",
    ]
    assert len(table) == 7 and (table.share_N1 == 0.5).all()
