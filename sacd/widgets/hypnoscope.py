"""The hypnoscope live: all nights stacked, sorted as one likes; a click, or a choice by name, opens one."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, FigureWidget, Heatmap

from sacd.analysis.exploration import ORDERS, sort_nights, stage_raster
from sacd.figures.style import STAGE_COLOURS
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES

_COLOURS = ["#FFFFFF", *(STAGE_COLOURS[stage] for stage in STAGES)]
_SCALE = [[(place + side) / len(_COLOURS), colour] for place, colour in enumerate(_COLOURS) for side in (0, 1)]
OpenNight = Callable[[str, int], Any]


class Hypnoscope(ipywidgets.VBox):
    """Nights as lines in the colours of their stages, under a menu of orders and one of nights.

    Parameters
    ----------
    nights : DataFrame
        `sacd.analysis.exploration.night_table`.
    clips : DataFrame
        See `sacd.analysis.exploration.clip_table`.
    label : str
        `Cohort.label`.
    open_night : callable
        ``open_night(recording_id, clip)`` is called with the clip that was clicked, or a chosen night's first one:
        the `show` of a `sacd.widgets.Viewer`.
    by : str
        What nights are sorted by at first, one of `sacd.analysis.exploration.ORDERS`.
    """

    def __init__(
        self, nights: pd.DataFrame, clips: pd.DataFrame, label: str, open_night: OpenNight, by: str = "onset"
    ) -> None:
        self._nights, self._clips, self._open = nights, clips, open_night
        orders = [name for name, column in ORDERS.items() if column in nights]
        self.order = ipywidgets.Dropdown(options=orders, value=by, description="sorted by")
        self.night = ipywidgets.Dropdown(
            options=[("choose one", None), *((name, name) for name in nights["recording_id"])], description="night"
        )
        figure = Figure(Heatmap(
            z=self._stacked(by), y=self._names(by), x0=CLIP_SECONDS / 7200, dx=CLIP_SECONDS / 3600,
            zmin=NOT_SCORED - 0.5, zmax=len(STAGES) - 0.5, colorscale=_SCALE,
            colorbar={"tickvals": list(range(len(STAGES))), "ticktext": list(STAGES), "thickness": 12},
            hovertemplate="%{y}<br>%{x:.2f} h<extra></extra>",
        ))  # fmt: skip
        figure.update_layout(
            title={"text": escape(label), "font": {"size": 13}}, template="plotly_white",
            height=160 + min(700, max(120, 8 * len(nights))), margin={"l": 10, "r": 10, "t": 40, "b": 40},
            xaxis={"title": "hours from the start of the recording"},
            yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        )
        # A browser is given the figure as it was made live; of changes since then it sees the last.
        self.figure = FigureWidget(figure)
        self.figure.data[0].on_click(self._clicked)
        self.order.observe(self._sorted, "value")
        self.night.observe(self._chosen, "value")
        super().__init__([ipywidgets.HBox([self.order, self.night]), self.figure])

    def _names(self, by: str) -> list[str]:
        return sort_nights(self._nights, by)["recording_id"].tolist()

    def _stacked(self, by: str) -> np.ndarray:
        """Stage codes as whole numbers, −1 where there is none: an eighth of the bytes."""
        raster = stage_raster(sort_nights(self._nights, by), self._clips)
        return np.where(np.isnan(raster), NOT_SCORED, raster).astype(np.int8)

    def _sorted(self, change: dict[str, Any]) -> None:
        with self.figure.batch_update():
            self.figure.data[0].z, self.figure.data[0].y = self._stacked(change["new"]), self._names(change["new"])

    def _clicked(self, trace: Heatmap, points: Any, state: Any) -> None:
        if points.ys:
            own = self._clips[self._clips["recording_id"] == points.ys[0]]
            away = (own["onset"] + CLIP_SECONDS / 2 - 3600 * points.xs[0]).abs().to_numpy()
            self._open(points.ys[0], int(own["clip"].iloc[away.argmin()]))

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            own = self._clips[self._clips["recording_id"] == change["new"]]
            self._open(change["new"], int(own["clip"].iloc[0]))
