"""The test of tables keeps its level; what it finds says how many participants are enough."""

from sacd.analysis.inference import CLAIM_SEEDS, ENOUGH_PARTICIPANTS
from sacd.analysis.power import rejections


def test_the_level_holds_and_enough_participants_are_read_from_the_power():
    table = rejections()
    print(table.round(3).to_string(index=False))
    assert {8, 16, 24, 105} <= set(table["participants"])
    assert table["sd_seeds"].nunique() == 2
    three, more = table[table["seeds"] == 3], table[table["seeds"] >= 5]
    assert three["level"].max() <= 0.08
    assert more["level"].max() <= 0.06
    finds = table[table["seeds"] == CLAIM_SEEDS].groupby("participants")["power_5"].min()
    assert finds[finds >= 0.25].index.min() == ENOUGH_PARTICIPANTS
    assert finds.is_monotonic_increasing
