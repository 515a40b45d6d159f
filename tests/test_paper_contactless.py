"""What contactless staging has reached elsewhere: shares, each with its source and what differs."""

from sacd import paper


def test_every_row_has_shares_of_four_classes_and_a_source():
    table = paper.contactless()
    assert len(table) >= 6 and not table.sensor.duplicated().any()
    for name in ("accuracy", "kappa"):
        assert table[name].between(0, 1, inclusive="neither").all()
    # Four classes are staged better than chance: κ is below accuracy.
    assert (table.kappa < table.accuracy).all()
    for name in ("sensor", "people", "differs", "source"):
        assert table[name].str.strip().ne("").all(), name
    assert not table.source.duplicated().any()


def test_the_figures_are_those_that_are_published():
    found = {(row.accuracy, row.kappa) for row in paper.contactless().itertuples()}
    assert {(0.68, 0.49), (0.734, 0.61), (0.788, 0.71)} <= found
    radar = paper.contactless()[paper.contactless().sensor.str.startswith("radar")]
    assert radar.accuracy.between(0.76, 0.80).all() and radar.kappa.between(0.64, 0.70).all()
