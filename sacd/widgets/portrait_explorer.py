"""One person's clips on the reference map, their hypnogram and the viewer, linked.

A click shows the clip, a lasso marks the same clips in both pictures.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from ipywidgets import Dropdown, VBox

from sacd.analysis.people import People
from sacd.analysis.portrait import Portrait
from sacd.analysis.portrait_density import Density
from sacd.cohort import Cohort
from sacd.figures.exploration import HYPNOGRAM_ORDER
from sacd.figures.style import GRID, INK, ORANGE, STAGE_COLOURS
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES
from sacd.widgets.viewer import Viewer

_MAP_PX, _NIGHT_PX = 430, 210
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
        self._night, self._rows = "", pd.DataFrame()
        self.chooser = Dropdown(options=list(nights), description="night")
        self.map = _map_figure(reference, density, label)
        self.night = _night_figure()
        for figure in (self.map, self.night):
            points = figure.data[-2]
            points.on_click(self._clicked)
            points.on_selection(self._brushed)
        self.chooser.observe(lambda change: self.choose(change["new"]), names="value")
        viewer.on_clip(self.mark)
        super().__init__([self.chooser, self.map, self.night, viewer])
        self.choose(self.chooser.value)

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
        for figure, (x, y) in zip((self.map, self.night), self._places(self._rows), strict=True):
            with figure.batch_update():
                figure.data[-2].update(x=x, y=y, text=words, marker={"color": colours}, selectedpoints=None)

    def mark(self, recording_id: str, clip: int) -> None:
        """Ring a clip in both pictures; another night is drawn first."""
        if recording_id != self._night and recording_id in self.chooser.options:
            self._draw(recording_id)
            self.chooser.value = recording_id
        here = self._rows[self._rows["clip"] == clip]
        for figure, (x, y) in zip((self.map, self.night), self._places(here), strict=True):
            figure.data[-1].update(x=x, y=y)

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
        for figure in (self.map, self.night):
            figure.data[-2].selectedpoints = list(points.point_inds) or None


def _clip_traces(size: int) -> list[go.Scatter]:
    """The night's clips, and the ring around the one that is shown."""
    faint = {"marker": {"opacity": 0.12}}
    ring = {"size": size + 8, "color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 2}}
    return [
        go.Scatter(mode="markers", marker={"size": size}, hoverinfo="text", unselected=faint, name="clips"),
        go.Scatter(mode="markers", marker=ring, hoverinfo="skip", name="shown"),
    ]


def _map_figure(reference: np.ndarray, density: Density, label: str) -> go.FigureWidget:
    x, y = ((edges[1:] + edges[:-1]) / 2 for edges in (density.x, density.y))
    zone = go.Contour(
        x=x.round(_DIGITS), y=y.round(_DIGITS), z=np.nan_to_num(density.share).round(_DIGITS), showscale=False,
        contours={"type": "constraint", "operation": ">=", "value": density.border}, fillcolor="rgba(213,94,0,0.16)",
        line={"color": ORANGE}, name="danger zone", hoverinfo="skip",
    )
    grey = go.Scatter(
        x=reference[:, 0].round(_DIGITS), y=reference[:, 1].round(_DIGITS), mode="markers", hoverinfo="skip",
        marker={"size": 3, "color": GRID}, name="reference people",
    )
    axis = {"visible": False, "fixedrange": False}
    figure = go.FigureWidget([grey, zone, *_clip_traces(7)])
    figure.update_layout(
        height=_MAP_PX, template="simple_white", dragmode="lasso", title=label, xaxis=axis,
        yaxis=axis | {"scaleanchor": "x"}, margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )
    return figure


def _night_figure() -> go.FigureWidget:
    figure = go.FigureWidget(_clip_traces(5))
    figure.update_layout(
        height=_NIGHT_PX, template="simple_white", showlegend=False, dragmode="select",
        xaxis_title="hours from the start of the recording", margin={"l": 10, "r": 10, "t": 10, "b": 10},
        yaxis={
            "tickvals": list(range(len(STAGES))), "ticktext": list(HYPNOGRAM_ORDER),
            "range": [len(STAGES) - 0.5, -0.5],
        },
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
