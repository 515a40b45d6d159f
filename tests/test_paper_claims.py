"""The paper's claims as data: their figures are the tables', their doubts are real, nothing of the text is left out."""

import math

import pytest

from sacd import paper
from sacd.paper.claims import MARGIN, claims, contradictions, doubted

POINTS = {
    name: table.set_index("method")["accuracy"]
    for name, table in (
        ("II", paper.table_ii().query("teacher in ('-', 'Attnsleep')")),
        ("IV", paper.table_iv()),
        ("V", paper.table_v()),
    )
}
BY_NAME = {claim.name: claim for claim in claims()}


def printed(name: str) -> dict[str, float]:
    """Printed figures of a claim in percent points, by what is measured."""
    return {part.title: 100 * part.printed for part in BY_NAME[name].evidence}


def test_the_headlines_are_those_of_the_text():
    """Abstract of section V: 11.9, 12.3, 0.13 over the baseline; 2.1 over CCL; 8.3, 4.3, 2.1, 3.3 for terms; 6.7."""
    assert list(printed("sacd-baseline").values()) == pytest.approx([11.9, 12.3, 13.0])
    assert list(printed("sacd-ccl").values()) == pytest.approx([2.1, 1.9, 4.0])
    assert list(printed("terms").values()) == pytest.approx([8.3, 4.3, 2.1])
    assert list(printed("two-way").values()) == pytest.approx([3.3])
    assert list(printed("fusion-released").values()) == pytest.approx([6.7, 5.6])
    assert list(printed("reverse-near").values()) == pytest.approx([-0.2, 0.2])
    assert list(printed("lambda-collapse").values()) == pytest.approx([12.4])


def test_differences_to_other_methods_are_rows_of_table_ii():
    table = POINTS["II"].rename({"Fitnet": "FitNet"})
    ours = table["SACD(ours)"]
    assert printed("sacd-others") == pytest.approx(
        {f"SACD − {name}, accuracy": ours - table[name] for name in ("FitNet", "PKT", "CRD", "IFD", "CMC")}
    )


def test_fusion_is_compared_with_the_eeg_row_of_table_iv():
    table = POINTS["IV"]
    eeg = table["Baseline Attnsleep (only EEG)"]
    for name in ("fusion-released", "fusion-frozen", "reverse"):
        found = printed(name)
        wanted = {f"{row} − EEG alone, accuracy": table[row] - eeg for row in table.index if row in str(list(found))}
        assert found == pytest.approx(wanted)
    assert list(printed("reverse-ccl").values()) == pytest.approx([table["Experiment F"] - table["Experiment G"]])


def test_ablation_is_compared_with_the_whole_method_of_table_v():
    table = POINTS["V"]
    found = printed("terms") | printed("two-way")
    assert found == pytest.approx({f"SACD − {row}, accuracy": table["ours"] - table[row] for row in found_rows(found)})


def found_rows(found: dict[str, float]) -> list[str]:
    return [title.split(" − ")[1].split(",")[0] for title in found]


def test_every_stage_has_its_most_common_error_of_fig_13():
    parts = [part for name in ("rem-n1", "confusions") for part in BY_NAME[name].evidence]
    assert {part.stage: part.other for part in parts} == dict(paper.figure_13().itertuples(index=False))
    assert all(math.isnan(part.printed) for part in parts)


def test_the_chosen_weights_are_compared_with_every_point_that_the_text_states():
    stated = paper.figure_5().drop_duplicates(["lambda1", "lambda2", "lambda3"])
    compared = [part for name in ("lambda-best", "lambda-collapse") for part in BY_NAME[name].evidence]
    assert len(compared) == len(stated) - 1
    assert {part.system for part in compared} == {"λ = (0.5, 1, 1)"}


def test_claims_have_evidence_or_say_why_not_and_names_of_their_own():
    assert len(BY_NAME) == len(claims())
    for claim in claims():
        assert bool(claim.evidence) != bool(claim.unmeasured), claim.name
        assert claim.text and claim.place


def test_only_nearness_has_a_margin():
    margins = {claim.name for claim in claims() if any(part.threshold for part in claim.evidence)}
    assert margins == {"reverse-near"}
    assert {part.threshold for part in BY_NAME["reverse-near"].evidence} == {-MARGIN}


def test_doubts_are_contradictions_of_the_paper():
    for claim in claims():
        found = contradictions(claim)
        assert list(dict.fromkeys(found["statement"])) == [name for name in found["statement"]]
        assert set(found["statement"]) == set(claim.doubts), claim.name
        assert not found["consistent"].any(), claim.name
    assert set(doubted()["claim"]) <= {claim.text for claim in claims()}
