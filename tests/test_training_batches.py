"""What stands together in a batch."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from training_tasks import make_clips

from sacd.exceptions import SacdError
from sacd.training.batches import WINDOW, Sampler, apart
from sacd.training.separate_draws import SeparateSampler


def sampler_of(batch: int, seed: int = 1, **shape: int) -> tuple[Sampler, list[np.ndarray], np.ndarray, np.ndarray]:
    """A sampler, the starts of the windows of each step of its first epoch, and night and person of every clip."""
    clips = make_clips(**shape)
    sampler = Sampler(clips, np.ones(len(clips), dtype=bool), batch, seed)
    steps = len(sampler._order(0)) // sampler.per_step
    starts = [sampler.batch(step)[0].reshape(-1, WINDOW)[:, 0] for step in range(steps)]
    return sampler, starts, clips.night, clips.participant


@pytest.mark.parametrize("batch", [16, 24, 32, 40, 64])
@pytest.mark.parametrize("per_person", [1, 2])
def test_a_batch_holds_several_people_and_from_32_on_pairs_of_one_night(batch: int, per_person: int) -> None:
    _, batches, night, person = sampler_of(batch, nights=10, length=26, per_person=per_person)
    windows, pairs = batch // WINDOW, batch // WINDOW // 2 if batch >= 32 else 0
    for starts in batches:
        nights = Counter(night[starts].tolist())
        people = {person[start] for start in starts}
        assert sorted(nights.values(), reverse=True) == [2] * pairs + [1] * (windows - 2 * pairs)
        assert len(people) == windows - pairs > 1


@pytest.mark.parametrize("batch", [8, 16, 32, 64])
def test_an_epoch_draws_every_window_and_the_next_one_another_order(batch: int) -> None:
    sampler, batches, _, _ = sampler_of(batch, nights=5, length=24)  # 17 windows a night: an odd number
    drawn = Counter(np.concatenate(batches).tolist())
    assert set(drawn) == set(sampler.units[:, 0].tolist()) and max(drawn.values()) <= 2
    twice = 5 * (batch >= 32) + sampler.per_step  # the last of a night, and what fills the last step
    assert sum(count == 2 for count in drawn.values()) <= twice
    assert sampler._order(0).tolist() != sampler._order(1).tolist()


def test_one_persons_nights_stand_for_people() -> None:
    _, batches, night, person = sampler_of(16, nights=3, per_person=3)
    assert len(set(person)) == 1 and all(len(set(night[starts])) == 2 for starts in batches)


def test_a_group_shares_a_row_only_where_it_must() -> None:
    group = np.repeat([0, 1, 2], [9, 2, 1])
    for seed in range(5):
        rows = apart(np.arange(12), group, 2, np.random.default_rng(seed))
        assert sorted(rows.reshape(-1)) == list(range(12))
        assert sum(len(set(group[row])) == 1 for row in rows) == 3  # nine of twelve: three rows cannot but


def test_a_single_window_says_what_it_loses(caplog: pytest.LogCaptureFixture) -> None:
    sampler_of(16)
    assert not caplog.records
    sampler_of(8)
    (record,) = caplog.records
    assert "batch 8 is one window of one night" in record.message and "\n" not in record.message


def test_a_batch_of_stretches_is_unbroken_and_of_different_people() -> None:
    clips = make_clips(nights=4, length=40)
    clips.number[clips.night == 1] += np.arange(40) >= 22  # a gap after 22 clips
    sampler = Sampler(clips, np.ones(len(clips), dtype=bool), 45, 3, "stretch", stretch=20)
    assert sampler.units.shape == (3 * 21 + 3, 20) and sampler.per_step == 2
    again = Sampler(clips, np.ones(len(clips), dtype=bool), 45, 3, "stretch", stretch=20)
    for step in (0, 5, 100, 1):  # a pure function of the step, whatever was drawn before
        index, window = sampler.batch(step)
        stretches = index.reshape(2, 20)
        assert (np.diff(clips.number[stretches]) == 1).all() and (np.diff(clips.night[stretches]) == 0).all()
        assert len(set(clips.participant[stretches[:, 0]])) == 2
        assert window.tolist() == [0] * 8 + [1] * 8 + [2] * 4 + [3] * 8 + [4] * 8 + [5] * 4
        np.testing.assert_array_equal(index, again.batch(step)[0])
    assert len({index for step in range(33) for index in sampler.batch(step)[0]}) == len(clips) - 18


def test_a_stretch_may_hold_a_few_clips_that_nobody_scored() -> None:
    clips = make_clips(nights=2, length=30)
    eligible = clips.night == 0
    eligible[[3, 9]] = False
    sampler = Sampler(clips, eligible, 10, 0, "stretch", stretch=10)
    assert set(clips.night[sampler.units[:, 0]]) == {0} and len(sampler.units) == 21


@pytest.mark.parametrize("separate", [False, True])
def test_a_night_without_a_stretch_is_named_and_not_drawn(separate: bool, caplog: pytest.LogCaptureFixture) -> None:
    clips = make_clips(nights=3, length=30)
    clips.recordings[1] = SimpleNamespace(path=f"recordings/short-{separate}")
    clips.number[clips.night == 1] *= 2
    drawn = clips, np.ones(len(clips), dtype=bool), 20, 0, "stretch", 10
    if separate:
        clips.label[clips.night == 2] = -1
    sampler = SeparateSampler(*drawn, 0.5) if separate else Sampler(*drawn)
    assert set(clips.night[sampler.units[:, 0]]) == {0, 2}
    (told,) = caplog.messages
    short = f"recordings/short-{separate}: no 10 consecutive clips (1 of 3 recordings): nothing is learnt from it"
    assert told.startswith(short)
    (SeparateSampler(*drawn, 0.5) if separate else Sampler(*drawn))
    assert len(caplog.messages) == 1, "once"


def test_nothing_but_short_nights_is_refused() -> None:
    clips = make_clips(nights=2, length=30)
    clips.number *= 2
    with pytest.raises(SacdError, match="no 10 consecutive clips to train on; use a shorter stretch"):
        Sampler(clips, np.ones(len(clips), dtype=bool), 20, 0, "stretch", stretch=10)
