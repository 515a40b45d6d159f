"""What a teacher knows given a student, on joint distributions whose bits are known."""

import numpy as np
import pandas as pd
import pytest

from sacd.analysis import headroom
from sacd.analysis.headroom import STAGE, STUDENT, TEACHER
from sacd.exceptions import SacdError
from sacd.metrics import N


def joint(teacher, student, stage) -> np.ndarray:
    shares = np.zeros((N, N, N))
    np.add.at(shares, (np.asarray(teacher), np.asarray(student), np.asarray(stage)), 1.0)
    return shares / shares.sum()


def values(shares: np.ndarray) -> dict[str, float]:
    return {name: float(quantity.of(shares)) for name, quantity in headroom.QUANTITIES.items()}


def test_a_teacher_that_knows_all_and_a_student_that_knows_one_bit_of_two():
    stage = [0, 1, 2, 3]
    found = values(joint(stage, [0, 0, 2, 2], stage))
    assert found["stage"] == pytest.approx(2)
    assert (found["student"], found["teacher"], found["shared"], found["added"]) == pytest.approx((1, 2, 1, 1))
    assert (found["rescues"], found["misleads"], found["agreement"]) == pytest.approx((1, 0, 0.5))


def test_two_that_know_only_together():
    """Y = T xor S: each alone tells nothing, the teacher given the student one bit."""
    found = values(joint([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]))
    assert (found["teacher"], found["student"], found["shared"], found["added"]) == pytest.approx((0, 0, 0, 1))


def test_the_chain_rule_holds_for_any_shares():
    shares = np.random.default_rng(0).random((3, N, N, N))
    alone = headroom.bits(shares, TEACHER, STUDENT) + headroom.bits(shares, STAGE)
    both = alone - headroom.bits(shares, *headroom.AXES)
    by_parts = headroom.information(shares, STUDENT, STAGE) + headroom.information_given_student(shares)
    np.testing.assert_allclose(both, by_parts)


def test_what_never_happens_has_no_share():
    always_right = joint([1, 2], [1, 2], [1, 2])
    assert np.isnan(headroom.QUANTITIES["rescues"].of(always_right))


def tables(seeds: int = 3, people: int = 12, clips: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A student that is right in half the clips; a teacher that says anything."""
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product(
        [range(seeds), range(people), range(clips)], names=["seed", "participant_id", "clip"]
    ).to_frame(index=False)
    index["recording_id"] = index["participant_id"].map("P{}-night1".format)
    by_clip = rng.integers(0, N, people * clips)
    index["stage"] = np.tile(by_clip, seeds)
    said = np.where(rng.random(len(index)) < 0.5, index["stage"], rng.integers(0, N, len(index)))
    return index.assign(predicted=rng.integers(0, N, len(index))), index.assign(predicted=said)


def test_information_that_is_not_there_is_not_found():
    """Of few clips the counts alone seem to show bits; leaving out participants takes them away."""
    teacher, student = tables()
    counted = values(headroom.joint_shares(teacher, student)[0].sum(axis=0))
    found = headroom.knowledge(teacher, student).set_index("quantity")
    assert counted["added"] > 0.1
    assert abs(found.loc["added", "value"]) < counted["added"] / 4
    assert found.loc["added", "low"] < 0 < found.loc["added", "high"]
    assert found.loc["student", "low"] > 0.2
    assert found.loc["rescues", "value"] == pytest.approx(1 / N, abs=0.05)
    assert set(found["standing"]) == {"descriptive"}


def test_shares_are_paired_by_seed_and_clip():
    teacher, student = tables()
    shares = headroom.joint_shares(teacher.sample(frac=1, random_state=0), student)
    assert shares.shape == (3, 12, N, N, N)
    assert np.einsum("sptuy->", shares) == pytest.approx(36)
    right = (student["predicted"] == student["stage"]).mean()
    assert (shares.sum(axis=(0, 1, 2)) / 36).trace() == pytest.approx(right)


def test_what_cannot_be_paired_is_refused():
    teacher, student = tables()
    with pytest.raises(SacdError, match="no scored clip"):
        headroom.joint_shares(teacher[teacher.seed == 0].assign(seed=9), student)
    with pytest.raises(SacdError, match="twice"):
        headroom.joint_shares(pd.concat([teacher, teacher]), student)
