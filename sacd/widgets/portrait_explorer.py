"""One person's clips on the reference map, their hypnogram and the viewer, linked.

A click shows the clip, a lasso marks the same clips in both pictures. Both are one figure: a browser reads plotly's
5 MB anew for every live figure of a page, and one that takes longer than two seconds never hears of changes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from ipywidgets import Dropdown, VBox
from plotly.subplots import make_subplots

from sacd.analysis.people import People
from sacd.analysis.portrait import Portrait
from sacd.analysis.portrait_density import Density
from sacd.cohort import Cohort
from sacd.figures.exploration import HYPNOGRAM_ORDER
from sacd.figures.style import GRID, INK, ORANGE, STAGE_COLOURS
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES
from sacd.widgets.viewer import Viewer

_HEIGHT_PX, _MAP_SHARE = 660, 0.68
_DIGITS = 2


class ShowsClips(Protocol):
    """What shows a clip, and says when it comes to another: `sacd.widgets.Viewer`."""

    def show(self, recording_id: str, clip: int) -> None:
        """Go to a clip."""

    def on_clip(self, callback: Callable[[str, int], None]) -> None:
        """Have a callback called with every clip that is come to."""


class PortraitExplorer(VBox):
    """The map, below it the night of one recording, below that the viewer.

    Parameters
    ----------
    reference : ndarray [n, 2]
        The map.
    density : Density
        With the danger zones.
    nights : sequence of str
        Recordings to choose from.
    place : callable
        ``place(recording_id)`` → its scored clips: `x`, `y`, `recording_id`, `clip`, `stage`; asked when it is drawn.
    label : str
        `Cohort.label`.
    viewer : ShowsClips
        A widget.
    """

    def __init__(
        self, reference: np.ndarray, density: Density, nights: Sequence[str], place: Callable[[str], pd.DataFrame],
        label: str, viewer: ShowsClips,
    ) -> None:
        self._place, self._viewer = place, viewer
        self._night, self._rows, self._on_map = "", pd.DataFrame(), []
        self.chooser = Dropdown(options=list(nights), description="night")
        self.figure = _figure(reference, density, label)
        self.choose(self.chooser.value)
        # A browser is given the figure as it was made live; of changes since then it sees the last.
        self.figure = go.FigureWidget(self.figure)
        for points in self.clips:
            points.on_click(self._clicked)
            points.on_selection(self._brushed)
            points.on_deselect(lambda trace, points: self._select(None))
        self.chooser.observe(lambda change: self.choose(change["new"]), names="value")
        viewer.on_clip(self.mark)
        super().__init__([self.chooser, self.figure, viewer])

    @property
    def clips(self) -> list[go.Scatter]:
        """The night's clips, on the map and in the night."""
        return list(self.figure.select_traces({"name": "clips"}))

    @property
    def rings(self) -> list[go.Scatter]:
        """Around the clip that is shown, on the map and in the night."""
        return list(self.figure.select_traces({"name": "shown"}))

    def choose(self, recording_id: str) -> None:
        """Draw another night, and show its first clip."""
        if recording_id == self._night:
            return
        self._draw(recording_id)
        first = int(self._rows["clip"].iloc[0])
        self._viewer.show(recording_id, first)
        self.mark(recording_id, first)

    def _draw(self, recording_id: str) -> None:
        self._night = recording_id
        self._rows = self._place(recording_id).sort_values("clip", ignore_index=True)
        stages = self._rows["stage"].to_numpy()
        colours = [STAGE_COLOURS[STAGES[code]] for code in stages]
        words = [f"clip {clip}, {STAGES[code]}" for clip, code in zip(self._rows["clip"], stages, strict=True)]
        with self.figure.batch_update():
            for trace, (x, y) in zip(self.clips, self._places(self._rows), strict=True):
                trace.update(x=x, y=y, text=words, marker={"color": colours}, selectedpoints=None)

    def mark(self, recording_id: str, clip: int) -> None:
        """Ring a clip in both pictures; another night is drawn first."""
        if recording_id != self._night and recording_id in self.chooser.options:
            self._draw(recording_id)
            self.chooser.value = recording_id
        here = self._rows[self._rows["clip"] == clip]
        with self.figure.batch_update():
            for ring, (x, y) in zip(self.rings, self._places(here), strict=True):
                ring.update(x=x, y=y)

    @staticmethod
    def _places(rows: pd.DataFrame) -> list[tuple[Any, Any]]:
        """Where clips stand on the map, and in the night."""
        level = [HYPNOGRAM_ORDER.index(STAGES[code]) for code in rows["stage"]]
        hours = (rows["clip"] * CLIP_SECONDS / 3600).round(4)
        return [(rows["x"].round(_DIGITS), rows["y"].round(_DIGITS)), (hours, level)]

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        if points.point_inds:
            row = self._rows.iloc[points.point_inds[0]]
            self._viewer.show(row["recording_id"], int(row["clip"]))
            self.mark(row["recording_id"], int(row["clip"]))

    def _brushed(self, trace: Any, points: Any, selector: Any) -> None:
        """Plotly asks the map first and then the night, each for what was drawn in it."""
        found = list(points.point_inds)
        if trace is self.clips[0]:
            self._on_map = found
        self._select(found or self._on_map or None)

    def _select(self, rows: list[int] | None) -> None:
        with self.figure.batch_update():
            for trace in self.clips:
                trace.selectedpoints = rows


def _clip_traces(size: int) -> list[go.Scatter]:
    """The night's clips, and the ring around the one that is shown."""
    faint = {"marker": {"opacity": 0.12}}
    ring = {"size": size + 8, "color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 2}}
    return [
        go.Scatter(mode="markers", marker={"size": size}, hoverinfo="text", unselected=faint, name="clips"),
        go.Scatter(mode="markers", marker=ring, hoverinfo="skip", unselected={"marker": {"opacity": 1}}, name="shown"),
    ]


def _figure(reference: np.ndarray, density: Density, label: str) -> go.Figure:
    """The map above the night; the clips and the ring of each are its traces of that name."""
    x, y = ((edges[1:] + edges[:-1]) / 2 for edges in (density.x, density.y))
    share = np.nan_to_num(density.share).round(_DIGITS)
    zone = go.Contour(
        x=x.round(_DIGITS), y=y.round(_DIGITS), z=share, showscale=False,
        contours={"type": "constraint", "operation": ">=", "value": density.border}, fillcolor="rgba(213,94,0,0.16)",
        line={"color": ORANGE}, name="danger zone", hoverinfo="skip",
    )
    grey = go.Scatter(
        x=reference[:, 0].round(_DIGITS), y=reference[:, 1].round(_DIGITS), mode="markers", hoverinfo="skip",
        marker={"size": 3, "color": GRID}, name="reference people",
    )
    figure = make_subplots(rows=2, row_heights=[_MAP_SHARE, 1 - _MAP_SHARE], vertical_spacing=0.04)
    # Where no place is a zone, plotly would fill the whole map.
    zones = [zone] if share.max() >= density.border else []
    figure.add_traces([grey, *zones, *_clip_traces(7)], rows=1, cols=1)
    figure.add_traces([trace.update(showlegend=False) for trace in _clip_traces(5)], rows=2, cols=1)
    figure.update_layout(
        height=_HEIGHT_PX, template="simple_white", dragmode="lasso", title=label,
        xaxis={"visible": False}, yaxis={"visible": False, "scaleanchor": "x"},
        xaxis2={"title": "hours from the start of the recording"},
        yaxis2={
            "tickvals": list(range(len(STAGES))), "ticktext": list(HYPNOGRAM_ORDER),
            "range": [len(STAGES) - 0.5, -0.5],
        },
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )
    return figure


def explore(cohort: Cohort, portrait: Portrait, people: People) -> PortraitExplorer | str:
    """The clips of people whose pictures a cohort holds, on a portrait's map; a sentence where it holds none.

    Parameters
    ----------
    cohort : Cohort
    portrait : Portrait
    people : People
        Of this cohort.
    """
    if cohort.info.video != "raw":
        return "The cohort holds features of the video, and no picture to show."
    scored = people.clips[people.clips["stage"] != NOT_SCORED]
    viewer = Viewer(cohort, clips=scored[["recording_id", "clip"]])
    nights, place = scored["recording_id"].unique(), partial(portrait.place_night, people)
    return PortraitExplorer(portrait.map.points, portrait.density, nights, place, cohort.label, viewer)
