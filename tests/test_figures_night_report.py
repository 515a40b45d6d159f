"""The page of a night: its words, that it hides nothing, that nothing from a file becomes markup."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic_nights as made
from bs4 import BeautifulSoup

from sacd.analysis.conformal import interval
from sacd.analysis.night_agreement import agreement
from sacd.analysis.night_report import CALIBRATED, FEW, OTHER_KIND, TOO_FEW, NightReport
from sacd.analysis.review import chance_right, expected_agreement, review_list
from sacd.analysis.sleep_statistics import Lights, paired_statistics, sleep_statistics
from sacd.exceptions import SacdError
from sacd.figures import night_words as words
from sacd.figures.night_report import html, page
from sacd.widgets.choose_night import choose_night

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report() -> NightReport:
    known = made.predictions(24)
    night = made.predictions(1, seed=1).assign(onset=lambda table: 30.0 * table["clip"])
    pairs, lights = paired_statistics(known), Lights(10, 590)
    values = sleep_statistics(night.predicted.to_numpy(), night["clip"].to_numpy(), lights)
    rows = [
        {"statistic": name, "value": value, "scored": value + 3, **interval(pairs, name, value)}
        for name, value in values.items()
    ]
    listed = review_list(night, chance_right(known))
    return NightReport(
        night_id="N1x000-night1", label="tiny (simulated)", simulated=True, start=datetime(2024, 3, 1, 22, 30),
        lights=lights, run_id="student-kd-1a2b3c4d5e6f", method="KD", decision="forward-backward",
        context=False, trained_simulated=True, standing=FEW, calibration_nights=24, clips=night,
        statistics=pd.DataFrame(rows), refused="",
        agreement=agreement(night.stage.to_numpy(), night.predicted.to_numpy()),
        quality=pd.DataFrame([("Black", "dark", 6, 0.01)], columns=["title", "meaning", "clips", "share"]),
        review=listed, expected={count: expected_agreement(listed, count) for count in (0, 20, 50, 100)},
        known_person=False,
    )


def test_a_chosen_nights_report_stands_below_and_a_fault_in_its_place(report):
    def report_of(name: str) -> NightReport:
        if name == EVIL:
            raise SacdError(f"{name}: a part of a night")
        return replace(report, night_id=name)

    chooser = choose_night(["N1", "N2", EVIL], report_of)
    menu, below = chooser.children
    assert "Night N1" in below.value
    menu.value = "N2"
    assert "Night N2" in below.value and "Night N1" not in below.value
    menu.value = EVIL
    assert "a part of a night" in below.value and "<img" not in below.value


def text_of(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")))


def test_page_and_html_say_the_same(report):
    drawn, written = text_of(page(report)), BeautifulSoup(html(report), "html.parser").get_text(" ")
    for said in (
        "Research use only", "Total sleep time", "90 % range", "N1x000-night1", "student-kd-1a2b3c4d5e6f", "simulated",
        "1 March 2024 from 22:30", "5 h 00 min", "no EEG was used", "3 min (1 %)", "chance that a scorer agrees",
    ):
        assert said in drawn and said in written, said
    assert "24 simulated nights" in " ".join(words.statistic_notes(report)) and "clearly fewer" in written
    assert f"{words.when(report, report.review.onset[0])}" in drawn
    assert "NOT VALID" not in drawn + written


def test_every_row_names_value_range_and_scoring(report):
    titles, listed = words.statistic_table(report)
    assert titles == ("", "model", "90 % range", "human scorer")
    rows = {row[0]: row for row in listed}
    total = report.statistics.set_index("statistic").loc["tst"]
    assert rows["Total sleep time"][1:] == (
        f"{total.value:.0f} min", f"{total.low:.0f} to {total.high:.0f}", f"{total.value + 3:.0f} min",
    )
    assert rows["Sleep efficiency"][1].endswith(" %") and rows["Sleep efficiency"][2] == "–"
    undefined = report.statistics.assign(value=np.nan, high=np.nan)
    titles, listed = words.statistic_table(replace(report, statistics=undefined))
    assert titles == ("", "model", "human scorer"), "a column without a range would say nothing"
    assert dict(row[:2] for row in listed)["REM latency"] == "no REM sleep"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"standing": CALIBRATED, "calibration_nights": 120}, "nine of ten people"),
        ({"standing": TOO_FEW, "calibration_nights": 7}, "from 7 scored nights of other people; at least 19"),
        ({"standing": OTHER_KIND, "simulated": False}, "Not calibrated"),
        ({"refused": "a partial night: 0.8 h"}, "No sleep statistics: a partial night: 0.8 h."),
        ({"refused": "a partial night: 0.8 h", "standing": OTHER_KIND, "simulated": False}, "Not calibrated"),
    ],
)
def test_how_far_ranges_go_is_said(report, change, said):
    changed = replace(report, **change)
    assert said in " ".join(words.statistic_notes(changed))
    assert ("clearly fewer" in words.range_in_words(changed)) == (changed.standing == FEW)


def test_across_the_page_where_a_model_of_simulated_people_meets_a_person(report):
    foreign = replace(report, simulated=False, label="video of one night", standing=OTHER_KIND)
    figure = page(foreign)
    (banner,) = [text for text in figure.texts if text.get_text() == words.BANNER]
    assert abs(banner.get_rotation()) > 30 and banner.get_fontsize() > 20
    assert words.BANNER in html(foreign)


def test_a_short_video_is_drawn_in_minutes(report):
    short = replace(report, start=None, lights=None, clips=report.clips.head(8), refused="a partial night: 0.1 h")
    density = next(ax for ax in page(short).axes if ax.get_ylabel() == "chance, %")
    assert density.get_xlabel() == "minutes from the start of the recording"
    assert [label.get_text() for label in density.get_xticklabels()][:4] == ["0", "0.5", "1", "1.5"]


def test_without_scoring_and_clock_and_pictures(report):
    plain = replace(
        report, start=None, agreement=report.agreement[:0], quality=None, lights=None, expected={},
        review=report.review.assign(chance=np.nan), clips=report.clips.assign(stage=-1),
    )
    said = text_of(figure := page(plain))
    assert len(figure.axes) == 3  # the sheet, stages, probabilities
    assert "Nobody scored" in said and "hours from the start" in said and "not checked" in said
    assert "not known" in said and "chance that" not in said and "nan" not in said.lower()


def test_text_from_files_is_inert(report):
    evil = replace(report, night_id=EVIL, label=f"{EVIL} (simulated)", refused=EVIL, statistics=report.statistics[:0])
    soup = BeautifulSoup(html(evil), "html.parser")
    assert not soup.find_all("script") and all(image["src"].startswith("data:") for image in soup.find_all("img"))
    assert "http:" not in (text := str(soup)) and "https:" not in text
    assert page(replace(report, label="$\\frac{ (simulated)"))._repr_png_()


def test_the_portrait_answers_or_says_why_not(report):
    answer = SimpleNamespace(abstains=False, probability=0.634, why="", people=47, prevalence=0.447)
    said = " ".join(words.severity_notes(replace(report, severity=answer)))
    assert "63 %" in said and "47 people compared with, 45 %" in said
    assert (words.chance(0.0004), words.chance(0.9999)) == ("below 1 %", "above 99 %")
    silent = SimpleNamespace(abstains=True, probability=0.9, why="unlike anybody it knows")
    said = " ".join(words.severity_notes(replace(report, severity=silent)))
    assert "unlike anybody" in said and "90" not in said and "polysomnography" in said
    assert words.severity_notes(report) == []


def test_gaps_stay_empty_in_the_hypnodensity(report):
    gap = replace(report, clips=report.clips.drop(index=range(100, 200)))
    figure = page(gap)
    density = next(ax for ax in figure.axes if ax.get_ylabel() == "chance, %")
    top = np.max([layer.get_paths()[0].vertices[:, 1].max() for layer in density.collections])
    assert top == pytest.approx(1, abs=1e-3)
    (layer,) = [part for part in density.collections if part.get_label() == "W"]
    inside = [path for path in layer.get_paths()[0].vertices if 101 * 30 / 3600 < path[0] < 199 * 30 / 3600]
    assert all(abs(height) < 1e-9 for _, height in inside)


@pytest.mark.parametrize(("decision", "context", "said"), [
    ("argmax", False, "each 30 s on its own."),
    ("argmax", True, "each 30 s in the light of its neighbours."),
    ("corrected", False, "each 30 s on its own, corrected for how common stages are."),
    ("corrected", True, "each 30 s in the light of its neighbours, corrected for how common stages are."),
    ("forward-backward", False, "each 30 s in the light of the whole night."),
    ("filter", True, "each 30 s in the light of the night so far."),
])
def test_it_says_what_the_stage_of_a_clip_was_told_from(report, decision, context, said):
    assert words.about(replace(report, decision=decision, context=context))[1].endswith(said)
