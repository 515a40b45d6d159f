"""The figures and words of notebooks 09 and 10 draw what they are given, and say which cohort it is."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from sacd.analysis.ahi import codings, spearman
from sacd.analysis.channels import channel_maps as lay_out
from sacd.analysis.freedman_lane import freedman_lane
from sacd.analysis.portrait_density import group_density
from sacd.analysis.severity import Severity
from sacd.analysis.severity_checks import planted, risk_coverage
from sacd.analysis.video_markers import MARKERS
from sacd.figures.ahi import channel_maps, correlation_panels, marker_panels
from sacd.figures.portrait import density_panels, portrait_panels, rule_panels, zone_panel
from sacd.figures.portrait_words import (
    BY_CONSTRUCTION,
    controls_in_words,
    people_in_words,
    severity_in_words,
    survival_in_words,
)

LABEL = "main $x$ (simulated)"
RNG = np.random.default_rng(0)
AHI = pd.Series(RNG.uniform(0, 60, 40), index=[f"T{number}" for number in range(40)])


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.fixture(scope="module")
def means() -> np.ndarray:
    values = np.random.default_rng(1).normal(size=(40, 5, 10))
    values[:, 3, 0] += 0.3 * AHI.to_numpy()
    values[10:, 1] = np.nan
    return values


@pytest.fixture(scope="module")
def severity() -> Severity:
    features = np.random.default_rng(2).normal(size=(40, 12))
    return Severity.fit(planted(features, AHI.to_numpy(), 0.4), AHI.to_numpy())


def test_the_five_panels_ring_what_survives(means):
    found = spearman(means, codings(AHI))
    survival = freedman_lane(means, codings(AHI), pd.DataFrame({"age": RNG.normal(size=40)}), 200)
    left = survival.survivors
    assert ((left["coding"] == "AHI") & (left["stage"] == "N3") & (left["channel"] == 0)).any()
    figure = correlation_panels(found, survival, LABEL)
    assert LABEL in texts(figure) and len(figure.axes) == 5
    assert "(a) AHI" in texts(figure) and "N1 (n = 10)" in texts(figure)
    dots = [part for part in figure.axes[0].collections if isinstance(part, matplotlib.collections.PathCollection)]
    rings = [len(part.get_offsets()) for part in dots if len(part.get_facecolors()) == 0]
    assert sum(rings) == len(survival.survivors.query("coding == 'AHI'"))
    said = survival_in_words(found, {"confounders": survival}, LABEL)
    assert "Uncorrected, as in the paper" in said and "given age" in said and "with AHI" in said


def test_maps_markers_and_zones(means):
    parts = [means[:26], means[26:]]
    maps = lay_out(*parts, spearman(parts[0], codings(AHI[:26])).assign(rho=0.9), (AHI[:26], AHI[26:]))
    assert LABEL in texts(channel_maps(maps, LABEL)) and len(channel_maps(maps, LABEL).axes) == 2
    assert any("nothing to draw" in text for text in texts(channel_maps({}, LABEL)))
    markers = pd.DataFrame(RNG.normal(size=(40, 2)), index=AHI.index, columns=list(MARKERS))
    figure = marker_panels(markers, AHI, LABEL)
    assert sum(len(part.get_offsets()) for part in figure.axes[0].collections) == 40
    assert any("no motion" in text for text in texts(marker_panels(markers * np.nan, AHI, LABEL)))
    assert LABEL in texts(zone_panel(pd.Series(RNG.random(40), index=AHI.index), AHI, LABEL))


def test_the_portrait_has_zones_and_people():
    points = 0.6 * RNG.normal(size=(160, 2)) + np.where(np.arange(160) % 2, 3, -3)[:, None]
    density = group_density(points, np.arange(160) % 8, np.where(np.arange(160) % 2, 40.0, 3.0))
    placed = pd.DataFrame({"x": [3.0, -3], "y": [3.0, -3], "person": ["A, AHI 80.0", "B, AHI 1.0"]})
    figure = portrait_panels(points, density, {"N2": placed, "N3": placed}, LABEL)
    assert {"(a) N2", "(b) N3", LABEL} <= set(texts(figure))
    names = ["A, AHI 80.0", "B, AHI 1.0", "reference people"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*names, "danger zone"]
    plain = portrait_panels(points, replace(density, share=0 * density.share), {"N2": placed}, LABEL)
    assert [text.get_text() for text in plain.legends[0].get_texts()] == names, "no zone is drawn, and none named"
    assert LABEL in texts(density_panels(density, LABEL)) and density.in_zone(np.array([[3.0, 3.0]])).all()


def test_the_rule_is_drawn_and_told(severity):
    told = severity.tell_all(RNG.normal(size=(10, 12))).assign(outcome=AHI.to_numpy()[:10] >= 15, group="mild")
    curve = risk_coverage(*(told[name].to_numpy() for name in ("probability", "outcome", "distance")))
    figure = rule_panels(curve, 0.25, {"new": told}, severity.limit, LABEL)
    assert LABEL in texts(figure) and "new (n = 10)" in texts(figure)
    said = severity_in_words(severity, told, LABEL)
    assert f"{100 * severity.prevalence:.0f} %" in said and "40 reference people" in said
    said = controls_in_words(np.array([-0.2, -0.1, 0.1, -1]), severity, told, LABEL)
    assert "abstains in 75.0 % of 4 shuffles" in said and said.endswith(LABEL)


def test_who_is_left_out_is_said():
    table = pd.DataFrame({"ahi": [3.0, 40, np.nan, 8], "age": [17.0, 18, 50, np.nan], "sex": "F"})
    said = people_in_words(table, True, LABEL)
    assert "2 adults" in said and "1 under 18" in said and "1 of unknown AHI" in said and BY_CONSTRUCTION in said
    assert "by construction" not in people_in_words(table, False, "clinic")
