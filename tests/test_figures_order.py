"""The order of methods under two trunks, as tables and sentences tell it."""

import numpy as np

from sacd.analysis.order import Values, agreement, interactions
from sacd.figures.order import interactions_table, order_in_words


def made(seeds: int = 5) -> Values:
    """A is better than CE under both trunks, B under motion alone."""
    mean = np.array([[0.5, 0.5], [0.6, 0.6], [0.6, 0.4]])[:, :, None, None]
    noise = 0.01 * np.random.default_rng(0).standard_normal((3, 2, seeds, 10))
    return Values(("CE", "A", "B"), ("motion", "pixels"), mean + noise)


def test_the_sentences_name_what_may_be_claimed_and_what_hangs_on_the_trunk():
    found = made()
    text = order_in_words(interactions(found, "CE"), agreement(found), found, "tiny").splitlines()
    assert text[1:3] == ["above CE under both: A", "below CE under both: none"]
    assert text[3].startswith("differences that hang on the trunk (motion − pixels): B +20.")
    assert "if the trunk made no difference" in text[0]


def test_without_seeds_for_it_no_interval_is_told():
    found = made(seeds=2)
    text = order_in_words(interactions(found, "CE"), agreement(found), found, "tiny").splitlines()
    assert "interval" not in text[0]
    assert text[1] == "above CE under both: none"


def test_the_table_has_both_differences_and_the_interaction():
    found = made()
    table = interactions(found, "CE")
    html = interactions_table(table, found, "tiny")
    for name in ("first", "second", "difference"):
        assert f"{100 * table[name].iloc[1]:+.1f}".replace("-", "−") in html
    assert html.count("<tr>") == 1 + 2 + 4
